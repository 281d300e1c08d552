"""Filling the encoder with I3D's tensors: all of them, each in its place, or none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.pretrained.load_encoder import fill_encoder
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import fake_weights

FULL = dict(classes=(8, 10), decoder_width=0.0625)


def _variables(**fields):
    """Shapes of a model's variables; nothing is compiled."""
    model = SSA2D(**FULL | fields)
    flow = jnp.zeros((1, 4, 32, 32, 2)) if model.flow else None
    return jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 4, 32, 32, 3)), flow))


def _encoder(variables):
    return {
        name.split("/", 2)[2]: leaf
        for name, leaf in flatten_dict(variables, sep="/").items()
        if name.split("/")[1] == "encoder"
    }


@pytest.fixture(scope="module")
def rgb():
    return fake_weights.weights(head=True)


def test_every_tensor_of_the_encoder_is_filled(rgb):
    variables, skipped = fill_encoder(_variables(), rgb, "rgb", "x.h5")
    assert skipped == ["Logits/conv_3d/bias", "Logits/conv_3d/kernel"]
    filled = _encoder(variables)
    assert len(filled) == 57 * 4
    for name, array in filled.items():
        np.testing.assert_array_equal(array, rgb[name.removeprefix("rgb/")])


def test_two_streams_take_a_file_each_and_share_the_last_blocks_of_rgb(rgb):
    flow = fake_weights.weights(1, channels=2)
    variables, _ = fill_encoder(_variables(flow=True), rgb, "rgb", "x.h5")
    variables, skipped = fill_encoder(variables, flow, "flow", "y.h5")
    assert len(skipped) == 2 * 6 * 4 and all(name.startswith(("Mixed_5b/", "Mixed_5c/")) for name in skipped)
    for name, array in _encoder(variables).items():
        expected = flow[name.removeprefix("flow/")] if name.startswith("flow/") else rgb[name.removeprefix("rgb/")]
        np.testing.assert_array_equal(array, expected)


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(rgb):
    before = _variables()
    unit = "Mixed_3b/Branch_0_Conv3d_0a_1x1/"
    wrong = dict(rgb)
    del wrong[unit + "batch_norm/mean"]
    wrong["global_step"] = np.zeros(1)
    wrong[unit + "conv_3d/kernel"] = wrong[unit + "conv_3d/kernel"].transpose(4, 3, 0, 1, 2)
    with pytest.raises(InputError) as error:
        fill_encoder(before, wrong, "rgb", "x.h5")
    message = str(error.value)
    assert "x.h5 does not fit" in message and "1 unexpected: global_step" in message
    assert f"1 missing: {unit}batch_norm/mean" in message
    assert f"{unit}conv_3d/kernel is [64, 192, 1, 1, 1], this model has [1, 1, 1, 192, 64]" in message
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(before))


@pytest.mark.parametrize(
    "fields, channels, stream, message",
    [
        ({}, 2, "rgb", "2 input channels: these are flow weights, give them as config.init.flow_weights"),
        (
            {"flow": True},
            3,
            "flow",
            "these are rgb weights, give them as config.init.encoder_weights",
        ),
        ({}, 2, "flow", "no flow stream; set config.model.flow=True"),
        ({"encoder_width": 0.25}, 3, "rgb", "config.model.encoder_width=1"),
        ({"temporal_kernels": False}, 3, "rgb", "config.model.temporal_kernels=True"),
        (
            {"encoder": "s3d"},
            3,
            "rgb",
            "weights of I3D, but this model has another encoder; set config.model.encoder='i3d'",
        ),
    ],
)
def test_the_error_says_what_to_do(fields, channels, stream, message):
    with pytest.raises(InputError, match=message):
        fill_encoder(_variables(**fields), fake_weights.weights(channels=channels), stream, "x.h5")
