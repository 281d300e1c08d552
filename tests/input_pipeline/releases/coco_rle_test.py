"""Run lengths are decoded as by pycocotools, and only an InputError comes of malformed ones."""

import numpy as np
import pytest
from pycocotools import mask as coco

from input_pipeline.releases import coco_rle
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.youtube_vis_json import run_lengths as encode


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (13, 7), (120, 500)])
def test_masks_are_those_of_pycocotools(size, share, compressed):
    rng = np.random.default_rng(0)
    for _ in range(5):
        mask = rng.random(size) < share
        mask[: size[0] // 3] ^= rng.random() < 0.5  # long runs, too
        mask_json = encode(mask, compressed)
        decoded = coco_rle.decode(mask_json, size)
        assert decoded.dtype == bool
        np.testing.assert_array_equal(decoded, mask)
        encoded = mask_json if compressed else coco.frPyObjects(mask_json, *size)
        np.testing.assert_array_equal(decoded, coco.decode(encoded))


@pytest.mark.parametrize(
    ("mask_json", "message"),
    [
        ([[1, 1, 5, 5, 1, 5]], "is a polygon"),
        ("PPYo1", "has no run lengths"),
        ({"size": [4, 5]}, "has no run lengths"),
        ({"size": [5, 4], "counts": [20]}, r"its size is \[5, 4\]; the video's is \[4, 5\]"),
        ({"counts": [20]}, "its size is None"),
        ({"size": "4x5" * 99, "counts": [20]}, "its size is '4x54x5"),
        ({"size": [4, 5], "counts": None}, "neither a list of whole numbers nor a text"),
        ({"size": [4, 5], "counts": [10.5, 9.5]}, "neither a list"),
        ({"size": [4, 5], "counts": [10, None]}, "neither a list"),
        ([], "is an empty list"),
        ([{"size": [4, 5], "counts": [20]}] * 2, "has a list of 2 run lengths"),
        ({"size": [4, 5], "counts": [True, 19]}, "neither a list"),
        ({"size": [4, 5], "counts": []}, "cover 0 pixels; expected 4 x 5 = 20"),
        ({"size": [4, 5], "counts": [10, 9]}, "cover 19 pixels; expected 4 x 5 = 20"),
        ({"size": [4, 5], "counts": [10, 11]}, "cover 21 pixels"),
        ({"size": [4, 5], "counts": [30, -10]}, "one of its runs is below 0 or above 4 x 5"),
        ({"size": [4, 5], "counts": [10**4000] * 9}, "one of its runs is below 0 or above 4 x 5"),
        ({"size": [4, 5], "counts": ""}, "not a text of run lengths"),
        ({"size": [4, 5], "counts": "\u00e9"}, "not a text of run lengths"),
        ({"size": [4, 5], "counts": "d0\x00"}, "'.x00', which is not a character"),
        ({"size": [4, 5], "counts": "d0~"}, "'~', which is not a character"),
        ({"size": [4, 5], "counts": "d"}, "end in the middle of a number"),
        ({"size": [4, 5], "counts": "o" * 90 + "0"}, "a number that is too large"),
        ({"size": [4, 5], "counts": "O"}, "one of its runs is below 0"),
    ],
)
def test_malformed_masks_are_named(mask_json, message):
    with pytest.raises(InputError, match=message):
        coco_rle.decode(mask_json, (4, 5))


def _characters(rng, count):
    return bytes(rng.integers(45, 115, count).tolist()).decode()


def test_no_text_reads_out_of_bounds():
    """Whole texts with characters changed, dropped or added, and random ones: a mask that fits, or an InputError."""
    rng = np.random.default_rng(1)
    size, masks = (24, 30), 0
    valid = encode(rng.random(size) < 0.2, compressed=True)["counts"]
    for _ in range(4000):
        text = valid if rng.random() < 0.7 else _characters(rng, 12)
        for _ in range(rng.integers(0, 3)):
            place, dropped, added = rng.integers(0, (len(text), 3, 3))
            text = text[:place] + _characters(rng, added) + text[place + dropped :]
        mask_json = {"size": list(size), "counts": text}
        try:
            decoded = coco_rle.decode(mask_json, size)
        except InputError:
            continue
        masks += 1
        np.testing.assert_array_equal(decoded, coco.decode(mask_json))
    assert 500 < masks < 3500
