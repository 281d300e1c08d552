"""Which clips of VidOR's videos are chosen."""

import collections
from pathlib import Path

import pytest

from input_pipeline.records import vidor_plan
from input_pipeline.records.options import VidorOptions
from input_pipeline.records.vidor_plan import ClipSpan, Outline
from tests.fixtures import vidor_release as fixture


def test_clips_are_drawn_evenly_over_predicates():
    # Predicate 3 has one relation, predicate 7 has fifty: half of the clips go to each.
    outlines = [Outline(Path("rare"), 2000, ((3, 500, 1500),))]
    outlines += [Outline(Path(f"often{i:02d}"), 2000, ((7, 0, 2000),)) for i in range(50)]
    plan = vidor_plan.draw_evenly(outlines, 400, 16, seed=0)
    counts = collections.Counter({path.name: len(clips) for path, clips in plan.items()})
    assert 180 <= counts["rare"] <= 200  # less the clips that were drawn twice
    assert counts.total() - counts["rare"] >= 190 and len(plan) > 45
    steps = collections.Counter(clip.step for clips in plan.values() for clip in clips)
    assert abs(steps[1] - steps[2]) < 80
    for clip in plan[Path("rare")]:
        middle = clip.start + ((16 - 1) * clip.step + 1) // 2
        assert 500 <= middle < 1500
    assert plan == vidor_plan.draw_evenly(outlines, 400, 16, seed=0)
    assert plan != vidor_plan.draw_evenly(outlines, 400, 16, seed=1)


def test_clips_stay_inside_the_video():
    plan = vidor_plan.draw_evenly([Outline(Path("v"), 20, ((0, 0, 2), (1, 18, 20)))], 100, 16, seed=0)
    # Step 2 would need 31 frames.
    assert set(plan[Path("v")]) == {ClipSpan(0, 1), ClipSpan(4, 1)}
    assert vidor_plan.draw_evenly([Outline(Path("v"), 5, ((0, 0, 5),))], 9, 16, seed=0) == {
        Path("v"): (ClipSpan(0, 1),)
    }
    assert vidor_plan.draw_evenly([Outline(Path("v"), 5, ())], 9, 16, seed=0) == {}


def test_a_relation_past_the_end_is_never_drawn(tmp_path):
    relations = [fixture.relation(2, "chase", 5, 0, 9), fixture.relation(2, "bite", 5, 24, 30)]
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7", relations=relations))
    options = VidorOptions(clip_frames=8, labels_per_clip=2, clips_per_video=3, store_height=0, jpeg_quality=95)
    outline = vidor_plan.read_outline(path, tmp_path, options)
    assert [(begin, end) for _, begin, end in outline.relations] == [(0, 9)]
    assert len(vidor_plan.draw_evenly([outline], 9, 8, seed=0)) == 1


@pytest.mark.parametrize("frames, expected", [(5, [0]), (16, [0]), (31, [7]), (32, [0, 16]), (100, [0, 28, 56, 84])])
def test_test_clips_are_spread_and_share_no_frame(frames, expected):
    plan = vidor_plan.space_evenly([Outline(Path("v"), frames, ())], 4, 16)
    assert [clip.start for clip in plan[Path("v")]] == expected
    assert all(b - a >= 16 for a, b in zip(expected, expected[1:], strict=False))
