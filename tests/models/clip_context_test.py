"""The context: what the clip as a whole adds to the logits of actors and actions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.models.clip_context import ContextLogits, context_features
from ssa2d_jax.models.ssa2d import SSA2D

NAMES = ("Mixed_4f", "Mixed_5c")


def _endpoints(clips=2):
    random = np.random.default_rng(0)
    shapes = {"Mixed_3c": (clips, 4, 4, 4, 5), "Mixed_4f": (clips, 2, 2, 2, 6), "Mixed_5c": (clips, 2, 2, 2, 7)}
    return {name: jnp.asarray(random.random(shape, np.float32)) for name, shape in shapes.items()}


def _kernel(features, classes):
    """A random kernel: the module's own is 0."""
    shape = (1, 1, 1, features.shape[-1], classes)
    return jnp.asarray(np.random.default_rng(1).standard_normal(shape, np.float32))


def _logits(features, classes=4, has_background=True):
    kernel = _kernel(features, classes - has_background)
    return np.asarray(ContextLogits(classes, has_background).apply({"params": {"kernel": kernel}}, features))


def _plain(features):
    """The layer norm of vectors [B, C], without parameters."""
    centred = features - features.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)


def test_it_is_a_matrix_times_the_means_over_the_clip_and_over_its_foreground():
    endpoints = _endpoints()
    foreground = jnp.zeros((2, 2, 8, 8)).at[:, 1, :4, 4:].set(1)  # the cell (1, 0, 1) of an endpoint
    features = context_features(endpoints, foreground, NAMES)
    logits = _logits(features)
    parts = []
    for name in ("Mixed_4f", "Mixed_5c"):
        x = np.asarray(endpoints[name])
        parts += [_plain(x.mean((1, 2, 3))), _plain(x[:, 1, 0, 1] / 1.001)]
    expected = np.concatenate(parts, -1) @ np.asarray(_kernel(features, 3))[0, 0, 0]
    assert logits.shape == (2, 1, 1, 1, 4)
    np.testing.assert_allclose(logits[:, 0, 0, 0, 1:], expected, rtol=1e-4, atol=1e-5)
    assert not logits[..., 0].any()  # of the background


def test_a_finer_endpoint_is_weighed_on_its_own_grid():
    endpoints = _endpoints()
    foreground = jnp.zeros((2, 2, 8, 8)).at[:, 1, :2, 4:6].set(1)  # the cells (2, 0, 2) and (3, 0, 2) of Mixed_3c
    x = np.asarray(endpoints["Mixed_3c"])
    expected = [_plain(x.mean((1, 2, 3))), _plain(x[:, 2:, 0, 2].sum(1) / 2.001)]
    features = np.asarray(context_features(endpoints, foreground, ("Mixed_3c",)))[:, 0, 0, 0]
    np.testing.assert_allclose(features, np.concatenate(expected, -1), rtol=1e-4, atol=1e-5)


def test_endpoints_have_one_order_and_those_that_an_encoder_lacks_are_left_out():
    endpoints, foreground = _endpoints(), jnp.ones((2, 2, 8, 8))
    both = [context_features(endpoints, foreground, names) for names in (NAMES, NAMES[::-1])]
    np.testing.assert_array_equal(*both)
    without = {name: x for name, x in endpoints.items() if name != "Mixed_4f"}
    features = context_features(without, foreground, ("Mixed_3c", "Mixed_4f"))
    np.testing.assert_array_equal(features, context_features(endpoints, foreground, ("Mixed_3c",)))


def test_without_a_background_every_class_gets_a_logit():
    logits = _logits(context_features(_endpoints(), jnp.ones((2, 2, 8, 8)), NAMES), has_background=False)
    assert logits.shape == (2, 1, 1, 1, 4) and logits.all()


def test_a_clip_without_foreground_still_has_its_whole():
    logits = _logits(context_features(_endpoints(), jnp.zeros((2, 2, 8, 8)), NAMES))
    assert np.isfinite(logits).all() and logits[..., 1:].all()


def test_dropout_is_drawn_by_a_clips_own_key():
    endpoints, foreground = _endpoints(), jnp.ones((2, 2, 8, 8))
    keys = jax.random.split(jax.random.key(0), 2)
    both = np.asarray(context_features(endpoints, foreground, NAMES, keys, 0.5))
    second = {name: x[1:] for name, x in endpoints.items()}
    np.testing.assert_allclose(context_features(second, foreground[1:], NAMES, keys[1:], 0.5), both[1:], rtol=1e-5)
    other = np.asarray(context_features(endpoints, foreground, NAMES, jax.random.split(jax.random.key(1), 2), 0.5))
    whole = np.asarray(context_features(endpoints, foreground, NAMES))
    assert whole.all() and ((other == 0) != (both == 0)).any()
    np.testing.assert_allclose(both[both != 0], 2 * whole[both != 0], rtol=1e-5)


def test_dropout_keeps_the_expected_logits():
    endpoints, foreground = _endpoints(1), jnp.ones((1, 2, 8, 8))
    draw = jax.jit(jax.vmap(lambda key: context_features(endpoints, foreground, NAMES, key[None], 0.3)))
    mean = np.asarray(draw(jax.random.split(jax.random.key(0), 4000))).mean(0)
    np.testing.assert_allclose(
        _logits(jnp.asarray(mean), 3), _logits(context_features(endpoints, foreground, NAMES), 3), atol=0.1
    )


FIELDS = dict(classes=(8, 10), encoder="pooled", encoder_width=0.0625, decoder_width=0.0625)
BOTH = ("actor", "action")


def _video():
    return jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))


@pytest.mark.parametrize("has_background", [True, False])
def test_a_new_network_answers_as_without_it(has_background):
    video = _video()
    model = SSA2D(**FIELDS, action_context=True, actor_context=True, has_background=has_background)
    variables = jax.jit(model.init)(jax.random.key(0), video)
    contexts = [f"{branch}_context" for branch in BOTH]
    without = {**variables, "params": {k: v for k, v in variables["params"].items() if k not in contexts}}
    assert len(without["params"]) == len(variables["params"]) - 2
    for one, other in zip(model.apply(variables, video), SSA2D(**FIELDS).apply(without, video), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("branch", BOTH)
def test_it_changes_its_classes_in_every_pixel_alike_and_nothing_else(branch):
    name, video = f"{branch}_context", _video()
    model = SSA2D(**FIELDS, **{name: True})
    variables = jax.jit(model.init)(jax.random.key(0), video)
    before = model.apply(variables, video)
    kernel = jnp.ones_like(variables["params"][name]["kernel"]).at[:, :, :, ::2].set(-2.0)
    after = model.apply(variables | {"params": variables["params"] | {name: {"kernel": kernel}}}, video)
    for other in {"actor", "action", "mask"} - {branch}:
        np.testing.assert_array_equal(getattr(after, other), getattr(before, other))
    change = np.asarray(getattr(after, branch) - getattr(before, branch))
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1, :1, :1], change.shape), atol=1e-4)
    assert np.abs(change[..., 1:]).min() > 0.01 and np.abs(change[..., 0]).max() < 1e-5


@pytest.mark.parametrize("branch", BOTH)
def test_the_mask_branch_learns_nothing_from_it(branch):
    name, video = f"{branch}_context", _video()
    model = SSA2D(**FIELDS, **{name: True})
    params = jax.jit(model.init)(jax.random.key(0), video)
    kernel = jnp.ones_like(params["params"][name]["kernel"]).at[:, :, :, ::2].set(-2.0)

    def total(weights):
        changed = params["params"] | {"mask_decoder": weights, name: {"kernel": kernel}}
        return jnp.sum(getattr(model.apply(params | {"params": changed}, video), branch) ** 2)

    gradient = jax.jit(jax.grad(total))(params["params"]["mask_decoder"])
    assert not any(np.asarray(x).any() for x in jax.tree.leaves(gradient))
