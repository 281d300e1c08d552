"""What the rendered worlds have in common: who appears in which clip, and which frames of a clip are labelled."""

from collections.abc import Sequence

import numpy as np

LABEL_STEP = 2  # frames between labelled frames
JITTER = 2  # the labelled frames may be this many frames away from the middle


def deal_codes(rng: np.random.Generator, codes: Sequence[int], clips: int, max_actors: int) -> list[tuple[int, ...]]:
    """Deals label codes to the 1 to `max_actors` actors of every clip, one shuffled deck after another.

    The first clips are the same however many follow.
    """
    deck: list[int] = []
    hands: list[tuple[int, ...]] = []
    for _ in range(clips):
        count = int(rng.integers(1, max_actors, endpoint=True))
        if len(deck) < count:
            deck += rng.permutation(codes).tolist()
        hands.append(tuple(deck[:count]))
        deck = deck[count:]
    return hands


def least_frames(labelled: int) -> int:
    """The frames that a clip needs for `labelled` labelled ones."""
    return LABEL_STEP * (labelled - 1) + 2 * JITTER + 2


def labelled_numbers(rng: np.random.Generator, frames: int, labelled: int) -> list[int]:
    """The numbers, from 0, of the labelled frames: LABEL_STEP apart, at most JITTER away from the middle."""
    span = LABEL_STEP * (labelled - 1)
    first = (frames - 1 - span) // 2 + int(rng.integers(-JITTER, JITTER, endpoint=True))
    return [first + LABEL_STEP * i for i in range(labelled)]
