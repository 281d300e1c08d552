import json
import re

import numpy as np
import pytest

from input_pipeline.exports import drawing
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, SIZE, convert, make_video, read_labels, read_rows

TRIANGLE = [2, 2, 12, 2, 12, 12]
RUNNING = {"action": "running"}


def _annotation(image=1, category=1, segmentation=None, attributes=RUNNING, **fields):
    outline = [TRIANGLE] if segmentation is None else segmentation
    return {"id": 1, "image_id": image, "category_id": category, "segmentation": outline, "iscrowd": 0,
            "bbox": [2, 2, 10, 10], "attributes": attributes, **fields}  # fmt: skip


def _export(folder, *annotations, name="instances_default.json", **fields):
    """Writes a COCO file of three pictures, and a video of ten frames."""
    folder.mkdir(exist_ok=True)
    images = [{"id": n + 1, "file_name": f"walk_{n:03}.png", "height": 30, "width": 40} for n in range(3)]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}], **fields}
    (folder / name).write_text(json.dumps(content))
    make_video(folder / "videos", "walk.mp4", 10)
    return folder / name


def _convert(folder, *annotations, **fields):
    source = _export(folder, *annotations, **fields)
    report = convert(source, folder / "out", folder / "videos")
    return report, read_rows(folder / "out"), read_labels(folder / "out", "walk")


@pytest.mark.parametrize(("form", "boxes"), [("coco", 3), ("coco_masks", 0)])
def test_what_datumaro_and_so_cvat_writes_is_read(tmp_path, form, boxes):
    make_video(tmp_path / "videos", "any.mp4", 10)
    report = convert(DATA / "datumaro" / form, tmp_path / "out", tmp_path / "videos")
    assert [row[2:] for row in read_rows(tmp_path / "out")] == [
        ("dog", "running", "4", "6"), ("dog", "eating", "8", "8"), ("bird", "flying", "4", "8")
    ]  # fmt: skip
    labels = read_labels(tmp_path / "out", "any")
    for frame, expected in json.loads((DATA / "datumaro/instances.json").read_text()).items():
        np.testing.assert_array_equal(labels[int(frame)], expected)
    assert ("boxes were filled in 3 frames" in report) == bool(boxes)
    assert "the attribute 'activity' (guessed: by its name" in report
    assert "in 2 a person drew a shape, in 1 the tool drew all of them" in report  # keyframe is false in the second
    assert ("6 annotations are marked as crowds" in report) == (form == "coco_masks")


def test_parts_holes_of_overlaps_and_the_later_one_on_top(tmp_path):
    below = _annotation(segmentation=[TRIANGLE, [20, 20, 30, 20, 30, 28]])
    above = _annotation(segmentation=[[8, 2, 20, 2, 20, 12]], attributes={"action": "eating"})
    _, rows, labels = _convert(tmp_path, below, above)
    assert [row[3] for row in rows] == ["running", "eating"]
    top = drawing.draw_coco_polygons([np.array([[8.0, 2], [20, 2], [20, 12]])], SIZE)
    np.testing.assert_array_equal(labels[0] == 2, top)
    assert labels[0][21, 28] == 1 and labels[0][2, 3] == 1


def test_a_track_id_is_one_instance_in_all_pictures(tmp_path):
    tracked = [_annotation(image, attributes={**RUNNING, "track_id": 5}) for image in (1, 2, 3)]
    report, rows, _ = _convert(tmp_path, *tracked)
    assert rows == [("walk", "1", "dog", "running", "0", "2")]
    assert "track_id" not in report


def test_an_action_may_stand_in_the_annotation_or_in_the_category(tmp_path):
    _, rows, _ = _convert(tmp_path / "a", _annotation(attributes={}, action="eating"))
    assert rows[0][2:4] == ("dog", "eating")
    categories = [{"id": 1, "name": "dog:running"}]
    _, rows, _ = _convert(tmp_path / "b", _annotation(attributes={}), categories=categories)
    assert rows[0][2:4] == ("dog", "running")


def test_two_categories_of_one_name_are_one_class_and_said(tmp_path):
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "dog"}]
    report, rows, _ = _convert(tmp_path, _annotation(), _annotation(2, 2), categories=categories)
    assert {row[2] for row in rows} == {"dog"}
    assert "categories of one name are one class: 'dog'" in report


def test_files_of_splits_divide_the_videos(tmp_path):
    _export(tmp_path, _annotation(), name="instances_train.json")
    images = [{"id": 1, "file_name": "run_000.png", "height": 30, "width": 40}]
    _export(tmp_path, _annotation(), name="instances_val.json", images=images)
    make_video(tmp_path / "videos", "run.mp4", 10)
    convert(tmp_path, tmp_path / "out", tmp_path / "videos")
    assert [(row[0], row[6]) for row in read_rows(tmp_path / "out")] == [("walk", "train"), ("run", "test")]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"segmentation": [[1, 1, 9, 9]]}, "annotation 2.*its polygon has 2 points"),
        ({"segmentation": [[1, 1, 9]]}, "annotation 2: its points are not pairs"),
        ({"segmentation": [], "bbox": [1, 2]}, r"annotation 2: bbox is \[1.0, 2.0\]; expected left, top, width"),
        ({"segmentation": [], "bbox": None}, "there is no segmentation, and bbox is None"),
        ({"segmentation": {"size": [40, 30], "counts": [1200]}}, r"its size is \[40, 30\]; the video's is \[30, 40\]"),
        ({"segmentation": {"size": [30, 40], "counts": [0, 1201]}}, "one of its runs is below 0 or above 30 x 40"),
        ({"category": 7}, "annotation 2: category_id is 7, which no category has"),
    ],
)
def test_a_picture_with_a_bad_annotation_is_left_out_and_named(tmp_path, fields, message):
    report, _, labels = _convert(tmp_path, _annotation(), _annotation(2, **fields))
    assert list(labels) == [0]
    assert re.search(f"(note|left out): .*{message}".replace("annotation 2.*its", ".*its"), report), report


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"images": [{"id": 1, "file_name": "dog.png", "height": 3, "width": 4}]}, "'dog.png' has no frame number"),
        ({"images": [{"id": 1, "file_name": "a_1.png", "height": 0, "width": 4}]}, "height is 0; expected a whole"),
        ({"images": [{"id": 1, "file_name": "a_1.png"}] * 2}, "two images have the same id"),
        ({"images": [{"id": n, "file_name": "a_1.png"} for n in (1, 2)]}, "two images have the same file_name"),
        ({"images": [{"id": 9, "file_name": "a_1.png"}]}, "annotation 1 has image_id 1, which no image has"),
        ({"images": "none"}, "images is 'none'; expected a list of objects"),
        ({"categories": [{"id": 1}]}, "a category's name is None; expected a text"),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_used_is_named(tmp_path, fields, message):
    with pytest.raises(InputError, match=message):
        _convert(tmp_path, _annotation(), **fields)


def test_an_attribute_that_is_not_there_is_an_error(tmp_path):
    source = _export(tmp_path, _annotation())
    with pytest.raises(InputError, match=r"no label has the attribute 'gait' .*; there are 'action'"):
        convert(source, tmp_path / "out", tmp_path / "videos", action_attribute="gait")


def _unnamed(folder, **fields):
    """Writes a coco.json whose pictures are called by their frames alone."""
    folder.mkdir(parents=True)
    images = [{"id": 1, "file_name": "frame_000002.PNG", "height": 30, "width": 40}]
    content = {"images": images, "annotations": [_annotation()], "categories": [{"id": 1, "name": "dog"}], **fields}
    (folder / "coco.json").write_text(json.dumps(content))


def test_a_video_that_the_export_does_not_name_is_called_as_the_only_one_that_is_given(tmp_path):
    _unnamed(tmp_path / "out/park")
    make_video(tmp_path / "videos", "garden 2.mp4", 10)
    report = convert(tmp_path / "out/park/coco.json", tmp_path / "own", tmp_path / "videos")
    assert [row[0] for row in read_rows(tmp_path / "own")] == ["garden_2"]
    assert "the export names no video; it is called garden 2, as " in report
    make_video(tmp_path / "videos", "walk.mp4", 10)
    with pytest.raises(InputError, match=r"video park is neither .*names no video: put its video alone .* name both"):
        convert(tmp_path / "out/park/coco.json", tmp_path / "other", tmp_path / "videos")
    make_video(tmp_path / "videos", "park.mp4", 10)
    convert(tmp_path / "out/park/coco.json", tmp_path / "other", tmp_path / "videos")
    assert [row[0] for row in read_rows(tmp_path / "other")] == ["park"]


def test_predictions_name_their_video_and_other_descriptions_are_no_names(tmp_path):
    for name in ("garden", "park"):
        _unnamed(tmp_path / "predicted" / name, info={"description": f"{name}.mp4", "contributor": "ssa2d_jax predict"})
        make_video(tmp_path / "videos", f"{name}.mp4", 10)
    convert(tmp_path / "predicted", tmp_path / "own", tmp_path / "videos")
    assert [row[0] for row in read_rows(tmp_path / "own")] == ["garden", "park"]
    _unnamed(tmp_path / "walk", info={"description": "COCO 2017 Dataset"})
    make_video(tmp_path / "videos", "walk.mp4", 10)
    convert(tmp_path / "walk/coco.json", tmp_path / "other", tmp_path / "videos")
    assert [row[0] for row in read_rows(tmp_path / "other")] == ["walk"]


def test_attributes_that_are_not_clear_are_those_of_the_file_or_files(tmp_path):
    attributes = {"gait": "slow", "mood": "happy"}
    source = _export(tmp_path / "a", _annotation(attributes=attributes))
    with pytest.raises(InputError, match=r"instances_default.json: it is not clear which attribute .*'gait', 'mood'"):
        convert(source, tmp_path / "out", tmp_path / "a/videos")
    _export(tmp_path / "a", _annotation(attributes=attributes), name="more.json")
    with pytest.raises(InputError, match=r"a \(instances_default.json, more.json\): it is not clear which attribute"):
        convert(tmp_path / "a", tmp_path / "out", tmp_path / "a/videos")


def test_pictures_that_begin_at_1_are_not_those_of_labels_that_begin_at_0(tmp_path):
    source = _export(tmp_path, _annotation(image=2))
    pictures = tmp_path / "cut/walk"
    pictures.mkdir(parents=True)
    for number in range(1, 11):
        (pictures / f"walk_{number:03}.jpg").write_bytes((DATA / "labelme/walk/00000.jpg").read_bytes())
    with pytest.raises(InputError, match="walk's pictures begin at 0, those in .*cut/walk at 1"):
        convert(source, tmp_path / "out", tmp_path / "cut")


def test_checkboxes_of_a_person_are_not_taken_for_actions(tmp_path):
    ticked = _annotation(attributes={"blurred": True, "visible": False, "track_id": 1})
    source = _export(tmp_path, ticked)
    with pytest.raises(InputError, match="it is not clear which attribute is the action; .*'blurred', 'visible'"):
        convert(source, tmp_path / "out", tmp_path / "videos")
    convert(source, tmp_path / "out", tmp_path / "videos", action_attribute="blurred,visible")
    assert read_rows(tmp_path / "out") == [("walk", "1", "dog", "blurred", "0", "0")]


@pytest.mark.parametrize("fields", [{"segmentation": [[10**400, 1, 2, 3, 4, 5]]}, {"bbox": [10**400, 1, 2, 3]}])
def test_a_number_beyond_all_bounds_leaves_out_its_frame(tmp_path, fields):
    strange = {**_annotation(image=2, segmentation=[]), **fields}
    report, _, labels = _convert(tmp_path, _annotation(), strange)
    assert list(labels) == [0]
    assert "annotation 2: " in report and "has a number that is too large" in report


def test_a_number_is_not_taken_for_an_action(tmp_path):
    source = _export(tmp_path, _annotation(attributes={"speed": 0.93, "track_id": 1}))
    with pytest.raises(InputError, match="it is not clear which attribute is the action; .*'speed'"):
        convert(source, tmp_path / "out", tmp_path / "videos")
    convert(source, tmp_path / "out", tmp_path / "videos", action_attribute="speed")
    assert read_rows(tmp_path / "out")[0][3] == "0.93"


def test_a_video_that_two_files_divide_between_train_and_test_is_said(tmp_path):
    _export(tmp_path, _annotation(), name="instances_train.json")
    _export(tmp_path, _annotation(image=3), name="instances_val.json")
    report = convert(tmp_path, tmp_path / "out", tmp_path / "videos")
    assert "note: walk and walk-2 are the same video, one to train on, one to test on" in report
    assert [row[-1] for row in read_rows(tmp_path / "out")] == ["train", "test"]
