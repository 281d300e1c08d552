"""Adam or Muon, with a slower or frozen encoder and slower temporal taps if asked to."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jaxtyping import Float, PyTree
from ml_collections import ConfigDict

from ssa2d_jax.models.encoders import ENCODER

OPTIMIZERS = ("adam", "muon")
_NEWTON_SCHULZ, _NEWTON_SCHULZ_STEPS = (3.4445, -4.7750, 2.0315), 5  # X -> a X + b X G + c X G^2


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
        inner = _muon(train, schedule)
    if train.temporal_lr_scale != 1:
        inner = _slower_in_time(inner, train.temporal_lr_scale)
    return optax.chain(first, _with_encoder_lr_scale(train, inner))


def _muon(train: ConfigDict, schedule: optax.Schedule) -> optax.GradientTransformation:
    """optax.contrib.muon, with the same state, but all kernels are made orthogonal together by `_orthogonalize`."""
    # Without steps it is the momentum, of norm 1.
    momentum = optax.contrib.scale_by_muon(ns_steps=0, eps=train.adam_eps, weight_dimension_numbers=as_matrices)

    def update(gradients: PyTree, state: Any, params: PyTree = None) -> tuple[PyTree, Any]:
        updates, state = momentum.update(gradients, state, params)
        # Each step multiplies the rounding of a Gram matrix by 12: in TF32 or bfloat16, which GPUs and TPUs take by
        # default, updates of nearly singular kernels would be up to a million times too long.
        with jax.default_matmul_precision("highest"):
            return _orthogonalize(updates), state

    kernels = optax.chain(
        optax.GradientTransformation(momentum.init, update),
        optax.stateless_with_tree_map(lambda x, _: x * max(1.0, x.shape[-1] / math.prod(x.shape[:-1])) ** 0.5),
        optax.add_decayed_weights(train.weight_decay),
        optax.scale_by_learning_rate(lambda step: train.muon_factor * schedule(step)),
    )
    others = optax.adamw(schedule, train.adam_b1, train.adam_b2, train.adam_eps, weight_decay=0.0, nesterov=True)
    kind = lambda params: jax.tree.map(lambda x: "muon" if _is_kernel(x) else "adam", params)
    return optax.partition({"muon": kernels, "adam": others}, kind)


def _orthogonalize(kernels: PyTree) -> PyTree:
    """Moves every kernel [..., Cin, Cout] of norm 1, as a matrix, towards the nearest orthogonal one.

    Five Newton-Schulz steps X (a + b G + c G^2), G = X^T X (K. Jordan, "Muon", 2024). A step multiplies by a polynomial
    of G, so all polynomials are multiplied before X is: on matrices of Cout (or of Cin and taps, if they are fewer)
    numbers a side, and at once for all kernels with as many. That takes a third of the multiplications, and fewer and
    larger operations, than each kernel's own steps.
    """
    leaves, tree = jax.tree.flatten(kernels)
    matrices = [x.reshape(-1, x.shape[-1]) for x in leaves]
    is_tall = [rows >= columns for rows, columns in map(jnp.shape, matrices)]
    grams = [x.T @ x if tall else x @ x.T for x, tall in zip(matrices, is_tall, strict=True)]
    alike: dict[int, list[int]] = {}
    for number, gram in enumerate(grams):
        alike.setdefault(len(gram), []).append(number)
    factors = dict[int, jax.Array]()
    for numbers in alike.values():
        factors.update(zip(numbers, _newton_schulz(jnp.stack([grams[number] for number in numbers])), strict=True))
    moved = [x @ factors[i] if is_tall[i] else factors[i] @ x for i, x in enumerate(matrices)]
    return jax.tree.unflatten(tree, [x.reshape(leaf.shape) for x, leaf in zip(moved, leaves, strict=True)])


def _newton_schulz(gram: Float[jax.Array, "kernels n n"]) -> Float[jax.Array, "kernels n n"]:
    """The product of the steps' polynomials, by which a matrix with this Gram matrix is multiplied."""
    a, b, c = _NEWTON_SCHULZ
    unit, factors = jnp.eye(gram.shape[-1], dtype=gram.dtype), []
    for _ in range(_NEWTON_SCHULZ_STEPS):
        factors.append(a * unit + b * gram + c * (gram @ gram))
        gram = factors[-1] @ gram @ factors[-1]  # of the matrix after this step
    return functools.reduce(jnp.matmul, factors)


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


def as_matrices(params: PyTree) -> PyTree:
    """How Muon sees each of `params`, for optax's `weight_dimension_numbers`."""
    return jax.tree.map(_as_matrix, params)


def _as_matrix(parameter: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
    """Returns how Muon sees a kernel [..., Cin, Cout]; None for a parameter of Adam."""
    if not _is_kernel(parameter):
        return None
    *inputs, output = range(jnp.ndim(parameter))
    return optax.contrib.MuonDimensionNumbers(reduction_axis=tuple(inputs), output_axis=output)
