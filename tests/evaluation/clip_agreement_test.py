"""Agreement of every clip, and which clips are kept for pictures."""

import csv

import numpy as np
import pytest

from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from tests.fixtures.toy import toy_batch

HITS = [30, 80, 0, 10, 60, 50]  # of 100 pixels; the clip without any comes between


def _scored(keep):
    clips = ClipAgreement(keep)
    for start in (0, 4):
        batch = toy_batch(start) | {"clip_id": [f"video {start + i}" for i in range(4)]}
        overlap = np.array([[hit, 100.0] for hit in (HITS + [0, 0])[start : start + 4]])
        if start:
            overlap[2] = 0, 0  # nothing is foreground, neither in truth nor in prediction
            batch["clip_valid"] = np.array([True, True, True, False])
        clips.add(batch, overlap)
    return clips


@pytest.mark.parametrize(
    ("keep", "best", "worst"),
    [
        (0, [], []),
        (2, [1, 4], [2, 3]),
        (4, [1, 4, 5], [2, 3, 0]),  # none is among both
    ],
)
def test_first_best_and_worst_are_kept(keep, best, worst):
    shown = _scored(keep).shown_clips()
    names = {name: caption for name, (caption, _) in shown.items()}
    say = lambda i: f"video {i}: {HITS[i]} %"
    expected = {f"clip_{i}": say(i) for i in range(keep)}
    expected |= {f"best_{i}": say(number) for i, number in enumerate(best)}
    expected |= {f"worst_{i}": say(number) for i, number in enumerate(worst)}
    assert names == expected
    for caption, clip in shown.values():
        number = int(caption.split()[1][:-1])
        np.testing.assert_array_equal(clip["video"], toy_batch(number // 4 * 4)["video"][[number % 4]])
        assert clip["video"].base is None  # not a view that keeps its batch in memory


def test_the_table_begins_with_the_worst_and_has_every_valid_clip(tmp_path):
    _scored(1).write(tmp_path / "clips.csv")
    with open(tmp_path / "clips.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == [f"video {i}" for i in (2, 3, 0, 5, 4, 1, 6)]
    assert [row["agreement"] for row in rows] == ["0.00", "10.00", "30.00", "50.00", "60.00", "80.00", ""]
    assert {row["labelled_frames"] for row in rows} == {"2"}


def test_clips_that_tie_are_not_both_best_and_worst():
    clips = ClipAgreement(keep=2)
    clips.add(toy_batch(0), np.array([[0, 10.0], [0, 10.0], [0, 10.0], [0, 0]]))
    names = {name: caption for name, (caption, _) in clips.shown_clips().items()}
    assert [names[f"best_{i}"] for i in range(2)] == ["clip 0: 0 %", "clip 1: 0 %"]
    assert names["worst_0"] == "clip 2: 0 %" and "worst_1" not in names
    clips = ClipAgreement(keep=1)
    clips.add(toy_batch(0), np.zeros((4, 2)))
    assert clips.shown_clips()["clip_0"][0] == "clip 0: no foreground" and len(clips.shown_clips()) == 1
