"""Adam or Muon, with a slower or frozen encoder and slower temporal taps if asked to."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jaxtyping import PyTree
from ml_collections import ConfigDict

from ssa2d_jax.models.encoders import ENCODER

OPTIMIZERS = ("adam", "muon")


def make_optimizer(train: ConfigDict, schedule: optax.Schedule) -> optax.GradientTransformation:
    """Builds the optimizer of `config.train`: clips the gradient's global norm if asked to, then Adam or Muon.

    Muon (`train.optimizer = "muon"`) moves every convolution kernel, seen as a matrix from taps and input channels to
    output channels, along the orthogonal matrix nearest to its momentum (of decay 0.95), at `train.muon_factor` times
    the rate; Adam with Nesterov's momentum moves all other parameters. `train.weight_decay` is decoupled and acts on
    kernels only. `train.temporal_lr_scale` below 1 slows the temporal taps of kernels, except the middle one (see
    `_slower_in_time`). `train.encoder_lr_scale` multiplies the encoder's rate (0: it is neither moved nor decayed, and
    has no moments); the first `train.encoder_frozen_steps` training steps do not change the encoder.
    """
    first = optax.clip_by_global_norm(train.clip_gradient) if train.clip_gradient > 0 else optax.identity()
    if train.optimizer == "adam":
        kernels = lambda params: jax.tree.map(_is_kernel, params)
        decay = dict(weight_decay=train.weight_decay, mask=kernels)
        inner = optax.adamw(schedule, train.adam_b1, train.adam_b2, train.adam_eps, **decay)
    else:
        inner = optax.contrib.muon(
            lambda step: train.muon_factor * schedule(step),
            eps=train.adam_eps,
            weight_decay=train.weight_decay,
            adam_b1=train.adam_b1,
            adam_b2=train.adam_b2,
            adam_learning_rate=schedule,
            muon_weight_dimension_numbers=lambda params: jax.tree.map(_as_matrix, params),
        )
    if train.temporal_lr_scale != 1:
        inner = _slower_in_time(inner, train.temporal_lr_scale)
    return optax.chain(first, _with_encoder_lr_scale(train, inner))


def _slower_in_time(inner: optax.GradientTransformation, lr_scale: float) -> optax.GradientTransformation:
    """Applies `inner` to kernels whose temporal taps, except the middle one, are expressed in units of `lr_scale`.

    A tap w = lr_scale * v moves as v would: v has the gradient lr_scale * dL/dw, and w changes by lr_scale times v's
    change.
    """

    def update(gradients: PyTree, state: Any, params: PyTree = None) -> tuple[PyTree, Any]:
        updates, state = inner.update(_off_middle(gradients, lr_scale), state, _off_middle(params, 1 / lr_scale))
        return _off_middle(updates, lr_scale), state

    return optax.GradientTransformation(inner.init, update)


def _off_middle(tree: PyTree, factor: float) -> PyTree:
    """Multiplies by `factor` the taps of kernels [kt, kh, kw, Cin, Cout] with odd kt, except the middle tap."""

    def scale(x: jax.Array) -> jax.Array:
        if jnp.ndim(x) != 5 or x.shape[0] % 2 == 0:
            return x
        middle = jnp.arange(x.shape[0]) == x.shape[0] // 2
        return x * jnp.where(middle, 1.0, factor).astype(x.dtype)[:, None, None, None, None]

    return jax.tree.map(scale, tree)


def _with_encoder_lr_scale(train: ConfigDict, inner: optax.GradientTransformation) -> optax.GradientTransformation:
    """Applies `inner`, then scales the encoder's changes; an encoder of scale 0 has neither moments nor changes.

    During `encoder_frozen_steps` the optimizer still averages the encoder's gradients, so its first move is ordinary.
    """
    if train.encoder_lr_scale == 0:
        kinds = {"moving": inner, "frozen": optax.set_to_zero()}
        kind = lambda params: {module: "frozen" if module == ENCODER else "moving" for module in params}
        return optax.partition(kinds, kind)
    if train.encoder_lr_scale == 1 and train.encoder_frozen_steps == 0:
        return inner
    lr_scale = lambda step: jnp.where(step < train.encoder_frozen_steps, 0.0, train.encoder_lr_scale)
    inside = lambda params: {module: module == ENCODER for module in params}
    return optax.chain(inner, optax.masked(optax.scale_by_schedule(lr_scale), inside))


def _is_kernel(parameter: jax.Array) -> bool:
    return jnp.ndim(parameter) > 1


def _as_matrix(parameter: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
    """Returns how Muon sees a kernel [..., Cin, Cout]; None for a parameter of Adam."""
    if not _is_kernel(parameter):
        return None
    *inputs, output = range(jnp.ndim(parameter))
    return optax.contrib.MuonDimensionNumbers(reduction_axis=tuple(inputs), output_axis=output)
