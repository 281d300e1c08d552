"""From label maps to instances: regions, links over time, what they do when, and the files."""

import csv
import json

import numpy as np
import pytest
from pycocotools import mask as coco

from ssa2d_jax.data.label_space import A2D, VIDOR
from ssa2d_jax.inference import track_files
from ssa2d_jax.inference.tracker import Tracker, find_regions
from ssa2d_jax.inference.tracks import Track, _strongest
from ssa2d_jax.runs.defaults import THRESHOLD
from ssa2d_jax.visualization.overlay import draw_boxes

DOG, CAT = A2D.actors.index("dog"), A2D.actors.index("cat")
RUNNING, WALKING, FLYING = (A2D.actions.index(name) for name in ("running", "walking", "flying"))
SIZE = (40, 60)


def _frame(*squares, action=RUNNING, size=SIZE):
    """Actor map and probabilities on half its grid: squares (actor, x, y) of 10 pixels, all doing `action`."""
    actor = np.zeros(size, np.uint8)
    for kind, x, y in squares:
        actor[y : y + 10, x : x + 10] = kind
    grid = actor[::2, ::2]
    actors = 0.8 * np.eye(8)[grid] + 0.2 / 8
    actions = 0.6 * np.eye(10)[np.where(grid, action, 0)] + 0.4 / 10
    return actor, np.concatenate([actors, actions, np.ones((*grid.shape, 1))], -1).astype(np.float32)


def _square(side):
    """Actor map and probabilities of 40x40 pixels with a dog of `side` x `side`."""
    actor = np.zeros((40, 40), np.uint8)
    actor[:side, :side] = DOG
    return actor, np.eye(8 + 10 + 1, dtype=np.float32)[actor]


def _tracked(frames, cuts=(), **options):
    tracker, ended = Tracker(A2D, threshold=THRESHOLD, **options), []
    for number, frame in enumerate(frames):
        ended += tracker.add(number, *frame, number / 25, cut=number in cuts)[1]
    return sorted(ended + tracker.finish(), key=lambda track: track.number)


def test_regions_have_box_mask_and_means():
    actor, probabilities = _frame((DOG, 4, 6), (DOG, 30, 6), (CAT, 14, 6))
    actor[0, 0] = CAT  # one pixel is no instance
    cat, *dogs = find_regions(actor, probabilities, A2D)
    assert (cat.actor, cat.box, cat.area) == (CAT, (14, 6, 10, 10), 100)
    assert [dog.box for dog in dogs] == [(4, 6, 10, 10), (30, 6, 10, 10)] and cat.mask.all()
    assert cat.confidence == pytest.approx(0.825) and cat.actions[RUNNING] == pytest.approx(0.64)
    assert cat.actions.shape == (10,)


def test_two_dogs_that_pass_keep_their_numbers_and_a_cat_comes_later():
    frames = []
    for i in range(20):
        squares = [(DOG, 2 * i, 2), (DOG, 48 - 2 * i, 20)]
        frames.append(_frame(*squares, *([(CAT, 20, 30)] if i >= 9 else [])))
    one, two, three = _tracked(frames)
    assert [track.actor for track in (one, two, three)] == [DOG, DOG, CAT]
    assert one.frames == two.frames == list(range(20)) and three.frames == list(range(9, 20))
    assert one.boxes[5] == (10, 2, 10, 10) and two.boxes[5] == (38, 20, 10, 10)
    assert one.seconds[5] == 0.2 and one.areas[5] == 100
    np.testing.assert_array_equal(one.mask(5), frames[5][0] * (np.arange(40)[:, None] < 15) == DOG)
    assert coco.toBbox(one.masks[5]).tolist() == [10, 2, 10, 10]


@pytest.mark.parametrize(("hidden", "expected"), [(3, [16]), (8, [7]), (9, [4, 3])])
def test_a_short_gap_is_bridged_and_a_long_one_is_not(hidden, expected):
    shown = [_frame((DOG, 10, 10))] * 4
    after = [_frame((DOG, 12, 10))] * (12 if hidden == 3 else 3)
    found = _tracked([*shown, *[_frame()] * hidden, *after], max_gap=8, min_frames=3)
    assert [len(track.frames) for track in found] == expected


def test_no_track_goes_on_over_a_cut():
    one, two = _tracked([_frame((DOG, 10, 10))] * 12, cuts=(5,))
    assert (one.frames, two.frames) == (list(range(5)), list(range(5, 12)))


def test_flicker_is_no_track():
    frames = [_frame((DOG, 10, 10)), _frame((CAT, 10, 10)), *[_frame((DOG, 10, 10))] * 6]
    (dog,) = _tracked(frames)
    assert dog.actor == DOG and dog.frames == [0, 2, 3, 4, 5, 6, 7]


def test_actions_become_segments_without_single_frames_of_another():
    doing = [RUNNING] * 20 + [WALKING] + [RUNNING] * 9 + [WALKING] * 30
    (dog,) = _tracked([_frame((DOG, 10, 10), action=action) for action in doing])
    segments = dog.segments(A2D, smooth=8)
    assert [(one.action, one.first) for one in segments] == [(RUNNING, 0), (WALKING, pytest.approx(30, abs=1))]
    assert segments[0].last + 1 == segments[1].first and segments[1].last == 59
    assert 0.5 < segments[0].confidence < 0.65
    assert dog.describe(A2D, smooth=8).startswith("dog 1: running, frames 0 to ")
    assert dog.latest_action(A2D) == WALKING and dog.frame_actions(A2D)[0] == RUNNING


def test_a_dog_does_not_fly():
    (dog,) = _tracked([_frame((DOG, 10, 10), action=FLYING)] * 5)
    assert FLYING not in dog.frame_actions(A2D) and 0 not in dog.frame_actions(A2D)


def test_several_actions_overlap():
    dog = Track(1, 5, SIZE, THRESHOLD)
    for i in range(10):
        probabilities = np.zeros(42, np.float32)
        probabilities[3], probabilities[7] = 0.9, 0.9 * (i >= 5)
        dog.frames.append(i)
        dog.actions.append(probabilities)
    assert [(one.action, one.first, one.last) for one in dog.segments(VIDOR, smooth=1)] == [(4, 0, 9), (8, 5, 9)]
    assert dog.frame_actions(VIDOR, smooth=1) == [4] * 10
    dog.threshold = 0.95
    assert dog.latest_action(VIDOR) == 0 and dog.segments(VIDOR) == []


def test_files_are_read_by_pycocotools(tmp_path):
    frames = [_frame((DOG, 2 * i, 2), (CAT, 40, 25)) for i in range(10)]
    with track_files.TrackFiles(tmp_path, A2D, video={"file_name": "a.mp4", "height": 40, "width": 60}) as files:
        files.add(_tracked(frames))
        files.end(10)
    saved = json.loads((tmp_path / "tracks.json").read_text())
    assert saved["videos"] == [{"id": 1, "length": 10, "file_name": "a.mp4", "height": 40, "width": 60}]
    assert {one["id"]: one["name"] for one in saved["categories"]}[DOG] == "dog"
    cat, dog = saved["annotations"]
    assert (dog["category_id"], dog["category"], dog["frames"]) == (DOG, "dog", list(range(10)))
    assert dog["actions"] == [{"action": "running", "first": 0, "last": 9, "score": 0.64}]
    assert dog["bboxes"][3] == [6, 2, 10, 10] and dog["areas"] == [100] * 10
    np.testing.assert_array_equal(coco.decode(dog["segmentations"][3]), frames[3][0] == DOG)
    with open(tmp_path / "tracks.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert tuple(rows[13]) == track_files.COLUMNS
    assert ",".join(rows[13].values()) == "2,dog,3,0.120,6,2,10,10,100,running,0.8250"
    assert cat["id"] == 1


def test_nothing_to_track_gives_whole_files(tmp_path):
    with track_files.TrackFiles(tmp_path, A2D, video={}) as files:
        files.add(_tracked([_frame()] * 3))
        files.end(3)
    assert json.loads((tmp_path / "tracks.json").read_text())["annotations"] == []
    assert (tmp_path / "tracks.csv").read_text().splitlines() == [",".join(track_files.COLUMNS)]


def test_boxes_are_drawn_round_their_instances():
    picture = draw_boxes(np.full((200, 300, 3), 90, np.uint8), [((20, 60, 100, 80), "dog 1 running", (255, 0, 0))])
    assert (picture[60, 20:120] == (255, 0, 0)).all() and (picture[60:140, 20] == (255, 0, 0)).all()
    assert (picture[100, 70] == 90).all()
    assert (picture[:60] != 90).any()  # its name, above


def test_short_and_doubtful_tracks_are_dropped():
    frames = [_frame(*([(DOG, 2 * i, 2)] if i < 6 else []), (CAT, 20, 20)) for i in range(12)]
    for actor, probabilities in frames:
        probabilities[actor[::2, ::2] == CAT] *= 0.5
    numbers = lambda **options: [track.number for track in _tracked(frames, **options)]
    dog, cat = sorted(_tracked(frames), key=lambda track: -track.confidence)
    assert (dog.actor, cat.actor) == (DOG, CAT) and dog.confidence > 0.8 > 0.5 > cat.confidence
    assert numbers(min_frames=6) == sorted([dog.number, cat.number]) and numbers(min_frames=7) == [cat.number]
    assert numbers(min_confidence=0.5) == [dog.number] and numbers(min_confidence=0.9) == []


def test_regions_of_less_than_the_least_area_are_no_instance():
    frames = [_frame((DOG, 2, 2), (CAT, 20, 20)) for _ in range(6)]
    dog, cat = _tracked(frames)
    pixels = frames[0][0].size
    numbers = lambda least: [track.number for track in _tracked(frames, min_area=least / pixels)]
    assert dog.areas[0] == cat.areas[0]  # then both or none
    assert numbers(dog.areas[0]) == [dog.number, cat.number] and numbers(dog.areas[0] + 1) == []
    for side in range(1, 40):  # a share that isn't exact in binary is exactly that area
        assert len(find_regions(*_square(side), A2D, side * side / 1600)) == 1, side
        assert find_regions(*_square(side), A2D, (side * side + 1) / 1600) == [], side
    frames[0][0][0, 40] = DOG  # one pixel
    assert len(find_regions(*frames[0], A2D, 0.0)) == 3 and len(find_regions(*frames[0], A2D)) == 2


def test_a_track_does_what_its_actor_was_seen_to_do_in_training():
    actions = np.zeros(10)
    actions[[RUNNING, WALKING]] = 0.3, 0.7
    assert _strongest(actions[None], DOG, A2D, THRESHOLD) == [WALKING]
    assert _strongest(actions[None], DOG, A2D.taught([(DOG, RUNNING), (CAT, WALKING)]), THRESHOLD) == [RUNNING]
    assert _strongest(actions[None], DOG, A2D.taught([(CAT, RUNNING)]), THRESHOLD) == [WALKING]  # no dog was seen
