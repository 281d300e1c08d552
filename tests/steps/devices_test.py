"""Several devices and one. The encoder is the tests' own, which compiles sooner."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict

from ssa2d_jax.data.label_space import A2D, VIDOR
from ssa2d_jax.runs.defaults import THRESHOLD
from ssa2d_jax.steps import devices
from ssa2d_jax.steps.device_axis import DEVICES
from ssa2d_jax.steps.devices import pmap_train_step
from ssa2d_jax.steps.optimizer import make_optimizer
from ssa2d_jax.steps.state import build_model, init_state, init_variables
from tests.fixtures.toy import multilabel_batch, toy_batch, toy_config

pooled_config = functools.partial(toy_config, "pooled")
WEIGHTS = {"actor": 1.3, "action": 1.3, "mask": 0.3}


@functools.cache
def _start(device_count, microbatches=1, ema_decay=0.0, context_dropout=0.0):
    """The toy with its own optimizer in float64, where agreement shows errors and not rounding -> state, step."""
    config = pooled_config()
    config.train.ema_decay = ema_decay
    config.model.action_context = config.model.actor_context = context_dropout > 0
    config.model.context_dropout = context_dropout
    model = build_model(config.model, A2D, stats_axis=DEVICES).clone(dtype=jnp.float64)
    optimizer = make_optimizer(config.train, lambda _: 1e-3)
    state = _in_float64(init_state(model.clone(stats_axis=None), optimizer, config))
    devices = jax.devices()[:device_count]
    step = pmap_train_step(
        model, optimizer, loss_weights=WEIGHTS, microbatches=microbatches, ema_decay=ema_decay, devices=devices
    )
    return jax.device_get(state), step


def _train(device_count, batches, **switches):
    with jax.enable_x64(True):
        state, step = _start(device_count, **switches)
        metrics = {}
        for batch in batches:
            state, metrics = step(state, devices.shard(batch, device_count))
        return jax.device_get(state), jax.device_get(metrics)


def test_every_batch_norm_of_i3d_and_the_decoders_shares_its_statistics():
    config = toy_config("i3d")
    model = build_model(config.model, A2D, stats_axis=DEVICES)
    variables = jax.eval_shape(lambda: init_variables(model.clone(stats_axis=None), config))
    video = jnp.zeros((1, 4, 32, 32, 3))
    step = functools.partial(model.apply, train=True, mutable=["batch_stats"])
    program = str(jax.make_jaxpr(step, axis_env=[(DEVICES, 4)])(variables, video))
    batch_norms = sum(name[-1] == "mean" for name in flatten_dict(variables["batch_stats"]))
    assert len(re.findall(r"\bp(?:sum|mean)\w*\[", program)) == batch_norms > 30


def _in_float64(tree):
    return jax.tree.map(lambda x: x.astype(jnp.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


def _close(one, other, tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), one, other)


def test_one_device_and_four_agree_after_three_steps():
    batches = [toy_batch(seed) for seed in range(3)]
    one, metrics_one = _train(1, batches)
    four, metrics_four = _train(4, batches)
    assert len(jax.devices()) == 4 and int(one.step) == int(four.step) == 3
    _close(one.params, four.params, 1e-5)
    _close(one.batch_stats, four.batch_stats, 1e-5)
    _close(metrics_one, metrics_four, 1e-4)
    fresh = init_state(build_model(pooled_config().model, A2D, None), optax.sgd(1e-4), pooled_config())
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), fresh.params, one.params)
    assert min(jax.tree.leaves(moved)) > 1e-4  # so that agreement says something


def _darkened(batch):
    """The same with another brightness for every quarter of a picture: the noise's maxima over blocks are all 255."""
    for number, clip in enumerate(batch["video"]):
        clip[:, :16] //= 2 + number
        clip[:, :, 16:] //= 3
    return batch


def test_devices_drop_the_same_of_the_clips_context():
    batches = [_darkened(toy_batch(seed)) for seed in range(3)]
    one, _ = _train(1, batches, context_dropout=0.5)
    four, _ = _train(4, batches, context_dropout=0.5)
    _close(one.params, four.params, 1e-5)
    kept, _ = _train(1, batches, context_dropout=1e-9)
    for context in ("actor_context", "action_context"):
        dropped, whole = (state.params[context]["kernel"] for state in (one, kept))
        assert np.abs(dropped).max() > 1e-4 and np.abs(dropped - whole).max() > 1e-4


def test_padding_clips_do_not_count_and_do_not_unbalance_the_devices():
    # Batch norm sees the padding's pixels all the same, so the padding repeats real clips here.
    batch = toy_batch(0)
    batch["clip_valid"] = np.array([True, True, True, False])
    one, _ = _train(1, [batch])
    four, metrics = _train(4, [batch])
    _close(one.params, four.params, 1e-5)
    batch["actor"][3], batch["action"][3] = 5, 1
    other, other_metrics = _train(4, [batch])
    _close(four.params, other.params, 0)
    assert metrics == other_metrics


AVERAGED = dict(microbatches=2, ema_decay=0.9)


def test_accumulation_changes_nothing_where_the_parts_are_alike():
    # Identical halves: their statistics are those of the whole.
    batch = toy_batch(0, batch=2)
    batch = {key: np.concatenate([value, value]) for key, value in batch.items()}
    whole, metrics_whole = _train(1, [batch])
    parts, metrics_parts = _train(1, [batch], **AVERAGED)
    _close(whole.params, parts.params, 1e-5)
    _close(metrics_whole, metrics_parts, 1e-5)
    assert whole.variables()["params"] is whole.params


def test_microbatches_drop_the_same_of_the_clips_context():
    batch = _darkened(toy_batch(0, batch=2))
    batch = {key: np.concatenate([value, value]) for key, value in batch.items()}
    whole, _ = _train(1, [batch], context_dropout=0.5)
    parts, _ = _train(1, [batch], context_dropout=0.5, **AVERAGED)
    _close(whole.params, parts.params, 1e-5)
    for context in ("actor_context", "action_context"):
        assert np.abs(parts.params[context]["kernel"]).max() > 1e-5


def test_moving_average_by_hand():
    """Its decay is 1/10, 2/11, 3/12 and so on, but no more than the config's."""
    batches = [toy_batch(seed) for seed in range(3)]
    states = [_train(1, batches[:count], ema_decay=0.2)[0] for count in (1, 2, 3)]
    fresh = init_state(build_model(pooled_config().model, A2D, stats_axis=None), optax.sgd(1e-4), pooled_config())
    average = fresh.params
    for state, decay in zip(states, (1 / 10, 2 / 11, 0.2), strict=True):
        average = jax.tree.map(lambda old, now, d=decay: d * old + (1 - d) * now, average, state.params)
        _close(state.ema, average, 1e-6)
        assert state.variables()["params"] is state.ema
    first, _ = _train(1, batches[:1], **AVERAGED)
    _close(first.ema, jax.tree.map(lambda old, now: 0.1 * old + 0.9 * now, fresh.params, first.params), 1e-6)


def test_the_state_is_donated_and_replicated():
    with jax.enable_x64(True):
        state, step = _start(4)
        shapes = jax.tree.map(jnp.shape, state.params)
        state, _ = step(state, devices.shard(toy_batch(0)))
        before = jax.tree.leaves(state.params)
        state, _ = step(state, devices.shard(toy_batch(1)))
    assert all(leaf.is_deleted() for leaf in before)
    assert jax.tree.map(jnp.shape, state.params) == shapes
    assert all(len(x.sharding.device_set) == 4 for x in jax.tree.leaves(state.params))


def test_eval_step_counts_every_labelled_pixel_once():
    config = pooled_config()
    model = build_model(config.model, A2D, stats_axis=None)
    state = init_state(model, optax.sgd(0.1), config)
    batch = toy_batch(3)
    batch["clip_valid"][2] = False
    batch["label_valid"][0, 1] = False
    counts, agreement = devices.pmap_eval_step(model, A2D, THRESHOLD)(state.variables(), devices.shard(batch))
    assert int(counts.frames) == 5
    assert agreement.shape == (4, 1, 2) and not agreement[2].any()  # a clip that isn't valid has no pixels
    assert (agreement[..., 0] <= agreement[..., 1]).all() and agreement[0, 0, 1] >= 144
    for kind in ("actor", "action", "joint"):
        assert int(getattr(counts, kind).sum()) == 5 * 32 * 32
    np.testing.assert_array_equal(np.asarray(counts.actor).sum(1)[:5], [5 * (1024 - 144), 144, 288, 0, 288])


def test_several_actions_are_counted_on_all_devices():
    space = VIDOR
    config = pooled_config()
    model = build_model(config.model, space, stats_axis=None)
    state = init_state(model, optax.sgd(0.1), config)
    assert state.params["action_head"]["bias"].shape == (42,) and state.params["actor_head"]["bias"].shape == (81,)
    batch = multilabel_batch(3)
    batch["clip_valid"][2] = False
    step = devices.pmap_eval_step(model, space, THRESHOLD)
    counts, agreement = jax.device_get(step(state.variables(), devices.shard(batch)))
    assert int(counts.frames) == 6
    assert agreement.shape == (4, 1, 2) and not agreement[2].any() and agreement[0, 0, 1] >= 2 * 144
    assert counts.actor.sum() == counts.action.overlap.sum() == counts.precision[1, 0].sum() == 6 * 32 * 32
    block = 6 * 144
    assert counts.action.truth[0].tolist() == [6 * 1024 - block, block, block, *[0] * 40]
    assert counts.precision[0].sum(1).tolist() == [block, block, *[0] * 40]


def test_several_actions_are_learned():
    config, space = pooled_config(), VIDOR
    model = build_model(config.model, space, stats_axis=DEVICES)
    optimizer = optax.adam(1e-2)
    step = devices.pmap_train_step(model, optimizer, loss_weights=WEIGHTS, microbatches=1, ema_decay=0.0)
    state = init_state(model.clone(stats_axis=None), optimizer, config)
    losses = []
    for _ in range(12):
        state, sums = step(state, devices.shard(multilabel_batch(0)))
        losses.append(float(sums["action"]))
    assert losses[-1] < 0.85 * losses[0]


@pytest.mark.parametrize("count", [3, 6])
def test_a_batch_that_the_devices_do_not_divide_is_refused(count):
    with pytest.raises(ValueError, match=f"{count} clips .* 4 devices"):
        devices.shard(toy_batch(0, batch=count))
