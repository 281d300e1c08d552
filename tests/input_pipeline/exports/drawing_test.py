import json
from pathlib import Path

import numpy as np
import pytest

from input_pipeline.exports import drawing
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, SIZE, mask_of


def _cases(tool):
    return [
        pytest.param(case, id=f"{case['kind']} {case['name']}")
        for case in json.loads((DATA / tool / "drawn.json").read_text())
    ]


@pytest.mark.parametrize("case", _cases("datumaro"))
def test_polygons_and_boxes_are_filled_as_datumaro_and_cvat_fill_them(case):
    if case["kind"] == "polygon":
        points = np.array(case["points"], np.float32)  # as datumaro keeps them; CVAT keeps two decimals
        drawn = drawing.draw_coco_polygons([points.astype(float)], SIZE)
    else:
        drawn = drawing.draw_coco_box(drawing.as_points(case["points"]), 0.0, SIZE)
    np.testing.assert_array_equal(drawn, mask_of(case["runs"]))


@pytest.mark.parametrize("case", _cases("labelme"))
def test_shapes_are_filled_as_labelme_fills_them(case):
    np.testing.assert_array_equal(
        drawing.draw_pillow(case["kind"], np.array(case["points"], float), SIZE), mask_of(case["runs"])
    )


def test_a_box_is_turned_clockwise_around_its_middle():
    upright = drawing.draw_coco_box(np.array([[10.0, 10], [14, 20]]), 0.0, SIZE)
    turned = drawing.draw_coco_box(np.array([[7.0, 13], [17, 17]]), 90.0, SIZE)
    np.testing.assert_array_equal(turned, upright)
    tilted = drawing.draw_coco_box(np.array([[4.0, 13], [30, 17]]), 30.0, SIZE)
    middle = lambda columns: np.argwhere(tilted[:, columns])[:, 0].mean()
    assert middle(slice(0, 12)) < 12 < 18 < middle(slice(22, 40))  # the right end is lower


def test_parts_of_a_polygon_are_one_area():
    parts = [np.array([[2.0, 2], [8, 2], [8, 8]]), np.array([[20.0, 20], [28, 20], [28, 28]])]
    joint = drawing.draw_coco_polygons(parts, SIZE)
    np.testing.assert_array_equal(
        joint, drawing.draw_coco_polygons(parts[:1], SIZE) | drawing.draw_coco_polygons(parts[1:], SIZE)
    )


@pytest.mark.parametrize("points", [[[1.0, 1], [9, 9]], [[1.0, 1]], []])
def test_a_polygon_of_two_points_is_no_area(points):
    with pytest.raises(InputError, match=rf"its polygon has {len(points)} points; at least 3"):
        drawing.draw_coco_polygons([np.array(points).reshape(-1, 2)], SIZE)
    with pytest.raises(InputError, match="at least 3"):
        drawing.draw_pillow("polygon", np.array(points).reshape(-1, 2), SIZE)


def test_an_outline_that_would_fill_the_memory_is_refused():
    zigzag = np.array([[0.0, 0.0], [1 << 20, 20.0]] * 3000)
    with pytest.raises(InputError, match=r"outline of 6,291,4\d\d,\d\d\d pixels; at most 4,194,304 are drawn"):
        drawing.draw_coco_polygons([zigzag], SIZE)
    assert drawing.draw_coco_polygons([zigzag[:3] / (1 << 15)], SIZE).shape == SIZE


def test_runs_go_row_after_row_inside_their_box():
    mask = drawing.draw_runs((1, 2, 2), 5, 7, 3, 2, SIZE)
    assert np.argwhere(mask).tolist() == [[7, 6], [7, 7]]
    assert drawing.draw_runs((0, 6), 37, 28, 3, 2, SIZE).sum() == 6


@pytest.mark.parametrize(
    ("left", "top", "width", "height"), [(38, 0, 3, 2), (-1, 0, 3, 2), (0, 29, 3, 2), (0, 0, 0, 2)]
)
def test_a_mask_outside_of_the_frame_is_refused(left, top, width, height):
    with pytest.raises(InputError, match=r"does not lie inside the frame of 40x30"):
        drawing.draw_runs((0, 6), left, top, width, height, SIZE)


def test_runs_that_are_longer_than_their_box_are_refused():
    with pytest.raises(InputError, match="its runs cover 7 pixels; its mask has 3x2"):
        drawing.draw_runs((1, 6), 0, 0, 3, 2, SIZE)


@pytest.mark.parametrize("numbers", [[1.0], [1.0, float("nan")], [1.0, 1e12]])
def test_what_is_no_position_is_refused(numbers):
    with pytest.raises(InputError, match="not pairs of x and y"):
        drawing.as_points(numbers)


@pytest.mark.parametrize(
    ("row", "kind", "name"),
    [
        ("a square from 5, 5 to 15, 15", "polygon", "on pixel edges"),
        ("a box from 5, 6 to 15, 12", "box", "whole"),
        ("a polygon 27 long and 0.3 wide", "polygon", "thin"),
        ("a box 0.2 wide and 14 high", "box", "thin"),
    ],
)
def test_the_page_of_labelling_tools_has_the_numbers_of_pixels(row, kind, name):
    lines = (Path(__file__).resolve().parents[3] / "docs/labelling_tools.md").read_text().splitlines()
    cells = next(line for line in lines if line.startswith(f"| {row} |")).split("|")[2:4]
    for tool, own, cell in zip(("datumaro", "labelme"), (kind, kind.replace("box", "rectangle")), cells, strict=True):
        cases = json.loads((DATA / tool / "drawn.json").read_text())
        case = next(case for case in cases if (case["kind"], case["name"]) == (own, name))
        assert int(cell.split(",")[0]) == mask_of(case["runs"]).sum()
