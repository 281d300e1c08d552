"""The learning rate over the training steps: the paper's phases."""

import itertools
from collections.abc import Sequence

import optax

Phases = Sequence[tuple[float, float, float]]  # of each: epochs, rate at its start, rate at its end


def phase_lengths(phases: Phases, clips: int, batch_size: int, min_steps: int = 0) -> list[int]:
    """Returns the training steps of every phase, for a training set of `clips`.

    If they are fewer than `min_steps` together, all phases are longer in proportion, to be as many.
    """
    lengths = [max(1, round(epochs * clips / batch_size)) for epochs, _, _ in phases]
    if sum(lengths) >= min_steps:
        return lengths
    epochs = [phase[0] for phase in phases]
    ends = [round(min_steps * done / sum(epochs)) for done in itertools.accumulate(epochs)]
    return [max(1, end - start) for start, end in itertools.pairwise([0, *ends])]


def learning_rate(phases: Phases, clips: int, batch_size: int, min_steps: int = 0) -> optax.Schedule:
    """Returns the learning rate by steps done: linear within a phase, the last rate after all phases."""
    lengths = phase_lengths(phases, clips, batch_size, min_steps)
    pieces = [
        optax.linear_schedule(start, end, length) for (_, start, end), length in zip(phases, lengths, strict=True)
    ]
    boundaries = [sum(lengths[: i + 1]) for i in range(len(lengths) - 1)]
    return optax.join_schedules(pieces, boundaries)
