import numpy as np
import pytest

from ssa2d_jax.utils.array_trees import compare_arrays

MODEL = {"head/bias": np.zeros(3, np.float32), "head/kernel": np.zeros((2, 3), np.float32), "step": np.int32(0)}


def test_equal_trees_have_no_difference():
    assert not compare_arrays(MODEL, dict(reversed(MODEL.items())))
    assert compare_arrays(MODEL, MODEL).lines() == []


def test_every_difference_is_a_line():
    found = {"head/kernel": np.zeros((5, 3), np.float32), "step": np.float32(0), "extra": np.zeros(1)}
    differences = compare_arrays(MODEL, found)
    assert differences
    assert differences.missing == ("head/bias",) and differences.unexpected == ("extra",)
    assert differences.lines() == [
        "head/kernel is [5, 3] float32, this model has [2, 3] float32",
        "step is [] float32, this model has [] int32",
        "head/bias is missing",
        "extra is not in this model",
    ]


def test_dtypes_are_ignored_on_request():
    differences = compare_arrays(MODEL, MODEL | {"step": np.zeros(1, np.float16)}, dtypes=False)
    assert differences.changed_lines() == ["step is [1], this model has []"]
    assert not compare_arrays(MODEL, MODEL | {"step": np.float16(0)}, dtypes=False)


@pytest.mark.parametrize(("shape", "same"), [((2, 9), True), ((4, 3), False), ((2, 3, 1), False)])
def test_a_free_last_axis_may_have_another_size(shape, same):
    differences = compare_arrays(MODEL, MODEL | {"head/kernel": np.zeros(shape, np.float32)},
                                 free_last_axis={"head/kernel"})  # fmt: skip
    assert (not differences) is same
