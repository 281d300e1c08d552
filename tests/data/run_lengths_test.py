import numpy as np
import pytest
from pycocotools import mask as coco

from ssa2d_jax.data import run_lengths
from ssa2d_jax.utils.errors import InputError


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (13, 7), (120, 500)])
def test_what_pycocotools_compresses_is_drawn_again(size, share):
    mask = np.random.default_rng(0).random(size) < share
    text = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    runs = run_lengths.decompress(text)
    assert sum(runs) == mask.size
    np.testing.assert_array_equal(run_lengths.draw_runs(runs, size), mask)


def test_runs_go_down_the_columns():
    np.testing.assert_array_equal(run_lengths.draw_runs([1, 3, 2], (2, 3)), [[0, 1, 0], [1, 1, 0]])


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "its runs cover 0 pixels; expected 2 x 3 = 6"),
        ([2, 3], "its runs cover 5 pixels"),
        ([8, -2], "one of its runs is below 0 or above 2 x 3"),
        ([7], "one of its runs is below 0 or above 2 x 3"),
    ],
)
def test_runs_that_do_not_fill_the_mask_are_refused(runs, message):
    for function in (run_lengths.check_runs, run_lengths.draw_runs):
        with pytest.raises(InputError, match=message):
            function(runs, (2, 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a text of run lengths"),
        ("\u00e9", "not a text of run lengths"),
        ("d0~", "'~', which is not a character of run lengths"),
        ("d", "end in the middle of a number"),
        ("o" * 90 + "0", "a number that is too large"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        run_lengths.decompress(text)
