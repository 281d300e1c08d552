"""Each operation and each whole network gives in OpenVINO what it gives in jax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ssa2d_jax.backends.choice import Unsupported
from ssa2d_jax.models import layers
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.forward import make_forward

pytest.importorskip("openvino")

from ssa2d_jax.backends.openvino_graph import build_model  # noqa: E402
from ssa2d_jax.backends.openvino_network import make_openvino_forward  # noqa: E402
from ssa2d_jax.backends.quiet_openvino import openvino  # noqa: E402


def _map(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _both(function, *inputs):
    """What a function returns in jax and in OpenVINO."""
    with use_lowering(Lowering.PLAIN):
        expected = jax.jit(function)(*inputs)
        program = jax.make_jaxpr(function)(*inputs)
    compiled = openvino.Core().compile_model(build_model(program), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = list(compiled.create_infer_request().infer(inputs).values())
    return jax.tree.leaves(expected), found


def _check(function, *inputs):
    expected, found = _both(function, *inputs)
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(other, one, atol=2e-5, rtol=2e-5)


X = _map(2, 4, 6, 7, 5)


def kernel(*shape):
    return jnp.asarray(_map(*shape, seed=1))


MATRIX = kernel(5, 6)
OPERATIONS = {
    "a convolution": lambda x: layers.conv3d(x, kernel(3, 3, 3, 5, 4)),
    "strides over odd and even sizes": lambda x: layers.conv3d(x, kernel(3, 7, 7, 5, 4), (2, 2, 2)),
    "dilation": lambda x: layers.conv3d(x, kernel(1, 3, 3, 5, 4), dilation=(1, 2, 3)),
    "one tap": lambda x: layers.conv3d(x, kernel(1, 1, 1, 5, 6)),
    "one tap after another, without a map between": lambda x: layers.conv3d(
        layers.conv3d(x, kernel(1, 1, 1, 5, 6)), kernel(1, 1, 1, 6, 3)
    ),
    "one tap with strides": lambda x: layers.conv3d(x, kernel(1, 1, 1, 5, 6), (2, 2, 2)),
    "a transposed convolution": lambda x: layers.conv3d_transpose(x, kernel(3, 3, 3, 5, 4), (2, 2, 2)),
    "a transposed convolution without strides": lambda x: layers.conv3d_transpose(x, kernel(3, 3, 3, 5, 4), (1, 1, 1)),
    "one that widens space alone": lambda x: layers.conv3d_transpose(x, kernel(1, 3, 3, 5, 4), (1, 2, 2)),
    "one with fewer taps than strides": lambda x: layers.conv3d_transpose(x, kernel(1, 2, 2, 5, 4), (2, 3, 3)),
    "max pooling": lambda x: layers.max_pool3d(x, (3, 3, 3), (1, 2, 2)),
    "max pooling of negative numbers at the border": lambda x: layers.max_pool3d(x - 10, (2, 3, 3), (2, 2, 2)),
    "interpolation of time": lambda x: layers.upsample_linear(x, (8, 6, 7)),
    "interpolation of height": lambda x: layers.upsample_linear(x, (4, 12, 7)),
    "interpolation of width": lambda x: layers.upsample_linear(x, (4, 6, 3)),
    "interpolation after a convolution": lambda x: layers.upsample_linear(
        layers.conv3d(x, kernel(1, 3, 3, 5, 4)), (8, 12, 14)
    ),
    "a product of rows": lambda x: jnp.dot(x.reshape(-1, 5), MATRIX),
    "rows that become other rows": lambda x: jnp.dot(x.reshape(-1, 5), MATRIX).reshape(-1, 12) + 1.0,
    "rows that are cut": lambda x: x.reshape(-1, 5)[3:9, 1:],
    "a product from the left along another axis": lambda x: jnp.tensordot(kernel(3, 6), x, (1, 2)),
    "a product along the first axis": lambda x: jnp.tensordot(x, kernel(2, 3), (0, 0)),
    "a product of a mean": lambda x: x.mean((1, 2, 3)) @ MATRIX,
    "transpositions": lambda x: jnp.transpose(jnp.transpose(x, (3, 0, 4, 1, 2)) * 2.0, (1, 0, 2, 4, 3)),
    "constants along each axis": lambda x: (x - kernel(5)) * kernel(4, 1, 1, 1) + kernel(6, 1, 5) / kernel(7, 1),
    "a scalar": lambda x: 1.0 - x * 2.0,
    "the same with numbers of its own": lambda x: x + jnp.max(x, axis=-1, keepdims=True),
    "concatenation": lambda x: jnp.concatenate([x, layers.conv3d(x, kernel(1, 1, 1, 5, 3)), x + 1.0], axis=-1),
    "concatenation with a constant": lambda x: jnp.concatenate([x, jnp.ones((2, 1, 6, 7, 5))], axis=1),
    "split": lambda x: jnp.split(x, [2, 3], axis=-1),
    "split along time": lambda x: tuple(jnp.split(x * 2.0, 2, axis=1)),
    "slices": lambda x: x[:, 1:4:2, ::3, 2:, -2:],
    "softmax": lambda x: jax.nn.softmax(x, axis=-1),
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "batch norm's root": lambda x: lax.rsqrt(x * x + 1e-3),
    "sums and maxima of several axes": lambda x: (x.sum((1, 3)), x.max((0, 4)), x.sum()),
    "numbers without axes": lambda x: x / x.sum() - x.max(),
    "a number of no axes times a constant": lambda x: x.sum() * jnp.ones(5),
    "axes of length 1": lambda x: layers.upsample_linear(x[:, :, :1, :1], (8, 4, 2)),
    "a product along an axis before axes of length 1": lambda x: jnp.tensordot(
        kernel(3, 4), x[:, :, :1, :1, :1], (1, 1)
    ),
    "constants that repeat themselves": lambda x: (
        x[:1, :1, :1] * jnp.ones((1, 1, 1, 7, 5)) + jnp.zeros((1, 1, 1, 7, 1))
    ),
    "a constant of a quotient": lambda x: x * (jnp.arange(5) // 2).astype(jnp.float32),
    "an input as it is": lambda x: x,
    "constants alone": lambda x: (x * 1.0, jnp.arange(3.0), jnp.float32(3)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_the_same(name):
    _check(OPERATIONS[name], X)


def test_bytes_become_numbers():
    _check(lambda x: x.astype(jnp.float32) / 127.5 - 1, np.arange(256, dtype=np.uint8).reshape(1, 2, 4, 8, 4))


def test_several_inputs():
    _check(lambda x, y: (x + y, jnp.concatenate([x, y[:, :2]], axis=1)), X, X[::-1] * 2)


@pytest.mark.parametrize(
    "function",
    [
        jnp.sin,
        lambda x: x.astype(jnp.bfloat16) * 2,
        lambda x: layers.conv3d(x, jnp.asarray(x[:1, :3, :3, :5])),  # the kernel is no constant
        lambda x: jnp.einsum("bthwc,bthwd->cd", x, x),
        lambda x: lax.reshape(x, (4, 420), dimensions=(1, 0, 2, 3, 4)),
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 1, 1, 1), (1, 1, 1, 1, 1), [(0, 0)] * 4 + [(0, 1)]),
        lambda x: lax.reduce_window(
            x, -jnp.inf, lax.max, (1, 2, 1, 1, 1), (1, 1, 1, 1, 1), [(0, 0), (2, 0)] + [(0, 0)] * 3
        ),
        lambda x: (x.astype(jnp.uint8) + x.astype(jnp.uint8)).astype(jnp.float32),
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 1, 1, 1, 1), (1, 1, 1, 1, 1), "VALID"),
        lambda x: lax.conv_general_dilated(
            x, kernel(1, 1, 1, 1, 5), (1, 1, 1), "SAME", dimension_numbers=layers.NDHWC, feature_group_count=5
        ),
        lambda x: lax.conv_general_dilated(
            x, kernel(1, 1, 1, 5, 5), (1, 1, 1), [(-1, 0), (0, 0), (0, 0)], dimension_numbers=layers.NDHWC
        ),
    ],
)
def test_what_has_no_rule_is_refused(function):
    with pytest.raises(Unsupported, match="no rule"):
        build_model(jax.make_jaxpr(function)(X))


NETWORKS = {
    "i3d": {},
    "flow": {"flow": True},
    "s3d with gates": {"encoder": "s3d", "feature_gating": True},
    "the deepest endpoint Mixed_4f, with the clip's context": {
        "decoder_input": "Mixed_4f", "action_context": True, "actor_context": True,
        "context_endpoints": ("Mixed_3c", "Mixed_4f"),
    },
    "pooled, without the paper's parts": {
        "encoder": "pooled", "actor_prior": "off", "ssa_masking": False, "atrous": False, "multi_scale": False,
    },
    "pooled, added prior, without kernels over time": {
        "encoder": "pooled", "actor_prior": "add", "temporal_kernels": False, "decoder_temporal_kernels": False,
    },
}  # fmt: skip


def _network(**fields):
    """A network with variables that no new network has, statistics and biases too, whose answers depend on the clip."""
    model = SSA2D(classes=(8, 10), encoder_width=0.0625, decoder_width=0.0625, **fields)
    shapes = [(1, 4, 32, 32, 3), *([(1, 4, 32, 32, 2)] if model.flow else [])]
    variables = jax.eval_shape(model.init, jax.random.key(0), *map(jnp.zeros, shapes))
    random = np.random.default_rng(0)
    variance = 0.5 if model.feature_gating else 0.8  # gates halve what goes through them

    def draw(path, x):
        noise = random.standard_normal(x.shape, np.float32)
        if path[-1].key == "var":
            return variance + 0.1 * np.abs(noise)
        return (2 / np.prod(x.shape[:-1])) ** 0.5 * noise if len(x.shape) == 5 else 0.1 * noise

    return model, jax.tree_util.tree_map_with_path(draw, variables)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_the_same(name, multilabel):
    if multilabel and name != "i3d":
        pytest.skip("the encoder does not know")
    model, variables = _network(**NETWORKS[name])
    channels = 5 if model.flow else 3
    clips = np.random.default_rng(1).integers(0, 256, (2, 4, 32, 48, channels)).astype(np.uint8)
    expected = make_forward(model, variables, multilabel)(clips)
    forward = make_openvino_forward(model, variables, multilabel)
    found = forward(clips)
    for one, other in zip(expected, found, strict=True):
        assert np.ptp(one) > 0.01  # it depends on the clip
        np.testing.assert_allclose(other, one, atol=5e-6)
    # Another shape gets a program of its own, and what was returned before stays as it is.
    kept = [array.copy() for array in found]
    if name.startswith("pooled"):  # as narrow as a clip may be
        for one, other in zip(
            make_forward(model, variables)(clips[:1, :, :, :16]), forward(clips[:1, :, :, :16]), strict=True
        ):
            np.testing.assert_allclose(other, one, atol=5e-6)
    forward(255 - clips)
    for one, other in zip(kept, found, strict=True):
        np.testing.assert_array_equal(one, other)
