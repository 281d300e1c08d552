"""S3D against a plain twin written here, its parameters and gates; and an encoder under another name."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import lax

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.models.encoders import ENCODERS
from ssa2d_jax.models.i3d import I3D
from ssa2d_jax.models.layers import NDHWC
from ssa2d_jax.models.pooled import STRIDES, PooledEncoder
from ssa2d_jax.models.s3d import S3D, SeparableUnit3d
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.models.units import Unit3d
from ssa2d_jax.runs import config_rules
from ssa2d_jax.steps.state import build_model, init_variables
from tests.fixtures.toy import toy_config


def _shapes(model, *shapes):
    """Shapes of what a model gives, and of its variables; nothing is run."""
    return jax.eval_shape(lambda: model.init_with_output(jax.random.key(0), *map(jnp.zeros, shapes)))


def _random(model, *shapes):
    """Random variables of a model, by name; variances from 0.5 up."""
    rng, variables = np.random.default_rng(0), {}
    for name, leaf in flatten_dict(_shapes(model, *shapes)[1], sep="/").items():
        values = rng.standard_normal(leaf.shape, np.float32)
        if name.endswith("kernel"):
            values /= np.sqrt(np.prod(leaf.shape[:-1]))
        variables[name] = np.abs(values) + 0.5 if name.endswith("var") else values
    return variables


def _count(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("width", "size", "gated", "flow"),
    [(0.1, (4, 16, 16), False, False), (0.3, (12, 48, 80), True, False), (0.0625, (20, 32, 16), True, True)],
)
def test_endpoints_have_the_shapes_of_i3d(width, size, gated, flow):
    inputs = [(2, *size, channels) for channels in (3, 2)[: 1 + flow]]
    actual, variables = _shapes(S3D(width, feature_gating=gated), *inputs)
    expected, _ = _shapes(I3D(width), *inputs)
    assert actual == expected
    time, height, width = size
    assert actual["Conv3d_2c_3x3"].shape[:4] == (2, time // 2, height // 4, width // 4)
    assert actual["Mixed_3c"].shape[:4] == (2, time // 2, height // 8, width // 8)
    assert actual["Mixed_5c"].shape[:4] == (2, time // 4, height // 16, width // 16)
    streams = {"rgb", "flow"} if flow else {"rgb"}
    assert set(variables["params"]) == streams | {"Mixed_5b", "Mixed_5c"}


def test_parameters_at_paper_size():
    video = (1, 16, 224, 224, 3)
    encoder, gated = (_shapes(S3D(feature_gating=gates), video)[1]["params"] for gates in (False, True))
    assert _count(encoder) == 7_899_440  # torchvision's s3d without its head and the scales of batch norm
    separable = [leaf.shape for name, leaf in flatten_dict(gated, sep="/").items() if name.endswith("gate/bias")]
    assert len(separable) == 2 + 2 * 9
    assert _count(gated) - _count(encoder) == sum(width * (width + 1) for (width,) in separable) == 765_696
    assert _count(_shapes(SSA2D(classes=(8, 10), encoder="s3d"), video)[1]["params"]) == 30_714_884


def _unit(x, weights, name, strides=(1, 1, 1)):
    kernel, beta = weights[f"params/{name}/conv_3d/kernel"], weights[f"params/{name}/batch_norm/bias"]
    mean, var = weights[f"batch_stats/{name}/batch_norm/mean"], weights[f"batch_stats/{name}/batch_norm/var"]
    x = lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=NDHWC)
    return jnp.maximum((x - mean) / jnp.sqrt(var + 1e-3) + beta, 0)


def _separable(x, weights, name, stride=1):
    x = _unit(x, weights, f"{name}/spatial", (1, stride, stride))
    x = _unit(x, weights, f"{name}/temporal", (stride, 1, 1))
    if f"params/{name}/gate/kernel" not in weights:
        return x
    gate = x.mean((1, 2, 3)) @ weights[f"params/{name}/gate/kernel"][0, 0, 0] + weights[f"params/{name}/gate/bias"]
    return x / (1 + jnp.exp(-gate))[:, None, None, None]


def _twin(x, weights):
    """The first blocks of S3D, written out: -> Mixed_3b."""
    pool = lambda x, window, stride: lax.reduce_window(  # noqa: E731
        x, -jnp.inf, lax.max, (1, *window, 1), (1, 1, stride, stride, 1), "SAME"
    )
    x = pool(_separable(x, weights, "rgb/Conv3d_1a_7x7", 2), (1, 3, 3), 2)
    x = _separable(_unit(x, weights, "rgb/Conv3d_2b_1x1"), weights, "rgb/Conv3d_2c_3x3")
    x, block = pool(x, (1, 3, 3), 2), "rgb/Mixed_3b/Branch_"
    two, three = (_unit(x, weights, f"{block}{branch}_Conv3d_0a_1x1") for branch in (1, 2))
    branches = [
        _unit(x, weights, f"{block}0_Conv3d_0a_1x1"),
        _separable(two, weights, f"{block}1_Conv3d_0b_3x3"),
        _separable(three, weights, f"{block}2_Conv3d_0b_3x3"),
        _unit(pool(x, (3, 3, 3), 1), weights, f"{block}3_Conv3d_0b_1x1"),
    ]
    return jnp.concatenate(branches, axis=-1)


@pytest.mark.parametrize("gated", [False, True])
def test_mixed_3b_equals_a_twin(gated):
    model, shape = S3D(0.125, feature_gating=gated), (2, 8, 48, 32, 3)
    weights = _random(model, shape)
    video = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    variables = unflatten_dict(weights, sep="/")
    actual = jax.jit(lambda video: model.apply(variables, video)["Mixed_3b"])(video)
    expected = jax.jit(lambda video: _twin(video, weights))(video)
    assert actual.shape == expected.shape and float(expected.std()) > 0.1
    assert float(jnp.abs(actual - expected).max()) < 1e-4 * float(expected.std())


def test_a_gate_of_zeros_halves_and_each_clip_has_gates_of_its_own():
    x = jax.random.normal(jax.random.key(0), (2, 4, 6, 6, 3))
    plain, gated = (SeparableUnit3d(5, (3, 3, 3), (2, 1, 1), gates, Unit3d) for gates in (False, True))
    variables = jax.jit(gated.init)(jax.random.key(1), x)
    params = variables["params"]
    before = jax.jit(plain.apply)(variables | {"params": {name: params[name] for name in ("spatial", "temporal")}}, x)
    assert before.shape == (2, 2, 6, 6, 5)
    apply = jax.jit(
        lambda kernel, bias: gated.apply(variables | {"params": params | {"gate": dict(kernel=kernel, bias=bias)}}, x)
    )
    zeros = jnp.zeros((1, 1, 1, 5, 5))
    np.testing.assert_allclose(apply(zeros, jnp.zeros(5)), before / 2, rtol=1e-5, atol=1e-6)
    shut = apply(zeros, jnp.array([0.0, -100, 0, 0, 100]))
    np.testing.assert_allclose(shut[..., 1], 0, atol=1e-6)
    np.testing.assert_allclose(shut[..., 4], before[..., 4], rtol=1e-5, atol=1e-6)
    means = before.mean((1, 2, 3))
    expected = before / (1 + jnp.exp(-3 * means))[:, None, None, None]
    np.testing.assert_allclose(apply(3 * jnp.eye(5)[None, None, None], jnp.zeros(5)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kept", "endpoint"), [(True, "Mixed_3c"), (False, "Mixed_5c")])
def test_without_temporal_kernels_frames_are_independent(kept, endpoint):
    model, shape = S3D(0.0625, kept), (1, 8, 32, 32, 3)
    weights = _random(model, shape)
    variables = unflatten_dict(weights, sep="/")
    video = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    total = lambda video: jnp.sum(model.apply(variables, video)[endpoint][:, 0])
    seen = jnp.abs(jax.jit(jax.grad(total))(video)).max((0, 2, 3, 4)).nonzero()[0].tolist()
    assert (seen == [0]) is not kept
    assert any("temporal" in name for name in weights) is kept


def test_statistics_are_shared_by_axis():
    unit = lambda axis: SeparableUnit3d(4, (3, 3, 3), (1, 1, 1), True, partial(Unit3d, train=True, stats_axis=axis))
    x = jax.random.normal(jax.random.key(0), (4, 4, 6, 6, 3))
    variables = jax.jit(unit(None).init)(jax.random.key(1), x)
    apply = lambda axis, x: unit(axis).apply(variables, x, mutable=["batch_stats"])
    whole, statistics = jax.jit(partial(apply, None))(x)
    halves, shared = jax.jit(jax.vmap(partial(apply, "devices"), axis_name="devices"))(x.reshape(2, 2, *x.shape[1:]))
    np.testing.assert_allclose(halves.reshape(whole.shape), whole, atol=1e-5)
    jax.tree.map(lambda two, one: np.testing.assert_allclose(two[0], one, atol=1e-5), shared, statistics)


@pytest.mark.parametrize(
    "model", [S3D(0.0625, feature_gating=True, train=True), I3D(0.0625, train=True)], ids=["S3D-G", "I3D"]
)
def test_every_parameter_has_a_gradient_and_every_statistic_moves(model):
    video = jax.random.normal(jax.random.key(0), (2, 4, 32, 32, 3))
    variables = unflatten_dict(_random(model, video.shape), sep="/")

    def total(params):
        endpoints, updates = model.apply(variables | {"params": params}, video, mutable=["batch_stats"])
        return sum(jnp.sum(jnp.sin(x)) for x in endpoints.values()), updates["batch_stats"]

    gradients, statistics = jax.jit(jax.grad(total, has_aux=True))(variables["params"])
    for name, gradient in flatten_dict(gradients, sep="/").items():
        assert float(jnp.abs(gradient).max()) > 0, name
    before = flatten_dict(variables["batch_stats"], sep="/")
    for name, moved in flatten_dict(statistics, sep="/").items():
        assert float(jnp.abs(moved - before[name]).max()) > 0, name


def test_ssa2d_has_the_same_outputs_with_it():
    model = SSA2D((8, 10), "s3d", feature_gating=True, encoder_width=0.0625, decoder_width=0.0625)
    outputs, variables = _shapes(model, (2, 4, 32, 32, 3))
    assert [outputs.actor.shape, outputs.action.shape] == [(2, 2, 8, 8, 8), (2, 2, 8, 8, 10)]
    assert outputs.mask.shape == (2, 2, 16, 16, 2)
    assert any("gate" in name for name in flatten_dict(variables["params"]["encoder"], sep="/"))


def test_bfloat16_keeps_parameters_and_statistics_in_float32():
    model = S3D(0.0625, train=True, dtype=jnp.bfloat16, feature_gating=True)
    endpoints, variables = _shapes(model, (1, 4, 32, 32, 3))
    assert {x.dtype for x in endpoints.values()} == {jnp.dtype("bfloat16")}
    assert {x.dtype for x in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_another_encoder_needs_its_name_in_the_registry_alone(monkeypatch):
    monkeypatch.setitem(ENCODERS, "another", PooledEncoder)
    config = toy_config()
    config.model.encoder, config.model.flow = "another", True
    config.data.flow, config.data.label_span, config.predict.overlap = "dis", 4, 2
    config_rules.check_config(config, devices=2)
    model = build_model(config.model, A2D, stats_axis=None)
    variables = jax.jit(partial(init_variables, model, config))()
    assert set(variables["params"]["encoder"]) == set(STRIDES)
    video = jnp.ones((1, 4, 32, 32, 3))
    outputs = jax.jit(model.apply)(variables, video, video[..., :2])
    assert outputs.actor.shape == (1, 2, 8, 8, 8) and bool(jnp.isfinite(outputs.action).all())


def test_without_temporal_kernels_it_is_i3d_without_them():
    video = (1, 4, 16, 16, 3)
    assert _shapes(S3D(0.1, False, feature_gating=True), video) == _shapes(I3D(0.1, False), video)
