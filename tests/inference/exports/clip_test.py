import json

import numpy as np
import pytest
from pycocotools import mask as coco

from ssa2d_jax.data.label_space import VIDOR
from ssa2d_jax.inference.exports.clip import read_clip
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import export_clip


def contents(clip):
    return [
        (track.number, track.actor, frame, track.actions[i], track.boxes[i], track.areas[i], track.crop(i).tolist())
        for track in clip
        for i, frame in enumerate(track.frames)
    ]


def test_tracks_come_back_as_they_were_written(tmp_path):
    clip = read_clip(export_clip.write_tracks(tmp_path))
    assert (clip.name, clip.height, clip.width, clip.length) == ("clip.mp4", 60, 80, 24)
    assert (clip.actors, clip.actions, clip.multilabel) == (export_clip.ACTORS, export_clip.ACTIONS, False)
    masks = export_clip.masks()
    found = contents(clip)
    assert len(found) == 49
    for number, actor, frame, actions, (x, y, width, height), area, crop in found:
        whole = np.zeros((60, 80), bool)
        whole[y : y + height, x : x + width] = crop
        assert (whole == masks[number][frame]).all() and area == whole.sum()
        assert actor == export_clip.ACTORS[[1, 4, 300].index(number)]
        assert actions == (export_clip.ACTIONS[export_clip.action_of(number, frame) - 1],)


def test_a_file_that_was_indented_or_is_older_says_the_same(tmp_path):
    path = export_clip.write_tracks(tmp_path)
    expected = contents(read_clip(path))
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content, indent=2))
    assert contents(read_clip(path)) == expected
    del content["actions"], content["multilabel"]
    path.write_text(json.dumps(content))
    older = read_clip(path)
    assert contents(older) == expected and not older.multilabel
    assert sorted(older.actions) == sorted(export_clip.ACTIONS)


def test_several_actions_at_once(tmp_path):
    clip = read_clip(export_clip.write_tracks(tmp_path, VIDOR))
    fifth = VIDOR.actions[5]
    assert clip.multilabel
    (ring, *_) = clip
    assert ring.actions[0] == (VIDOR.actions[1],)
    assert set(ring.actions[ring.frames.index(12)]) == {VIDOR.actions[1], fifth}
    assert set(ring.actions[ring.frames.index(23)]) == {VIDOR.actions[2], fifth}


def test_frame_by_frame_as_track_by_track(tmp_path):
    clip = read_clip(export_clip.write_tracks(tmp_path))
    expected = sorted((frame, track.number) for track in clip for frame in track.frames)
    frames = list(clip.by_frame())
    assert [frame for frame, _ in frames] == list(range(24))
    assert sorted((frame, track.number) for frame, shown in frames for track, _ in shown) == expected
    assert all(track.frames[i] == frame for frame, shown in frames for track, i in shown)
    some = [(frame, track.number) for frame, shown in clip.by_frame(7) for track, _ in shown]
    assert some == [(0, 1), (0, 4), (7, 1), (7, 4), (14, 1), (14, 4), (21, 1), (21, 4), (21, 300)]


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.pop("videos"), "not the tracks.json of a video; expected one video with file_name"),
        (lambda c: c.pop("annotations"), "has no list 'annotations'"),
        (lambda c: c["videos"][0].update(length=5), r"annotations\[0\]: 5 is no whole number from 0 to 4"),
        (lambda c: c["videos"][0].update(length=1 << 30), "not the tracks.json of a video"),
        (lambda c: c["annotations"][0].update(score=float("nan")), "score is nan; expected a number from 0 to 1"),
        (lambda c: c["annotations"][0].update(score=[1]), r"score is \[1\]; expected a number"),
        (lambda c: c["annotations"][2].update(id=1), r"annotations\[2\]: another track has the id 1, too"),
        (lambda c: c["annotations"][1].pop("frames"), r"annotations\[1\]: has no 'frames'"),
        (lambda c: c["annotations"][1]["frames"].reverse(), r"annotations\[1\]: its frames are not ascending"),
        (lambda c: c["annotations"][1]["segmentations"].pop(), "has 23 segmentations, but 24 frames"),
        (lambda c: c["annotations"][1].update(category="horse"), "category 'horse' is not among the categories"),
        (
            lambda c: c["annotations"][0]["segmentations"][0].update(size=[60, 81]),
            r"size \[60, 81\], but the video",
        ),
        (lambda c: c["annotations"][0]["segmentations"][0].update(counts="11"), "a segmentation: its runs cover"),
        (
            lambda c: c["annotations"][0]["segmentations"][0].update(counts="\x7f~~~~"),
            "a segmentation: its counts contain '.x7f', which is not",
        ),
        (lambda c: c["annotations"][0]["segmentations"][0].update(counts="é"), "annotations.0.: "),
        (lambda c: c["videos"][0].update(height=1 << 20, width=1 << 20), "pixels are too many"),
    ],
)
def test_what_can_not_be_right_is_named(tmp_path, change, message):
    path = changed(export_clip.write_tracks(tmp_path), change)
    with pytest.raises(InputError, match=message):
        read_clip(path)


def test_half_a_file_no_file_and_no_json(tmp_path):
    path = export_clip.write_tracks(tmp_path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="breaks off before its end"):
        read_clip(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not JSON in UTF-8"):
        read_clip(path)
    with pytest.raises(InputError, match="can't be read"):
        read_clip(tmp_path / "missing.json")


def test_a_mask_that_was_emptied_is_left_out(tmp_path):
    path = export_clip.write_tracks(tmp_path)
    text = coco.encode(np.zeros((60, 80), np.uint8, order="F"))["counts"].decode()
    changed(path, lambda c: c["annotations"][2].update(segmentations=[{"size": [60, 80], "counts": text}] * 4))
    assert [track.number for track in read_clip(path)] == [1, 4]


def test_tracks_of_a_frame_are_in_the_order_of_the_file_whenever_they_begin(tmp_path):
    path = changed(export_clip.write_tracks(tmp_path), lambda content: content["annotations"].reverse())
    shown = {frame: [track.number for track, _ in tracks] for frame, tracks in read_clip(path).by_frame()}
    assert shown[0] == [4, 1] and shown[9] == [4] and shown[23] == [300, 4, 1]
