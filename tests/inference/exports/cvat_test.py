import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ssa2d_jax.data.export_formats import mark_cvat
from ssa2d_jax.data.label_space import A2D, VIDOR
from ssa2d_jax.inference.exports.clip import read_clip
from ssa2d_jax.inference.exports.cvat import check_cvat_names, cvat_run_lengths, write_cvat
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import export_clip

MASKS, POLYGONS = ExportOptions(), ExportOptions(shapes="polygons")


# What encode_mask of cvat_sdk 2.80.0 gives, without the box.
@pytest.mark.parametrize(
    "rows, runs",
    [
        (("..#..", ".###.", "..##."), [1, 1, 1, 3, 1, 2]),
        (("#",), [0, 1]),
        (("##", "##"), [0, 4]),
        (("#.#", "...", "#.#"), [0, 1, 1, 1, 3, 1, 1, 1]),
    ],
)
def test_run_lengths_are_those_of_cvats_own_code(rows, runs):
    mask = np.array([[letter == "#" for letter in row] for row in rows])
    columns = np.flatnonzero(mask.any(0))
    assert cvat_run_lengths(mask[:, columns[0] : columns[-1] + 1]) == runs


def write(folder, options, space=export_clip.SPACE, name="clip.mp4"):
    clip = read_clip(export_clip.write_tracks(folder, space, name))
    remarks = write_cvat(clip, folder, options)
    return (
        ElementTree.parse(folder / "cvat.xml").getroot(),
        json.loads((folder / "cvat_labels.json").read_text()),
        remarks,
    )


def attributes_of(shape):
    """The attributes of a shape, without its mark, which is right."""
    attributes = {entry.get("name"): entry.text for entry in shape.iter("attribute")}
    assert attributes.pop("predicted") == mark_cvat(attributes)
    return attributes


def test_every_mask_and_name_is_in_the_file(tmp_path):
    root, _, _ = write(tmp_path, MASKS)
    assert not list(root.iter("track"))  # of a track with masks CVAT keeps the first one alone
    expected = {(track, frame): mask for track, frames in export_clip.masks().items() for frame, mask in frames.items()}
    for image in root.iter("image"):
        frame = int(image.get("id"))
        assert (image.get("name"), image.get("width"), image.get("height")) == (f"frame_{frame:06d}", "80", "60")
        for shape in image:
            x, y, width, height = (int(shape.get(name)) for name in ("left", "top", "width", "height"))
            runs = [int(run) for run in shape.get("rle").split(",")]
            flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
            mask = np.zeros((60, 80), bool)
            mask[y : y + height, x : x + width] = flat.reshape(height, width)
            track = int(shape.get("group_id"))
            assert (mask == expected.pop((track, frame))).all()
            assert shape.get("label") == export_clip.ACTORS[[1, 4, 300].index(track)]
            action = export_clip.ACTIONS[export_clip.action_of(track, frame) - 1]
            assert attributes_of(shape) == {"action": action, "track_id": str(track)}
    assert expected == {}


def test_a_step_leaves_frames_out(tmp_path):
    root, _, _ = write(tmp_path, ExportOptions(step=10))
    assert [int(image.get("id")) for image in root.iter("image")] == [0, 10, 20]
    assert [len(image) for image in root.iter("image")] == [2, 1, 3]


def test_labels_fit_the_import(tmp_path):
    root, labels, _ = write(tmp_path, MASKS)
    assert [label["name"] for label in labels] == list(export_clip.ACTORS)
    assert len({label["color"] for label in labels}) == 3
    for label in labels:
        assert re.fullmatch("#[0-9a-f]{6}", label["color"]) and label["type"] == "any"
        action, track, mark = label["attributes"]
        assert action == {
            "name": "action", "input_type": "select", "mutable": True,
            "values": [*export_clip.ACTIONS, "__undefined__"], "default_value": "__undefined__",
        }  # fmt: skip
        assert (track["name"], track["input_type"], track["mutable"]) == ("track_id", "text", False)
        assert (mark["name"], mark["input_type"], mark["mutable"]) == ("predicted", "text", True)
    assert [name.text for name in root.findall("meta/task/labels/label/name")] == list(export_clip.ACTORS)
    assert root.find("meta/task/size").text == "24" and root.find("meta/task/original_size/height").text == "60"


def test_several_actions_are_boxes_to_tick(tmp_path):
    root, labels, _ = write(tmp_path / "masks", MASKS, VIDOR)
    ticked = {attribute["name"]: attribute for attribute in labels[0]["attributes"]}
    assert list(ticked) == [*VIDOR.actions[1:], "track_id", "predicted"]
    assert ticked["hug"]["input_type"] == "checkbox" and ticked["hug"]["mutable"] is True
    first, second, fifth = (VIDOR.actions[i] for i in (1, 2, 5))
    shapes = {(int(image.get("id")), shape.get("group_id")): shape for image in root.iter("image") for shape in image}
    assert attributes_of(shapes[0, "1"]) == {first: "true", "track_id": "1"}
    assert attributes_of(shapes[23, "1"]) == {second: "true", fifth: "true", "track_id": "1"}
    root, _, _ = write(tmp_path / "polygons", POLYGONS, VIDOR)
    by_frame = {int(shape.get("frame")): attributes_of(shape) for shape in root.find("track[@id='1']")}
    assert by_frame[0] == {first: "true", second: "false", fifth: "false", "track_id": "1"}
    assert by_frame[23] == {first: "false", second: "true", fifth: "true", "track_id": "1"}


def test_polygons_are_tracks_with_key_frames(tmp_path):
    root, _, remarks = write(tmp_path, POLYGONS)
    tracks = {int(track.get("id")): list(track) for track in root.iter("track")}
    frames = {number: [int(shape.get("frame")) for shape in shapes] for number, shapes in tracks.items()}
    outside = {number: [shape.get("outside") for shape in shapes] for number, shapes in tracks.items()}
    assert frames[1][:3] == [0, 7, 8] and outside[1][:3] == ["0", "0", "1"]  # hidden from 8 to 10
    assert frames[1][3:] == [11, 13, 23] and set(outside[1][3:]) == {"0"}  # the video ends with the track
    assert len(frames[4]) <= 6 and outside[4] == ["0"] * len(frames[4]) and frames[4][-1] == 23
    actions = [attributes_of(shape)["action"] for shape in tracks[1]]
    assert actions == [export_clip.ACTIONS[0]] * 4 + [export_clip.ACTIONS[1]] * 2
    assert {shape.get("keyframe") for shapes in tracks.values() for shape in shapes} == {"1"}
    assert re.fullmatch(r"1\d key frames for 49 masks", remarks[0])
    assert re.fullmatch(r"5 polygons have an IoU below 0.9 .holes.*", remarks[1].replace("with the mask ", ""))


@pytest.mark.parametrize(
    "actors, actions, multilabel, message",
    [
        (("x" * 65,), ("run",), False, "has 65 characters; CVAT keeps 64"),
        (("dog",), ("y" * 65,), True, "has 65 characters; CVAT keeps 64"),
        (("dog", "dog "), ("run",), False, "the actor names 'dog' and 'dog ' are one name in CVAT"),
        (("dog",), ("run", " run"), False, "the action names 'run' and ' run' are one name"),
        (("dog",), ("__undefined__",), False, "an action is named '__undefined__'"),
        (("dog",), ("track_id",), True, "an action is named 'track_id'"),
        (("dog",), ("predicted",), True, "an action is named 'predicted'"),
        (("dog",), tuple(f"{i:04d}" * 5 for i in range(200)), False, "more than 4096 characters"),
    ],
)
def test_names_that_cvat_can_not_hold_are_refused(actors, actions, multilabel, message):
    with pytest.raises(InputError, match=message):
        check_cvat_names(actors, actions, multilabel=multilabel)


def test_the_included_classes_are_held():
    check_cvat_names(A2D.actors[1:], A2D.actions[1:], multilabel=False)
    check_cvat_names(VIDOR.actors[1:], VIDOR.actions[1:], multilabel=True)


def test_a_file_name_that_xml_can_not_hold(tmp_path):
    root, _, _ = write(tmp_path, MASKS, name="a\x01<b>&\udcff.mp4")
    assert root.find("meta/task/name").text == "a\ufffd<b>&\ufffd.mp4"


def test_polygons_of_small_tracks_are_above_those_of_large_ones(tmp_path):
    root, _, _ = write(tmp_path, ExportOptions(shapes="polygons"))
    boxes = {}
    for number, by_frame in export_clip.masks().items():
        boxes[number] = np.mean([(np.ptp(np.nonzero(mask), axis=1) + 1).prod() for mask in by_frame.values()])
    order = sorted(boxes, key=boxes.get, reverse=True)
    layers = {int(track.get("id")): {shape.get("z_order") for shape in track} for track in root.iter("track")}
    assert layers == {number: {str(layer)} for layer, number in enumerate(order)}
