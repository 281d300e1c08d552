import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, convert, make_video, read_labels, read_rows


def _shape(label="dog", points=((2, 2), (9, 2), (9, 9)), kind="polygon", group=None, flags=("running",), **fields):
    return {"label": label, "points": [list(point) for point in points], "shape_type": kind, "group_id": group,
            "flags": dict.fromkeys(flags, True), "description": "", "mask": None, **fields}  # fmt: skip


def _write(folder, number, shapes, name=None, **fields):
    """Writes the JSON file of a picture, and the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = name or f"{number:05}"
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{stem}.png", "imageData": None,
               "imageHeight": 30, "imageWidth": 40, **fields}  # fmt: skip
    (folder / f"{stem}.json").write_text(json.dumps(content))
    Image.fromarray(np.full((30, 40, 3), number, np.uint8)).save(folder / f"{stem}.png")


def test_labels_are_those_that_labelme_draws(tmp_path):
    report = convert(DATA / "labelme/walk", tmp_path / "out")
    labels = read_labels(tmp_path / "out", "walk")
    for frame, instances in json.loads((DATA / "labelme/instances.json").read_text()).items():
        # labelme numbers instances by picture: the dog of two parts, the circle, the mask
        np.testing.assert_array_equal(labels[int(frame)], np.array(instances))
    assert read_rows(tmp_path / "out") == [
        ("walk", "1", "dog", "running", "0", "2"),
        ("walk", "2", "bird", "flying", "0", "1"),
        ("walk", "2", "bird", "sitting", "2", "2"),
        ("walk", "3", "bird", "flying", "0", "2"),
    ]
    assert "action: the flags of the shapes" in report
    assert "boxes were filled in 3 frames" in report


def test_all_pictures_of_the_folder_are_the_video_and_only_those_with_json_are_labelled(tmp_path):
    shutil.copytree(DATA / "labelme/walk", tmp_path / "walk")
    (tmp_path / "walk/00001.json").unlink()
    convert(tmp_path / "walk", tmp_path / "out")
    assert len(list((tmp_path / "out/videos/walk").iterdir())) == 3
    assert list(read_labels(tmp_path / "out", "walk")) == [0, 2]


def test_json_alone_belongs_to_a_video_by_its_numbers(tmp_path):
    for number in (1, 11, 21):
        _write(tmp_path / "export", number, [_shape()], name=f"clip_{number:04}")
        (tmp_path / f"export/clip_{number:04}.png").unlink()
    make_video(tmp_path / "videos", "clip.mp4", 60)
    report = convert(tmp_path / "export", tmp_path / "out", tmp_path / "videos")
    assert list(read_labels(tmp_path / "out", "clip")) == [1, 11, 21]
    assert "the first is 1: if ffmpeg counted from 1, give --config.convert.first_frame=-1" in report
    convert(tmp_path / "export", tmp_path / "other", tmp_path / "videos", first_frame=-2, frame_step=2)
    assert list(read_labels(tmp_path / "other", "clip")) == [0, 20, 40]


@pytest.mark.parametrize(
    ("shapes", "place", "rows"),
    [
        (
            [_shape("dog:running", flags=()), _shape("bird: flying", flags=())],
            "labels",
            [("dog", "running"), ("bird", "flying")],
        ),
        ([_shape(flags=(), description="running")], "descriptions", [("dog", "running")]),
        ([_shape(flags=("running", "occluded"))], "flags", [("dog", "running")]),
    ],
)  # fmt: skip
def test_the_action_is_in_labels_flags_or_descriptions(tmp_path, shapes, place, rows):
    shapes[-1]["points"] = [[20, 20], [28, 20], [28, 28]]
    _write(tmp_path / "walk", 0, shapes)
    report = convert(tmp_path / "walk", tmp_path / "out")
    assert f"action: the {place}" in report
    assert [row[2:4] for row in read_rows(tmp_path / "out")] == rows


def test_an_action_that_may_be_in_two_places_is_chosen(tmp_path):
    _write(tmp_path / "walk", 0, [_shape(description="my first label")])
    message = r"not clear where the action is; .* one of flags \(as in 00000.json\), description \(as in 00000.json\)"
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "walk", tmp_path / "out")
    convert(tmp_path / "walk", tmp_path / "out", action_attribute="flags")
    assert read_rows(tmp_path / "out")[0][3] == "running"
    with pytest.raises(InputError, match="'mood'; of labelme: label, flags, description"):
        convert(tmp_path / "walk", tmp_path / "other", action_attribute="mood")


def test_without_any_action_it_is_said_where_to_write_it(tmp_path):
    _write(tmp_path / "walk", 0, [_shape(flags=())])
    with pytest.raises(InputError, match="walk/00000.json: says who is where, but not what they do; set a flag"):
        convert(tmp_path / "walk", tmp_path / "out")


def test_a_group_is_one_instance_in_all_frames(tmp_path):
    for frame in range(2):
        parts = [_shape(group=4), _shape(group=4, points=((20, 20), (28, 20), (28, 28))), _shape(group=9, flags=())]
        _write(tmp_path / "walk", frame, parts[:: 1 if frame else -1])
    convert(tmp_path / "walk", tmp_path / "out")
    assert [row[3:] for row in read_rows(tmp_path / "out")] == [("running", "0", "1")]


def test_a_picture_whose_json_has_no_shape_is_background(tmp_path):
    _write(tmp_path / "walk", 0, [_shape()])
    _write(tmp_path / "walk", 1, [])
    report = convert(tmp_path / "walk", tmp_path / "out")
    assert not read_labels(tmp_path / "out", "walk")[1].any()
    assert "1 picture with no shape: labelled as background" in report


def test_lines_and_points_are_counted(tmp_path):
    _write(
        tmp_path / "walk",
        0,
        [_shape(), _shape(kind="line", points=((1, 1), (5, 5))), _shape(kind="point", points=((1, 1),))],
    )
    report = convert(tmp_path / "walk", tmp_path / "out")
    assert "1 shape of kind 'line' left out, whose pixels are background, or what else is drawn there: " in report
    assert "Draw the object as an area, too: 00000.json, shape 2 ('dog')\n" in report
    assert "1 shape of kind 'point' left out" in report and "00000.json, shape 3 ('dog')" in report


def _png(values):
    file = io.BytesIO()
    Image.fromarray(np.array(values, np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (_shape(points=((1, 1), (5, 5))), "its polygon has 2 points; at least 3 are needed"),
        (_shape(kind="circle", points=((1, 1),)), "a circle has 2 points, but this one has 1"),
        (_shape(kind="spiral"), "shape 1 .*: its shape_type is 'spiral'; known: polygon"),
        (_shape(flags=("running", "eating")), "has the flags running, eating; a pixel can have one action"),
        (_shape(label=7), "label is 7; expected a text"),
        (_shape(group="one"), "group_id is 'one'; expected a whole number"),
        (_shape(points=((1, "x"), (2, 2), (3, 3))), r"a point is \[1, 'x'\]; expected a list of numbers"),
        (_shape(kind="mask", points=((1, 1), (2, 2)), mask="no base64!"), "its mask is no PNG in base64"),
        (_shape(kind="mask", points=((1, 1), (2, 2)), mask=_png([[1, 1, 1]])), "its mask has 3x1 .* enclose 2x2"),
        (_shape(kind="mask", points=((39, 1), (40, 2)), mask=_png([[1, 1], [1, 1]])), "does not lie inside the frame"),
    ],
)  # fmt: skip
def test_a_picture_with_a_bad_shape_is_left_out_and_named(tmp_path, shape, message):
    _write(tmp_path / "walk", 0, [_shape()])
    _write(tmp_path / "walk", 1, [shape])
    report = convert(tmp_path / "walk", tmp_path / "out", action_attribute="flags")
    assert list(read_labels(tmp_path / "out", "walk")) == [0]

    assert re.search(f"(note|left out): .*{message}", report)


def test_pictures_without_frame_numbers_and_of_several_sizes_are_refused(tmp_path):
    _write(tmp_path / "a", 0, [_shape()], name="dog")
    with pytest.raises(InputError, match="the picture 'dog.png' has no frame number in its name"):
        convert(tmp_path / "a", tmp_path / "out")
    _write(tmp_path / "b", 0, [_shape()])
    _write(tmp_path / "b", 1, [_shape()], imageWidth=41)
    with pytest.raises(InputError, match="the pictures of b have several sizes"):
        convert(tmp_path / "b", tmp_path / "out")


def test_a_picture_named_outside_of_the_folder_is_looked_for_inside(tmp_path):
    _write(tmp_path / "walk", 0, [_shape()], imagePath="..\\..\\secret\\00000.png")
    convert(tmp_path / "walk", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/videos/walk").iterdir()] == ["00000.png"]


def test_a_folder_of_a_usual_name_gives_the_video_the_name_of_the_one_around_it(tmp_path):
    _write(tmp_path / "garden/labelme", 0, [_shape()])
    report = convert(tmp_path / "garden/labelme", tmp_path / "out")
    assert [row[0] for row in read_rows(tmp_path / "out")] == ["garden"]
    assert "note: the export names no video; it is called garden, as the folder of labelme, which you can ren" in report
    assert "names no video" not in convert(tmp_path / "garden", tmp_path / "other")


def test_flags_of_whole_pictures_are_named_and_those_that_are_no_object_have_a_place(tmp_path):
    _write(tmp_path / "walk", 0, [_shape()], flags={"good": True, "blurred": False})
    assert "note: flags of whole pictures are not used: good\n" in convert(tmp_path / "walk", tmp_path / "out") + "\n"
    _write(tmp_path / "walk", 1, [{**_shape(), "flags": [1]}])
    with pytest.raises(InputError, match=r"walk/00001.json: the flags of a shape are \[1\]; expected an object"):
        convert(tmp_path / "walk", tmp_path / "other")


def test_a_circle_that_would_take_minutes_is_refused(tmp_path):
    _write(tmp_path / "walk", 0, [_shape()])
    _write(tmp_path / "walk", 1, [_shape(kind="circle", points=((5, 5), (1_000_000, 5)))])
    report = convert(tmp_path / "walk", tmp_path / "out")
    assert "frame 1 is not labelled: dog 1: its circle has a radius of 999,995 pixels; at most 32,768" in report
