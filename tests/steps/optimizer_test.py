import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import default
from ssa2d_jax.steps import optimizer


def _updates(gradient, **options):
    config = default.get_config()
    config.train.update(options)
    params = {"kernel": jnp.ones((1, 2)), "bias": jnp.ones(2)}
    tx = optimizer.make_optimizer(config.train, lambda _: 0.1)
    gradients = {"kernel": jnp.array([gradient]), "bias": jnp.zeros(2)}
    return tx.update(gradients, tx.init(params), params)


def test_the_first_adam_step_is_the_rate_in_the_gradients_direction():
    updates, _ = _updates([3.0, -0.02])
    np.testing.assert_allclose(updates["kernel"], [[-0.1, 0.1]], rtol=1e-4)


def test_clipping_bounds_the_norm_that_adam_sees():
    _, state = _updates([30.0, 40.0], clip_gradient=1.0)
    mean = [s.mu for s in state[1] if hasattr(s, "mu")][0]
    np.testing.assert_allclose(mean["kernel"], [[0.1 * 0.6, 0.1 * 0.8]], rtol=1e-5)
    _, state = _updates([30.0, 40.0], clip_gradient=0.0)
    mean = [s.mu for s in state[1] if hasattr(s, "mu")][0]
    np.testing.assert_allclose(mean["kernel"], [[3.0, 4.0]], rtol=1e-5)


def test_decay_is_decoupled_and_on_kernels_alone():
    updates, _ = _updates([0.0, 0.0], weight_decay=0.5)
    np.testing.assert_allclose(updates["kernel"], [[-0.05, -0.05]], rtol=1e-6)
    np.testing.assert_allclose(updates["bias"], [0, 0])


def _muon_updates(gradient, rate=0.01, **options):
    train = default.get_config().train
    train.update(dict(optimizer="muon", muon_factor=5.0, clip_gradient=0.0) | options)
    params = {"kernel": jnp.ones(gradient.shape), "bias": jnp.ones(2)}
    tx = optimizer.make_optimizer(train, lambda _: rate)
    return tx.update({"kernel": gradient, "bias": jnp.array([3.0, -0.02])}, tx.init(params), params)[0]


def test_muon_moves_kernels_along_orthogonal_matrices_and_the_rest_by_adam():
    # 3x3 taps, 8 channels in, 16 out: a 72 x 16 matrix, whose singular values in the gradient differ 100-fold.
    gradient = jax.random.normal(jax.random.key(0), (1, 3, 3, 8, 16)) * jnp.geomspace(0.01, 1.0, 16)
    updates = _muon_updates(gradient)
    singular = np.linalg.svd(np.asarray(updates["kernel"]).reshape(72, 16), compute_uv=False)
    assert singular.min() > 0.6 * 5 * 0.01 and singular.max() < 1.3 * 5 * 0.01
    assert float(jnp.sum(updates["kernel"] * gradient)) < 0
    nesterov = 0.9 * 0.1 / (1 - 0.9**2) + 1  # optax pairs Muon with Adam that has Nesterov's momentum
    np.testing.assert_allclose(updates["bias"], [-0.01 * nesterov, 0.01 * nesterov], rtol=1e-4)


def test_muon_equals_optax_on_kernels_of_every_shape_with_the_same_state():
    train = default.get_config().train
    train.update(dict(optimizer="muon", clip_gradient=0.0, weight_decay=0.1))
    expected = optax.contrib.muon(
        lambda _: train.muon_factor * 0.01,
        eps=train.adam_eps,
        weight_decay=train.weight_decay,
        adam_b1=train.adam_b1,
        adam_b2=train.adam_b2,
        adam_learning_rate=lambda _: 0.01,
        muon_weight_dimension_numbers=optimizer.as_matrices,
    )
    actual = optimizer.make_optimizer(train, lambda _: 0.01)
    shapes = [(3, 3, 3, 4, 16), (1, 1, 1, 24, 16), (1, 1, 1, 4, 16), (3, 1, 1, 16, 4), (4, 1), (1, 1, 1, 1, 6), (6,)]
    rng = np.random.default_rng(0)
    params = {f"{i}": jnp.asarray(rng.standard_normal(shape, np.float32)) for i, shape in enumerate(shapes)}
    states, trees = [expected.init(params), actual.init(params)], [params, params]
    assert jax.tree.structure(states[0]) == jax.tree.structure(states[1][1])
    for step in range(3):
        gradient = jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape, np.float32)), params)
        # Singular values from 1 to 1e-5, and none but zeros.
        gradient["0"] = gradient["0"] * jnp.geomspace(1e-5, 1, 16)
        gradient["3"] = gradient["3"] * (step > 0)
        (updates, states[0]), (ours, states[1]) = (
            jax.jit(rule.update)(gradient, state, tree)
            for rule, state, tree in zip((expected, actual), states, trees, strict=True)
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4 * 0.01 * train.muon_factor), updates, ours)
        assert all(np.abs(x).max() > 1e-4 for x in jax.tree.leaves(updates))
        trees = [optax.apply_updates(tree, up) for tree, up in zip(trees, (updates, ours), strict=True)]
    jax.tree.map(np.testing.assert_allclose, states[0], states[1][1])


def test_muon_asks_for_full_float32_of_devices_with_faster_products():
    """A CPU multiplies in full float32 whatever is asked for, so the program is read."""
    train = default.get_config().train
    train.update(dict(optimizer="muon", clip_gradient=0.0))
    rule, params = optimizer.make_optimizer(train, lambda _: 0.01), {"tall": jnp.ones((6, 4)), "flat": jnp.ones((4, 6))}
    with jax.default_matmul_precision("bfloat16"):
        program = str(jax.jit(rule.update).lower(params, rule.init(params), params).as_text())
    products = [line for line in program.splitlines() if "stablehlo.dot_general" in line]
    assert len(products) > 8 and all("precision = [HIGHEST, HIGHEST]" in line for line in products)


def test_muons_decay_is_decoupled_and_on_kernels_alone():
    gradient = jax.random.normal(jax.random.key(0), (1, 1, 1, 4, 4))
    plain, decayed = _muon_updates(gradient), _muon_updates(gradient, weight_decay=0.5)
    decay = np.full((1, 1, 1, 4, 4), -0.5 * 5 * 0.01)
    np.testing.assert_allclose(decayed["kernel"] - plain["kernel"], decay, rtol=1e-4)
    np.testing.assert_array_equal(decayed["bias"], plain["bias"])


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_the_encoder_waits_and_then_moves_at_its_own_rate(name):
    config = default.get_config()
    config.train.update(dict(optimizer=name, encoder_lr_scale=0.25, encoder_frozen_steps=2))
    params = {part: {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)} for part in ("encoder", "actor_head")}
    tx = optimizer.make_optimizer(config.train, lambda _: 0.1)
    state = tx.init(params)
    for step in range(4):
        updates, state = jax.jit(tx.update)(params, state, params)
        factor = 0.25 if step >= 2 else 0.0
        jax.tree.map(
            lambda encoder, head, factor=factor: np.testing.assert_allclose(encoder, factor * head, rtol=1e-5),
            updates["encoder"],
            updates["actor_head"],
        )
        assert abs(updates["actor_head"]["bias"]).min() > 0.05


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_temporal_rate_is_the_same_optimizer_on_taps_in_that_unit(name):
    train = default.get_config().train
    train.update(dict(optimizer=name, clip_gradient=0.0, weight_decay=0.1))
    plain = optimizer.make_optimizer(train, lambda _: 0.1)
    train.temporal_lr_scale = 0.5
    slow = optimizer.make_optimizer(train, lambda _: 0.1)
    unit = jnp.array([0.5, 1.0, 0.5]).reshape(3, 1, 1, 1, 1)
    start, gradient = jax.random.normal(jax.random.key(0), (2, 3, 3, 3, 4, 8))
    w, v = {"kernel": start}, {"kernel": start / unit}
    state_w, state_v = slow.init(w), plain.init(v)
    for _ in range(3):
        updates, state_w = slow.update({"kernel": gradient}, state_w, w)
        w = optax.apply_updates(w, updates)
        updates, state_v = plain.update({"kernel": gradient * unit}, state_v, v)
        v = optax.apply_updates(v, updates)
    np.testing.assert_allclose(w["kernel"], v["kernel"] * unit, rtol=1e-5, atol=1e-6)
    assert abs(w["kernel"] - start).max() > 0.1


@pytest.mark.parametrize("taps", [1, 2])
def test_temporal_rate_leaves_kernels_without_other_taps_or_without_a_middle_alone(taps):
    gradient = jax.random.normal(jax.random.key(0), (taps, 3, 3, 4, 8))
    slow, plain = _muon_updates(gradient, temporal_lr_scale=0.5), _muon_updates(gradient)
    np.testing.assert_array_equal(slow["kernel"], plain["kernel"])


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_a_frozen_encoder_has_no_moments_no_decay_and_no_say_in_the_others_updates(name):
    train = default.get_config().train
    train.update(dict(optimizer=name, weight_decay=0.1, temporal_lr_scale=0.5, encoder_lr_scale=0.0))
    tx = optimizer.make_optimizer(train, lambda _: 0.1)
    key = jax.random.key(0)
    head = {"kernel": jax.random.normal(key, (3, 1, 1, 4, 8)), "bias": jnp.ones(8)}
    both, alone = {"encoder": {"kernel": jnp.ones((3, 1, 1, 4, 5))}, "actor_head": head}, {"actor_head": head}
    zeros = {"encoder": {"kernel": jnp.zeros((3, 1, 1, 4, 5))}}  # what a stopped gradient is
    state_both, state_alone = tx.init(both), tx.init(alone)
    assert (3, 1, 1, 4, 5) not in [x.shape for x in jax.tree.leaves(state_both)]
    for step in range(3):
        gradient = {"actor_head": jax.tree.map(lambda x, step=step: (step - 1.5) * x, head)}
        updates, state_both = tx.update(zeros | gradient, state_both, both)
        expected, state_alone = tx.update(gradient, state_alone, alone)
        assert not updates["encoder"]["kernel"].any()
        jax.tree.map(np.testing.assert_array_equal, updates["actor_head"], expected["actor_head"])
        assert all(x.all() for x in jax.tree.leaves(expected))
