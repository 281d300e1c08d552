import copy
import json

import numpy as np
import pytest

from input_pipeline.exports import drawing
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, SIZE, convert, make_video, mask_of, read_labels, read_rows

PICTURES = json.loads((DATA / "label_studio/pictures.json").read_text())
VIDEO = json.loads((DATA / "label_studio/video.json").read_text())


@pytest.fixture
def videos(tmp_path):
    make_video(tmp_path / "videos", "walk.mp4", 10)
    return tmp_path / "videos"


def _convert(tmp_path, videos, tasks, **options):
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    report = convert(tmp_path / "export.json", tmp_path / "out", videos, **options)
    return report, read_rows(tmp_path / "out"), read_labels(tmp_path / "out", "walk")


def test_brushes_and_polygons_of_pictures_are_read(tmp_path, videos):
    report, rows, labels = _convert(tmp_path, videos, PICTURES)
    assert rows == [("walk", "1", "dog", "running", "0", "1"), ("walk", "2", "bird", "flying", "0", "1")]
    case = next(one for one in json.loads((DATA / "label_studio/drawn.json").read_text()) if one["name"] == "blob")
    for frame in range(2):
        points = np.array([[10 + frame, 10], [40, 12], [35, 40]]) * (0.4, 0.3)
        expected = np.roll(mask_of(case["runs"]), frame, 1).astype(int)
        expected[drawing.draw_coco_polygons([points], SIZE)] = 2
        np.testing.assert_array_equal(labels[frame], expected)
    assert "the attribute 'action' (guessed: by its name" in report
    assert "note: regions of pictures have no tracks" in report


def test_boxes_and_timeline_labels_of_a_video_are_read(tmp_path, videos):
    report, rows, labels = _convert(tmp_path, videos, VIDEO)
    assert rows == [("walk", "1", "dog", "running", "1", "4"), ("walk", "1", "dog", "eating", "5", "7")]
    assert list(labels) == [1, 2, 3, 4, 5, 6, 7]
    assert "action: the timeline labels of the videos" in report
    assert "in 3 a person drew a shape, in 4 the tool drew all of them" in report


def test_a_timeline_label_is_about_the_actor_that_it_names(tmp_path, videos):
    tasks = copy.deepcopy(VIDEO)
    results = tasks[0]["annotations"][0]["result"]
    other = copy.deepcopy(results[0])
    other["id"], other["value"]["labels"] = "r2", ["bird"]
    results.append(other)
    report, rows, labels = _convert(tmp_path, videos, tasks[:1] and _named(tasks))
    assert {row[2:4] for row in rows} == {("dog", "running"), ("bird", "flying")}
    assert "ignored where the action isn't known" in report and "several objects are there" in report
    assert 255 in labels[6]


def _named(tasks):
    results = tasks[0]["annotations"][0]["result"]
    results[1]["value"]["timelinelabels"] = ["dog:running", "bird: flying"]
    results[3]["value"]["sequence"] = [dict(key, x=key["x"] + 30, y=50.0) for key in results[3]["value"]["sequence"]]
    return tasks


def test_json_min_is_read_only_where_labels_say_the_action(tmp_path, videos):
    tasks = json.loads((DATA / "label_studio/pictures_min.json").read_text())
    with pytest.raises(InputError, match="says who is where, but not what they do"):
        _convert(tmp_path, videos, tasks)
    for task in tasks:
        task["brush"][0]["brushlabels"], task["polygon"][0]["polygonlabels"] = ["dog:running"], ["bird:flying"]
    _, rows, labels = _convert(tmp_path, videos, tasks)
    assert [row[2:4] for row in rows] == [("dog", "running"), ("bird", "flying")]
    convert(DATA / "label_studio/pictures.json", tmp_path / "json", videos)
    for frame, label in read_labels(tmp_path / "json", "walk").items():
        np.testing.assert_array_equal(labels[frame], label)


def test_a_task_of_two_annotations_is_not_labelled_unless_one_is_the_truth(tmp_path, videos):
    tasks = copy.deepcopy(PICTURES)
    tasks[1]["annotations"].append({**tasks[1]["annotations"][0], "ground_truth": False})
    report, _, labels = _convert(tmp_path, videos, tasks)
    assert list(labels) == [0] and "task 2 is not labelled: it has 2 annotations" in report
    tasks[1]["annotations"][0]["ground_truth"] = True
    (tmp_path / "truth.json").write_text(json.dumps(tasks))
    convert(tmp_path / "truth.json", tmp_path / "truth", videos)
    assert list(read_labels(tmp_path / "truth", "walk")) == [0, 1]


@pytest.mark.parametrize(
    "address",
    [
        "/data/local-files/?d=walk/00003.jpg",
        "s3://bucket/walk/00003.jpg",
        "https://a.org/walk/00003.jpg?X=1",
        "/data/upload/7/0123abcd-walk_3.jpg",
    ],
)
def test_addresses_name_the_picture(tmp_path, videos, address):
    tasks = [{**PICTURES[0], "data": {"image": address}}]
    assert list(_convert(tmp_path, videos, tasks)[2]) == [3]


def test_a_video_whose_frames_label_studio_has_counted_wrong_is_refused(tmp_path):
    make_video(tmp_path / "videos", "walk.mp4", 20)
    with pytest.raises(InputError, match=r"has counted 10 frames in walk, but .*walk.mp4 has 20.* Set the frame rate"):
        _convert(tmp_path, tmp_path / "videos", VIDEO)


def _change(tasks, **fields):
    tasks = copy.deepcopy(tasks)
    tasks[1]["annotations"][0]["result"][0].update(fields)
    return tasks


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_rotation": 90}, "task 2: region a: the picture was turned"),
        ({"value": {"rle": [1, 2], "brushlabels": ["dog"]}}, "its run lengths break off"),
        ({"value": {"rle": "x", "brushlabels": ["dog"]}}, "its rle is 'x'; expected run lengths"),
        ({"value": {"rle": [1], "brushlabels": ["dog", "cat"]}}, "region a: has the labels dog, cat; expected one"),
        ({"type": "polygonlabels", "value": {"points": [[1, 1], [2, 2]], "labels": ["dog"]}}, "2 points; at least 3"),
    ],
)  # fmt: skip
def test_a_picture_with_a_bad_region_is_left_out_and_named(tmp_path, videos, fields, message):
    report, _, labels = _convert(tmp_path, videos, _change(PICTURES, **fields))
    assert list(labels) == [0]
    assert message in report


def test_a_picture_without_a_frame_number_is_refused(tmp_path, videos):
    with pytest.raises(InputError, match="the picture 'dog.jpg' has no frame number"):
        _convert(tmp_path, videos, [{**PICTURES[0], "data": {"image": "/data/upload/7/0123abcd-dog.jpg"}}])


def test_timeline_labels_and_choices_are_not_guessed_between(tmp_path, videos):
    tasks = copy.deepcopy(VIDEO)
    results = tasks[0]["annotations"][0]["result"]
    results.append({"id": "r1", "type": "choices", "from_name": "mood", "value": {"choices": ["happy"]}})
    with pytest.raises(InputError, match="export.json: it is not clear where the action is; .*one of timeline, mood"):
        _convert(tmp_path, videos, tasks)
    assert {row[3] for row in _convert(tmp_path, videos, tasks, action_attribute="timeline")[1]} == {
        "running",
        "eating",
    }
    (tmp_path / "out").rename(tmp_path / "timeline")
    _, rows, _ = _convert(tmp_path, videos, tasks, action_attribute="mood")
    assert {row[3] for row in rows} == {"happy"}


def test_predictions_that_nobody_has_changed_are_not_drawn(tmp_path, videos):
    tasks = json.loads(json.dumps(PICTURES))
    for origin, result in zip(("prediction", "prediction-changed"), tasks, strict=True):
        for one in result["annotations"][0]["result"]:
            one["origin"] = origin
    report, _, _ = _convert(tmp_path, videos, tasks)
    assert "in 1 a person drew a shape" in report and "in 1 all were predicted" in report


def test_relations_between_regions_are_no_regions(tmp_path, videos):
    tasks = copy.deepcopy(PICTURES)
    results = tasks[0]["annotations"][0]["result"]
    first = results[0]["id"]
    results.append({"type": "relation", "from_id": first, "to_id": first, "direction": "right", "labels": ["near"]})
    _, rows, labels = _convert(tmp_path, videos, tasks)
    assert rows == [("walk", "1", "dog", "running", "0", "1"), ("walk", "2", "bird", "flying", "0", "1")]
    assert list(labels) == [0, 1]


def test_an_area_of_a_kind_that_is_not_read_leaves_out_its_picture(tmp_path, videos):
    tasks = copy.deepcopy(PICTURES)
    other = copy.deepcopy(tasks[0]["annotations"][0]["result"][0])
    other |= {"id": "new", "type": "bitmasklabels", "value": {"imageDataURL": "", "bitmasklabels": ["dog"]}}
    tasks[0]["annotations"][0]["result"].append(other)
    report, _, labels = _convert(tmp_path, videos, tasks)
    assert list(labels) == [1]
    assert "region new: is of kind 'bitmask', which is not read; known: brush, polygon" in report


def test_a_choice_about_a_whole_task_is_not_the_action(tmp_path, videos):
    tasks = copy.deepcopy(PICTURES)
    weather = {"id": "w", "type": "choices", "from_name": "activity", "value": {"choices": ["rain"]}}
    tasks[0]["annotations"][0]["result"].append(weather)
    report, rows, _ = _convert(tmp_path, videos, tasks)
    assert "the attribute 'action' (guessed: by its name" in report and {row[3] for row in rows} == {
        "running",
        "flying",
    }
