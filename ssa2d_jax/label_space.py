"""What the classes are: names, valid actor-action pairs, palette. No framework in here."""

import dataclasses
import functools

import numpy as np

IGNORE = 255
BACKGROUND = 0

_A2D_ACTORS = ("adult", "baby", "ball", "bird", "car", "cat", "dog")
_A2D_ACTIONS = (
    "climbing", "crawling", "eating", "flying", "jumping", "rolling", "running", "walking", "none",
)  # fmt: skip
_A2D_PAIR_CODES = (
    11, 12, 13, 15, 16, 17, 18, 19,
    21, 22, 26, 28, 29,
    34, 35, 36, 39,
    41, 43, 44, 45, 46, 48, 49,
    54, 55, 56, 57, 59,
    61, 63, 65, 66, 67, 68, 69,
    72, 73, 75, 76, 77, 78, 79,
)  # fmt: skip
_A2D_ACTOR_COLOURS = (
    (255, 1, 1), (255, 230, 1), (52, 255, 1), (1, 255, 179), (1, 103, 255), (128, 1, 255), (255, 1, 153),
)  # fmt: skip
# A2D draws an actor's hue at full strength for action 5, darker for 1-4, lighter for 6-9.
_FULL_STRENGTH_ACTION = 5


@dataclasses.dataclass(frozen=True)
class LabelSpace:
    """Actor classes, action classes and the pairs of them that occur.

    Class 0 is the background in all three label kinds, so `actors[0] == actions[0] == "background"`.
    Joint class j >= 1 is `pairs[j - 1]`, a tuple (actor class, action class).
    """

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    actor_colours: tuple[tuple[int, int, int], ...]

    @functools.cached_property
    def joint(self) -> tuple[str, ...]:
        """Names of the joint classes: "background", "adult-climbing", ..."""
        return ("background", *(f"{self.actors[a]}-{self.actions[b]}" for a, b in self.pairs))

    @functools.cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Class names by label kind: actor, action, joint."""
        return {"actor": self.actors, "action": self.actions, "joint": self.joint}

    @functools.cached_property
    def pair_actor(self) -> np.ndarray:
        """[joint classes] int32, actor class of every joint class; 0 for the background."""
        return np.array([0, *(actor for actor, _ in self.pairs)], np.int32)

    @functools.cached_property
    def pair_action(self) -> np.ndarray:
        """[joint classes] int32, action class of every joint class; 0 for the background."""
        return np.array([0, *(action for _, action in self.pairs)], np.int32)

    @functools.cached_property
    def joint_of(self) -> np.ndarray:
        """[256, 256] uint8, joint class of (actor, action) labels; IGNORE where the pair isn't one of `pairs`."""
        table = np.full((256, 256), IGNORE, np.uint8)
        table[self.pair_actor, self.pair_action] = np.arange(len(self.joint), dtype=np.uint8)
        return table

    @functools.cached_property
    def joint_colours(self) -> np.ndarray:
        """[joint classes, 3] uint8 RGB; black background, hue by actor, strength by action."""
        colours = [(0, 0, 0), *(self.colour(actor, action) for actor, action in self.pairs)]
        return np.array(colours, np.uint8)

    def colour(self, actor: int, action: int) -> tuple[int, int, int]:
        """RGB of one pair, as A2D's colour pictures have it."""
        hue = np.array(self.actor_colours[actor], np.float64)
        if action <= _FULL_STRENGTH_ACTION:
            rgb = hue * action / _FULL_STRENGTH_ACTION
        else:
            rgb = hue + (255 - hue) * (action - _FULL_STRENGTH_ACTION) / _FULL_STRENGTH_ACTION
        return tuple(int(channel) for channel in np.clip(np.rint(rgb), 1, 255))


A2D = LabelSpace(
    actors=("background", *_A2D_ACTORS),
    actions=("background", *_A2D_ACTIONS),
    pairs=tuple(divmod(code, 10) for code in _A2D_PAIR_CODES),
    actor_colours=((0, 0, 0), *_A2D_ACTOR_COLOURS),
)
