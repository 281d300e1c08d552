"""The contract of a batch, and the errors when a batch breaks it."""

import numpy as np
import pytest

from ssa2d_jax.data.batch import KEYS, check_batch, device_arrays
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.toy import multilabel_batch, toy_batch


def test_a_good_batch_passes_and_extras_stay_on_the_host():
    batch = toy_batch(0) | {"clip_id": ["a:1"] * 4}
    check_batch(batch)
    assert tuple(device_arrays(batch)) == KEYS


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("video", np.zeros((4, 4, 32, 32, 3), np.float32), "video.*float32, expected uint8"),
        ("actor", np.zeros((4, 32, 32), np.uint8), r"actor.*\(4, 32, 32\), expected \[B, L, h, w\]"),
        ("action", np.zeros((4, 2, 16, 32), np.uint8), "action.*h = 16.*h = 32"),
        ("label_time", np.full((4, 2), 4, np.int32), "from 4 to 4, but the clips have 4 frames"),
        ("label_time", np.full((4, 2), -1, np.int32), "from -1 to -1"),
        ("label_size", np.full((4, 2), 33, np.int32), "33.*beyond the label maps' 32x32"),
        ("clip_valid", np.ones(3, bool), "clip_valid.*B = 3.*B = 4"),
    ],
)
def test_a_broken_batch_is_named_with_both_sides(key, value, message):
    with pytest.raises(InputError, match=message):
        check_batch(toy_batch(0) | {key: value})


def test_a_missing_array_is_named():
    batch = toy_batch(0)
    del batch["label_time"]
    with pytest.raises(InputError, match="no 'label_time'"):
        check_batch(batch)


def test_a_multilabel_batch_has_an_axis_of_actions():
    check_batch(multilabel_batch(0))
    with pytest.raises(InputError, match=r"action.*uint8, expected bool"):
        check_batch(multilabel_batch(0) | {"action": np.zeros((4, 2, 32, 32, 42), np.uint8)})


def test_flow_is_optional_and_goes_to_the_device():
    batch = toy_batch(0) | {"flow": np.zeros((4, 4, 32, 32, 2), np.float32)}
    check_batch(batch)
    assert tuple(device_arrays(batch)) == (*KEYS, "flow")
    with pytest.raises(InputError, match="flow.*T = 3.*T = 4"):
        check_batch(batch | {"flow": np.zeros((4, 3, 32, 32, 2), np.float32)})
