import json

import numpy as np
import pytest

from input_pipeline.exports.cvat.interpolation import interpolate_polygon
from tests.fixtures.exports import DATA

CASES = json.loads((DATA / "cvat/interpolation.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['first'])}-{len(case['second'])}-{case['offset']}")
def test_points_are_those_that_cvat_computes(case):
    between = interpolate_polygon(np.array(case["first"]), np.array(case["second"]), case["offset"])
    np.testing.assert_allclose(between.ravel(), case["between"], atol=1e-6)


def test_an_outline_of_no_length_stays_a_point():
    points = np.full((3, 2), 5.0)
    assert np.unique(interpolate_polygon(points, points, 0.5)).tolist() == [5.0]
