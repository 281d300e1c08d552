import json

import numpy as np
import pytest

from input_pipeline.exports import drawing
from input_pipeline.exports.label_studio.regions import boxes_by_frame, draw_box, draw_region, read_regions
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, SIZE

VIDEO = json.loads((DATA / "label_studio/video.json").read_text())[0]["annotations"][0]["result"][0]
BOX = {"x": 10.0, "y": 20.0, "width": 25.0, "height": 40.0, "rotation": 0}


def _key(frame, *, enabled=True, **fields):
    return {**BOX, "frame": frame, "enabled": enabled, **fields}


def _frames(*keys, count=10):
    region = {
        "id": "r",
        "type": "videorectangle",
        "value": {"sequence": list(keys), "framesCount": count, "labels": ["dog"]},
    }
    return {frame: (draw, is_drawn) for frame, draw, is_drawn in boxes_by_frame(read_regions([region])[0])}


def test_boxes_between_key_frames_are_those_that_the_sdk_computes():
    expected = json.loads((DATA / "label_studio/video_boxes.json").read_text())
    read = {frame: (draw, is_drawn) for frame, draw, is_drawn in boxes_by_frame(read_regions([VIDEO])[0])}
    assert sorted(read) == [box["frame"] - 1 for box in expected] == list(range(1, 8))  # Label Studio counts from 1
    for box in expected:
        draw, is_drawn = read[box["frame"] - 1]
        np.testing.assert_array_equal(draw(SIZE), draw_box(box)(SIZE))
        assert is_drawn != box.get("auto", False)


def test_a_box_ends_at_a_key_frame_that_is_not_enabled_and_else_at_the_end_of_the_video():
    assert sorted(_frames(_key(2), _key(4, enabled=False), _key(7))) == [1, 2, 3, 6, 7, 8, 9]
    assert sorted(_frames(_key(3, enabled=False))) == [2]


def test_percents_are_of_the_frame_and_a_box_turns_around_its_corner():
    drawn = draw_box(BOX)(SIZE)
    np.testing.assert_array_equal(drawn, drawing.draw_coco_box(np.array([[4.0, 6], [14, 18]]), 0.0, SIZE))
    turned = draw_box({**BOX, "x": 50.0, "rotation": 90})(SIZE)
    np.testing.assert_array_equal(turned, drawing.draw_coco_box(np.array([[8.0, 6], [20, 16]]), 0.0, SIZE))


def test_polygons_and_ellipses_are_of_the_frame_in_percent():
    polygon = {"id": "a", "type": "polygonlabels", "original_width": 40, "original_height": 30,
               "value": {"points": [[10, 10], [50, 10], [50, 50]], "polygonlabels": ["dog"]}}  # fmt: skip
    region = read_regions([polygon])[0]
    assert (region.size, region.labels) == (SIZE, ["dog"])
    expected = drawing.draw_coco_polygons([np.array([[4.0, 3], [20, 3], [20, 15]])], SIZE)
    np.testing.assert_array_equal(draw_region(region)(SIZE), expected)
    ellipse = {
        **polygon,
        "type": "ellipselabels",
        "value": {"x": 50, "y": 50, "radiusX": 25, "radiusY": 20, "labels": ["dog"]},
    }
    expected = drawing.draw_ellipse((20, 15), (10, 6), 0, SIZE)
    np.testing.assert_array_equal(draw_region(read_regions([ellipse])[0])(SIZE), expected)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([_key(2, x="left")], "x is 'left'; expected a number"),
        ([_key(2, width=float("nan"))], "width is nan; expected a number"),
        ([_key(0)], "frame is 0; expected a whole number, 1 or more"),
        ([_key(2), _key(2)], "two key frames of one number"),
    ],
)
def test_damage_is_an_error(keys, message):
    with pytest.raises(InputError, match=message):
        _frames(*keys)
