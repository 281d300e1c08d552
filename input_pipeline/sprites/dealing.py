"""What the rendered worlds have in common: who appears in which clip, and which frames of a clip are labelled."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from input_pipeline.sprites.rendered_folder import RenderOptions
from ssa2d_jax.utils.errors import InputError

LABEL_STEP = 2  # frames between labelled frames
JITTER = 2  # the labelled frames may be this many frames away from the middle


@dataclasses.dataclass(frozen=True, kw_only=True)
class DealtOptions(RenderOptions):
    """Options of a world whose clips show figures that were dealt to them.

    Attributes:
        labelled: annotated frames per clip, 2 frames apart, around the middle.
        max_actors: every clip has 1 to this many actors.
    """

    labelled: int
    max_actors: int

    def check(self, world: str, most_actors: int, processes: int) -> None:
        """Raises InputError for the first impossible value; `most_actors` is the largest allowed `max_actors`."""
        (height, width), labelled, least = self.size, self.labelled, least_frames(self.labelled)
        conditions = [
            (self.seed >= 0, f"seed is {self.seed}, it must be 0 or more"),
            (self.train_clips >= 1, f"train_clips is {self.train_clips}, it must be 1 or more"),
            (self.test_clips >= 1, f"test_clips is {self.test_clips}, it must be 1 or more"),
            (height % 2 == width % 2 == 0, f"size is {height}x{width}, both must be even (H.264)"),
            (min(height, width) >= 32, f"size is {height}x{width}, it must be 32x32 or more to show the figures"),
            (
                0.75 * height <= width <= 3 * height,
                f"size is {height}x{width}, the width must be 0.75 to 3 times the height",
            ),
            (1 <= labelled <= 8, f"labelled is {labelled}, 1 to 8 are allowed (they share one clip of 16 frames)"),
            (self.frames >= least, f"frames is {self.frames}, {labelled} labelled frames need {least} or more"),
            (1 <= self.max_actors <= most_actors, f"max_actors is {self.max_actors}, 1 to {most_actors} are allowed"),
            (processes >= 1, f"processes is {processes}, it must be 1 or more"),
        ]
        for fulfilled, message in conditions:
            if not fulfilled:
                raise InputError(f"{world}: {message}")


def deal_codes(rng: np.random.Generator, codes: Sequence[int], clips: int, max_actors: int) -> list[tuple[int, ...]]:
    """Deals label codes to the 1 to `max_actors` actors of every clip, one shuffled deck after another.

    The first clips are the same however many follow. There must be `max_actors` codes or more.
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
