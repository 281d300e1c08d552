import json

import numpy as np
import pytest

from input_pipeline.exports.label_studio.brush import decode_brush
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, SIZE, mask_of

CASES = json.loads((DATA / "label_studio/drawn.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_masks_are_those_that_the_sdk_decodes(case):
    np.testing.assert_array_equal(decode_brush(case["rle"], SIZE), mask_of(case["runs"]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "break off"),
        ([1, 2, 300], "not bytes"),
        ([1, "2"], "not bytes"),
        (CASES[0]["rle"][:-9], "break off"),
        ([0, 0, 0, 4, *CASES[0]["rle"][4:]], "are of 4 values; expected 40x30 pixels of 4"),
        ([255] * 100, "are of 4294967295 values"),
        ([*CASES[0]["rle"][:4], 255, *CASES[0]["rle"][5:]], "values of 32 bits; at most 8"),
    ],
)
def test_damaged_run_lengths_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        decode_brush(data, SIZE)


def test_runs_that_go_beyond_the_picture_are_refused():
    bits = f"{4:032b}" + f"{7:05b}" + "1111" * 4 + "1" + "00" + f"{9:016b}" + f"{255:08b}"
    data = [int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8)]
    with pytest.raises(InputError, match="go beyond the picture"):
        decode_brush(data, (1, 1))
