"""Adam, or Muon, with the paper's phases of learning rate."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from ml_collections import ConfigDict

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
    output channels, along the nearest orthogonal matrix to its momentum, at `train.muon_factor` times the rate; all
    else goes by Adam with Nesterov's momentum. `train.weight_decay` is decoupled and on kernels alone.
    """
    first = optax.clip_by_global_norm(train.clip_gradient) if train.clip_gradient > 0 else optax.identity()
    adam = dict(b1=train.adam_b1, b2=train.adam_b2, eps=train.adam_eps)
    if train.optimizer == "adam":
        kernels = lambda params: jax.tree.map(_is_kernel, params)
        return optax.chain(first, optax.adamw(schedule, **adam, weight_decay=train.weight_decay, mask=kernels))
    muon = optax.contrib.muon(
        lambda step: train.muon_factor * schedule(step),
        eps=train.adam_eps,
        weight_decay=train.weight_decay,
        adam_b1=train.adam_b1,
        adam_b2=train.adam_b2,
        adam_learning_rate=schedule,
        muon_weight_dimension_numbers=lambda params: jax.tree.map(_as_matrix, params),
    )
    return optax.chain(first, muon)


def _is_kernel(parameter: jax.Array) -> bool:
    return jnp.ndim(parameter) > 1


def _as_matrix(parameter: jax.Array) -> optax.contrib.MuonDimensionNumbers | None:
    """How Muon sees a kernel [..., Cin, Cout]; None for what it leaves to Adam."""
    if not _is_kernel(parameter):
        return None
    *inputs, output = range(jnp.ndim(parameter))
    return optax.contrib.MuonDimensionNumbers(reduction_axis=tuple(inputs), output_axis=output)
