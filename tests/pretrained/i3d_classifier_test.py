"""I3D with its head against a plain twin written here, on odd sizes; weights without a head are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ssa2d_jax.models.layers import NDHWC
from ssa2d_jax.pretrained import i3d_classifier
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import fake_weights


def _same(sizes, window, strides):
    """Zeros before and after each axis, as TensorFlow pads 'SAME': the odd one goes after."""
    pads = []
    for size, taps, stride in zip(sizes, window, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def _unit(x, weights, name, stride=1):
    kernel, beta, mean, var = (
        weights[f"{name}/{kind}"] for kind in ("conv_3d/kernel", "batch_norm/bias", "batch_norm/mean", "batch_norm/var")
    )
    strides = (stride,) * 3
    pads = _same(x.shape[1:4], kernel.shape[:3], strides)
    x = lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=NDHWC)
    return jnp.maximum((x - mean) / jnp.sqrt(var + 1e-3) + beta, 0)


def _pool(x, window, strides):
    pads = [(0, 0), *_same(x.shape[1:4], window, strides), (0, 0)]
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *window, 1), (1, *strides, 1), pads)


def _twin(x, weights):
    """The first blocks of I3D, written out: -> Mixed_3b."""
    x = _unit(x, weights, "Conv3d_1a_7x7", 2)
    x = _pool(x, (1, 3, 3), (1, 2, 2))
    x = _unit(_unit(x, weights, "Conv3d_2b_1x1"), weights, "Conv3d_2c_3x3")
    x = _pool(x, (1, 3, 3), (1, 2, 2))
    unit = lambda x, name: _unit(x, weights, f"Mixed_3b/Branch_{name}")
    branches = [
        unit(x, "0_Conv3d_0a_1x1"),
        unit(unit(x, "1_Conv3d_0a_1x1"), "1_Conv3d_0b_3x3"),
        unit(unit(x, "2_Conv3d_0a_1x1"), "2_Conv3d_0b_3x3"),
        unit(_pool(x, (3, 3, 3), (1, 1, 1)), "3_Conv3d_0b_1x1"),
    ]
    return jnp.concatenate(branches, axis=-1)


@pytest.fixture(scope="module")
def weights():
    return fake_weights.weights(head=True)


@pytest.mark.parametrize("size", [(8, 48, 32), (7, 37, 43)])
def test_endpoints_equal_a_twin_on_even_and_odd_sizes(weights, size):
    model, variables = i3d_classifier.make_classifier(weights, "x.h5")
    video = np.random.default_rng(0).uniform(-1, 1, (1, *size, 3)).astype(np.float32)
    actual = jax.jit(lambda video: model.apply(variables, video)[1]["Mixed_3b"])(video)
    expected = jax.jit(lambda video: _twin(video, weights))(video)
    assert actual.shape == expected.shape
    assert float(jnp.abs(actual - expected).max()) < 1e-4 * float(expected.std())


def test_weights_without_a_head_are_refused(weights):
    encoder = {name: array for name, array in weights.items() if not name.startswith("Logits")}
    with pytest.raises(InputError, match="x.h5 has no classification head"):
        i3d_classifier.make_classifier(encoder, "x.h5")
