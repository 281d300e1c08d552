"""Adam, or Muon, with the paper's phases of learning rate."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from ml_collections import ConfigDict

from ssa2d_jax.models.encoders import ENCODER

Schedule = Callable[[jax.Array], jax.Array]
Phases = Sequence[tuple[float, float, float]]
OPTIMIZERS = ("adam", "muon")


def phase_lengths(phases: Phases, clips: int, batch_size: int) -> list[int]:
    """Updates of every phase (epochs, rate at start, rate at end) over a training set of `clips`."""
    return [max(1, round(epochs * clips / batch_size)) for epochs, _, _ in phases]


def learning_rate(phases: Phases, clips: int, batch_size: int) -> Schedule:
    """Learning rate by updates done; linear from start to end within a phase, the last rate afterwards."""
    lengths = phase_lengths(phases, clips, batch_size)
    pieces = [
        optax.linear_schedule(start, end, length) for (_, start, end), length in zip(phases, lengths, strict=True)
    ]
    boundaries = [sum(lengths[: i + 1]) for i in range(len(lengths) - 1)]
    return optax.join_schedules(pieces, boundaries)


def make_optimizer(train: ConfigDict, schedule: Schedule) -> optax.GradientTransformation:
    """`config.train`'s optimizer at rate `schedule`: optional clip of the gradient's global norm, then Adam or Muon.

    Muon (`train.optimizer = "muon"`) moves every convolution kernel, seen as a matrix from taps and input channels to
    output channels, along the nearest orthogonal matrix to its momentum (of decay 0.95), at `train.muon_factor` times
    the rate; all else goes by Adam with Nesterov's momentum. `train.weight_decay` is decoupled and on kernels alone.
    `train.temporal_lr_scale` below 1 slows kernels' temporal taps off the middle (see `_slower_in_time`).
    `train.encoder_lr_scale` multiplies the encoder's rate (0: it is neither moved nor decayed, and has no moments),
    `train.encoder_frozen_steps` updates leave it as it is.
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
    return optax.chain(first, _with_encoder_rate(train, inner))


def _slower_in_time(inner: optax.GradientTransformation, rate: float) -> optax.GradientTransformation:
    """`inner` on kernels whose temporal taps off the middle are counted in units of `rate`.

    A tap w = rate * v is moved as v would be: v has the gradient rate * dL/dw, and w changes by rate times v's update.
    """

    def update(gradients: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        updates, state = inner.update(_off_middle(gradients, rate), state, _off_middle(params, 1 / rate))
        return _off_middle(updates, rate), state

    return optax.GradientTransformation(inner.init, update)


def _off_middle(tree: Any, factor: float) -> Any:
    """`tree` with `factor` times the taps of kernels [kt, kh, kw, Cin, Cout] that aren't in the middle of an odd kt."""

    def scaled(x: Any) -> Any:
        if jnp.ndim(x) != 5 or x.shape[0] % 2 == 0:
            return x
        middle = jnp.arange(x.shape[0]) == x.shape[0] // 2
        return x * jnp.where(middle, 1.0, factor).astype(x.dtype)[:, None, None, None, None]

    return jax.tree.map(scaled, tree)


def _with_encoder_rate(train: ConfigDict, inner: optax.GradientTransformation) -> optax.GradientTransformation:
    """`inner`, then what multiplies the encoder's updates; a frozen encoder has neither moments nor updates.

    While the encoder waits, the optimizer goes on averaging its gradients, so that its first update is like any other.
    """
    if train.encoder_lr_scale == 0:
        kinds = {"moving": inner, "frozen": optax.set_to_zero()}
        kind = lambda params: {module: "frozen" if module == ENCODER else "moving" for module in params}
        return optax.partition(kinds, kind)
    if train.encoder_lr_scale == 1 and train.encoder_frozen_steps == 0:
        return inner
    rate = lambda step: jnp.where(step < train.encoder_frozen_steps, 0.0, train.encoder_lr_scale)
    inside = lambda params: {module: module == ENCODER for module in params}
    return optax.chain(inner, optax.masked(optax.scale_by_schedule(rate), inside))


def _is_kernel(parameter: jax.Array) -> bool:
    return jnp.ndim(parameter) > 1


def _as_matrix(parameter: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
    """How Muon sees a kernel [..., Cin, Cout]; None for what it leaves to Adam."""
    if not _is_kernel(parameter):
        return None
    *inputs, output = range(jnp.ndim(parameter))
    return optax.contrib.MuonDimensionNumbers(reduction_axis=tuple(inputs), output_axis=output)
