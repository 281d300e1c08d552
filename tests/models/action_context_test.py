"""The action context: what the clip as a whole adds to the actions' logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.models.action_context import ActionContext
from ssa2d_jax.models.ssa2d import SSA2D


def _endpoints(clips=2):
    random = np.random.default_rng(0)
    shapes = {"Mixed_3c": (clips, 4, 4, 4, 5), "Mixed_4f": (clips, 2, 2, 2, 6), "Mixed_5c": (clips, 2, 2, 2, 7)}
    return {name: jnp.asarray(random.random(shape, np.float32)) for name, shape in shapes.items()}


def _variables(context, endpoints, foreground):
    """The module's variables with a random kernel: its own is 0."""
    shapes = jax.eval_shape(context.init, jax.random.key(0), endpoints, foreground)["params"]
    return {
        "params": {"kernel": jnp.asarray(np.random.default_rng(1).standard_normal(shapes["kernel"].shape, np.float32))}
    }


def _plain(features):
    """The layer norm of vectors [B, C], without parameters."""
    centred = features - features.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)


def test_it_is_a_matrix_times_the_means_over_the_clip_and_over_its_foreground():
    endpoints = _endpoints()
    foreground = jnp.zeros((2, 2, 8, 8)).at[:, 1, :4, 4:].set(1)  # the cell (1, 0, 1) of an endpoint
    context = ActionContext(actions=4)
    variables = _variables(context, endpoints, foreground)
    logits = np.asarray(context.apply(variables, endpoints, foreground))
    parts = []
    for name in ("Mixed_4f", "Mixed_5c"):
        x = np.asarray(endpoints[name])
        parts += [_plain(x.mean((1, 2, 3))), _plain(x[:, 1, 0, 1] / 1.001)]
    expected = np.concatenate(parts, -1) @ variables["params"]["kernel"][0, 0, 0]
    assert logits.shape == (2, 1, 1, 1, 4)
    np.testing.assert_allclose(logits[:, 0, 0, 0, 1:], expected, rtol=1e-4, atol=1e-5)
    assert not logits[..., 0].any()  # of the background


def test_without_a_background_every_class_gets_a_logit():
    endpoints, foreground = _endpoints(), jnp.ones((2, 2, 8, 8))
    context = ActionContext(actions=4, has_background=False)
    logits = context.apply(_variables(context, endpoints, foreground), endpoints, foreground)
    assert np.asarray(logits).shape == (2, 1, 1, 1, 4) and np.asarray(logits).all()


def test_a_clip_without_foreground_still_has_its_whole():
    endpoints, foreground = _endpoints(), jnp.zeros((2, 2, 8, 8))
    context = ActionContext(actions=4)
    logits = np.asarray(context.apply(_variables(context, endpoints, foreground), endpoints, foreground))
    assert np.isfinite(logits).all() and logits[..., 1:].all()


def test_dropout_is_drawn_by_a_clips_own_key():
    endpoints, foreground = _endpoints(), jnp.ones((2, 2, 8, 8))
    context = ActionContext(actions=4, dropout=0.5)
    variables = _variables(context, endpoints, foreground)
    keys = jax.random.split(jax.random.key(0), 2)
    both = np.asarray(context.apply(variables, endpoints, foreground, keys))
    second = {name: x[1:] for name, x in endpoints.items()}
    np.testing.assert_allclose(context.apply(variables, second, foreground[1:], keys[1:]), both[1:], rtol=1e-5)
    other = np.asarray(context.apply(variables, endpoints, foreground, jax.random.split(jax.random.key(1), 2)))
    undropped = np.asarray(context.apply(variables, endpoints, foreground))
    assert (np.abs(other - both) > 1e-3)[..., 1:].any() and (np.abs(undropped - both) > 1e-3)[..., 1:].any()


def test_dropout_keeps_the_expected_logits():
    endpoints, foreground = _endpoints(1), jnp.ones((1, 2, 8, 8))
    context = ActionContext(actions=3, dropout=0.3)
    variables = _variables(context, endpoints, foreground)
    draw = jax.jit(jax.vmap(lambda key: context.apply(variables, endpoints, foreground, key[None])))
    mean = np.asarray(draw(jax.random.split(jax.random.key(0), 4000))).mean(0)
    np.testing.assert_allclose(mean, context.apply(variables, endpoints, foreground), atol=0.1)


@pytest.mark.parametrize("has_background", [True, False])
def test_a_new_network_answers_as_without_it(has_background):
    fields = dict(classes=(8, 10), encoder="pooled", encoder_width=0.0625, decoder_width=0.0625)
    video = jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))
    model = SSA2D(**fields, action_context=True, has_background=has_background)
    variables = jax.jit(model.init)(jax.random.key(0), video)
    without = {**variables, "params": {k: v for k, v in variables["params"].items() if k != "action_context"}}
    for one, other in zip(model.apply(variables, video), SSA2D(**fields).apply(without, video), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_changes_the_actions_of_every_pixel_alike_and_nothing_else():
    fields = dict(classes=(8, 10), encoder="pooled", encoder_width=0.0625, decoder_width=0.0625)
    model = SSA2D(**fields, action_context=True)
    video = jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))
    variables = jax.jit(model.init)(jax.random.key(0), video)
    before = model.apply(variables, video)
    kernel = jnp.ones_like(variables["params"]["action_context"]["kernel"]).at[:, :, :, ::2].set(-2.0)
    after = model.apply(variables | {"params": variables["params"] | {"action_context": {"kernel": kernel}}}, video)
    np.testing.assert_array_equal(after.actor, before.actor)
    np.testing.assert_array_equal(after.mask, before.mask)
    change = np.asarray(after.action - before.action)
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1, :1, :1], change.shape), atol=1e-4)
    assert np.abs(change[..., 1:]).min() > 0.01 and np.abs(change[..., 0]).max() < 1e-5


def test_the_mask_branch_learns_nothing_from_it():
    fields = dict(classes=(8, 10), encoder="pooled", encoder_width=0.0625, decoder_width=0.0625)
    model = SSA2D(**fields, action_context=True)
    video = jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))
    params = jax.jit(model.init)(jax.random.key(0), video)
    kernel = jnp.ones_like(params["params"]["action_context"]["kernel"])

    def total(weights):
        changed = params["params"] | {"mask_decoder": weights, "action_context": {"kernel": kernel}}
        return jnp.sum(model.apply(params | {"params": changed}, video).action ** 2)

    gradient = jax.jit(jax.grad(total))(params["params"]["mask_decoder"])
    assert not any(np.asarray(x).any() for x in jax.tree.leaves(gradient))
