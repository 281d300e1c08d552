"""Clips that several processes have evaluated are those that one would have had."""

import numpy as np
import pytest

from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from ssa2d_jax.evaluation.gathered_clips import gather_clips, pack, unpack_into
from tests.fixtures.toy import toy_batch

# Agreeing and counted pixels of eight clips; the fifth has no foreground, the last is padding.
OVERLAP = np.array([[9, 10], [1, 10], [5, 10], [10, 10], [0, 0], [2, 10], [10, 10], [3, 10]], np.float32)


def _batch(first, last):
    batch = toy_batch(0, batch=8)
    batch["clip_valid"][7] = False
    part = {key: value[first:last] for key, value in batch.items()}
    return part | {"clip_id": [f"video {i}" for i in range(first, last)]}


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_the_clips_of_two_processes_are_those_of_one(keep, tmp_path):
    whole = ClipAgreement(keep)
    whole.add(_batch(0, 8), OVERLAP)
    merged = ClipAgreement(keep)
    for first in (4, 0):  # in whatever order
        part = ClipAgreement(keep)
        part.add(_batch(first, first + 4), OVERLAP[first : first + 4], first)
        unpack_into(merged, pack(part))
    assert [row.name for row in merged.rows] == [f"video {i}" for i in range(7)]
    for clips, name in ((whole, "whole.csv"), (merged, "merged.csv")):
        clips.write(tmp_path / name)
    assert (tmp_path / "whole.csv").read_text() == (tmp_path / "merged.csv").read_text()
    one, other = whole.shown_clips(), merged.shown_clips()
    assert list(one) == list(other) and len(one) == 3 * keep
    for name, shown in one.items():
        assert shown.caption == other[name].caption
        for key, array in shown.clip.items():
            np.testing.assert_array_equal(array, other[name].clip[key])


def test_the_clips_of_one_process_are_left_alone():
    clips = ClipAgreement(1)
    assert gather_clips(clips) is clips
