"""Which clips are taken of VidOR's videos, and what their records hold."""

import collections
from pathlib import Path

import cv2
import numpy as np
import pytest

from input_pipeline.records import vidor_clips
from input_pipeline.records.vidor_clips import Clip, Outline
from ssa2d_jax.data.vidor_classes import ACTIONS, OBJECTS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video import optical_flow
from tests.fixtures import vidor_release as fixture

DOG, BALL = 1 + OBJECTS.index("dog"), 1 + OBJECTS.index("ball/sports_ball")


def options(release, **changes):
    plain = dict(
        clip_frames=8, labels_per_clip=2, store_height=0, jpeg_quality=95, flow="", flow_height=0, spatial=False
    )
    return vidor_clips.Options(release=release, **plain | changes)


def read_number(jpeg):
    """Which frame of `a2d_fixture.frames` it is: red is 8 times its number."""
    return round(float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., 2].mean()) / 8)


def regions(record, i):
    return cv2.imdecode(np.frombuffer(record["regions"][i], np.uint8), cv2.IMREAD_UNCHANGED)


def test_clips_are_drawn_evenly_over_predicates():
    # Predicate 3 has one instance, predicate 7 has fifty: half of the clips go to each.
    outlines = [Outline(Path("rare"), 2000, ((3, 500, 1500),))]
    outlines += [Outline(Path(f"often{i:02d}"), 2000, ((7, 0, 2000),)) for i in range(50)]
    plan = vidor_clips.drawn_evenly(outlines, 400, 16, seed=0)
    counts = collections.Counter({path.name: len(clips) for path, clips in plan.items()})
    assert 180 <= counts["rare"] <= 200  # less what was drawn twice
    assert counts.total() - counts["rare"] >= 190 and len(plan) > 45
    steps = collections.Counter(clip.step for clips in plan.values() for clip in clips)
    assert abs(steps[1] - steps[2]) < 80
    for clip in plan[Path("rare")]:
        middle = clip.start + ((16 - 1) * clip.step + 1) // 2
        assert 500 <= middle < 1500
    assert plan == vidor_clips.drawn_evenly(outlines, 400, 16, seed=0)
    assert plan != vidor_clips.drawn_evenly(outlines, 400, 16, seed=1)


def test_clips_stay_inside_the_video():
    plan = vidor_clips.drawn_evenly([Outline(Path("v"), 20, ((0, 0, 2), (1, 18, 20)))], 100, 16, seed=0)
    # Step 2 would need 31 frames.
    assert set(plan[Path("v")]) == {Clip(0, 1), Clip(4, 1)}
    assert vidor_clips.drawn_evenly([Outline(Path("v"), 5, ((0, 0, 5),))], 9, 16, seed=0) == {Path("v"): (Clip(0, 1),)}
    assert vidor_clips.drawn_evenly([Outline(Path("v"), 5, ())], 9, 16, seed=0) == {}


def test_a_relation_past_the_end_is_never_drawn(tmp_path):
    relations = [fixture.relation(2, "chase", 5, 0, 9), fixture.relation(2, "bite", 5, 24, 30)]
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7", relations=relations))
    one = vidor_clips.outline(path, options(tmp_path))
    assert [(begin, end) for _, begin, end in one.relations] == [(0, 9)]
    assert len(vidor_clips.drawn_evenly([one], 9, 8, seed=0)) == 1


@pytest.mark.parametrize("frames, expected", [(5, [0]), (16, [0]), (31, [7]), (32, [0, 16]), (100, [0, 28, 56, 84])])
def test_test_clips_are_spread_and_share_no_frame(frames, expected):
    plan = vidor_clips.evenly_spaced([Outline(Path("v"), frames, ())], 4, 16)
    assert [clip.start for clip in plan[Path("v")]] == expected
    assert all(b - a >= 16 for a, b in zip(expected, expected[1:], strict=False))


def test_a_record_has_the_frames_of_its_clip_and_their_labels(tmp_path):
    release = fixture.write_release(tmp_path, train=1, test=1)
    path = release / "annotation/training/0000/100.json"
    (key, one), (_, two) = vidor_clips.records((path, (Clip(3, 1), Clip(4, 2))), options(release))
    assert key == "0000-100:000003:1" and one["video"] == "100"
    assert [read_number(frame) for frame in one["frames"]] == list(range(3, 11))
    assert [read_number(frame) for frame in two["frames"]] == list(range(4, 20, 2))
    assert one["label_position"].tolist() == [2, 6] and one["label_frame"].tolist() == [6, 10]
    assert two["label_position"].tolist() == [2, 6] and two["label_frame"].tolist() == [9, 17]
    for record in (one, two):
        for i, number in enumerate(record["label_frame"] - 1):
            expected = np.zeros(fixture.SIZE, int)
            expected[4:20, number : number + 16] = DOG
            expected[24:32, 30:38] = BALL
            classes = np.concatenate([[0], record["region_actor"][2 * i : 2 * i + 2]])
            np.testing.assert_array_equal(classes[regions(record, i)], expected)
        # The dog's two actions; biting was seen in no half of either clip.
        rows = record["region_actions"][record["region_actor"] == DOG]
        assert [[ACTIONS[a] for a in np.flatnonzero(row)] for row in rows] == [["chase", "watch"]] * 2
        assert not record["region_actions"][record["region_actor"] == BALL].any()


def test_an_action_is_kept_if_it_is_seen_in_half_of_the_clip(tmp_path):
    relations = [fixture.relation(2, "chase", 5, 0, 4), fixture.relation(2, "bite", 5, 0, 3)]
    fixture.write_release(tmp_path, train=0, test=1)
    content = fixture.annotation("7", relations=relations)
    content["trajectories"][0] = []  # nobody is there in frame 0
    fixture.write_video(tmp_path, "7")
    path = fixture.write_annotation(tmp_path, "train", content)
    seen = lambda start: {  # noqa: E731
        ACTIONS[a] for row in vidor_clips.records((path, (Clip(start, 1),)), options(tmp_path, clip_frames=4,
                                                                                    labels_per_clip=4))[0][1]["region_actions"]
        for a in np.flatnonzero(row)
    }  # fmt: skip
    assert seen(0) == {"chase", "bite"}  # in frames 1 to 3, and 1 to 2, of 0 to 3
    assert seen(2) == {"chase"}  # frames 2 and 3 of 2 to 5; biting in frame 2 alone
    assert seen(3) == set()


def test_short_videos_give_what_they_have(tmp_path):
    fixture.write_release(tmp_path, train=0, test=1)
    fixture.write_video(tmp_path, "7", count=5)
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7", count=5))
    ((_, record),) = vidor_clips.records((path, (Clip(0, 1),)), options(tmp_path))
    assert len(record["frames"]) == 5 and record["label_position"].tolist() == [1, 3]


def test_a_video_a_frame_shorter_than_its_annotation_gives_a_shorter_clip(tmp_path):
    fixture.write_video(tmp_path, "7", count=23)
    path = fixture.write_annotation(tmp_path, "test", fixture.annotation("7"))
    made = vidor_clips.records((path, (Clip(0, 1), Clip(16, 1))), options(tmp_path, flow="dis", flow_height=16))
    assert [[read_number(frame) for frame in one["frames"]] for _, one in made] == [
        list(range(8)),
        list(range(16, 23)),
    ]
    assert [len(one["flow"]) for _, one in made] == [8, 7]
    assert made[1][1]["label_frame"].tolist() == [16 + 1 + 1, 16 + 5 + 1]


def test_flow_is_from_each_frame_of_the_clip_to_its_next(tmp_path, monkeypatch):
    release = fixture.write_release(tmp_path, train=1, test=1)
    number = lambda grey: round(float(grey.astype(float).mean()) * 100)  # noqa: E731
    pairs = []

    def estimate(first, second, method):
        pairs.append((number(first), number(second)))
        return np.zeros((*first.shape, 2), np.float32)

    monkeypatch.setattr(optical_flow, "estimate", estimate)
    path = release / "annotation/training/0000/100.json"
    ((_, record),) = vidor_clips.records((path, (Clip(4, 2),)), options(release, flow="dis", flow_height=16))
    assert len(record["flow"]) == len(record["frames"]) == len(pairs) == 8
    assert [second for _, second in pairs[:-1]] == [first for first, _ in pairs[1:]]
    ((_, record),) = vidor_clips.records((path, (Clip(8, 2),)), options(release, flow="dis", flow_height=16))
    assert len(record["flow"]) == 8 and len(pairs) == 8 + 7  # after the video's last frame there is none
    assert record["flow"][-1] == record["flow"][-2]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"frame_count": 40, "trajectories": [[]] * 40}, "has 24 frames, .* describes 40"),
        ({"frame_count": 26, "trajectories": [[]] * 26}, "has 24 frames, .* describes 26"),
        ({"height": 30}, "frame 0 is 48x32, .* describes 48x30"),
        ({"video_path": "0000/gone.mp4"}, "gone.mp4: no such file, though .*7.json names it"),
    ],
)
def test_a_video_that_disagrees_with_its_annotation_is_named(tmp_path, changes, message):
    fixture.write_video(tmp_path, "7")
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7") | changes)
    with pytest.raises(InputError, match=message):
        vidor_clips.records((path, (Clip(0, 1),)), options(tmp_path))
