"""Adam with the paper's phases of learning rate."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

Schedule = Callable[[jax.Array], jax.Array]
Phases = Sequence[tuple[float, float, float]]


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
    """Adam as `config.train` has it: optional clip of the gradient's global norm, optional decay of kernels."""
    first = optax.clip_by_global_norm(train.clip_gradient) if train.clip_gradient > 0 else optax.identity()
    kernels = lambda params: jax.tree.map(lambda p: jnp.ndim(p) > 1, params)  # noqa: E731
    adam = optax.adamw(
        schedule,
        train.adam_b1,
        train.adam_b2,
        train.adam_eps,
        weight_decay=train.weight_decay,
        mask=kernels,
    )
    return optax.chain(first, adam)
