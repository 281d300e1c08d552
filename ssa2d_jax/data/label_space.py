"""What the classes are: names, valid actor-action pairs, palette. No framework in here."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ssa2d_jax.data import vidor_classes
from ssa2d_jax.data.palette import distinct_colours

KINDS = ("actor", "action", "joint")

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

    `several`: a pixel may carry any number of actions; background is then the lack of any, and the network's action
    head has no class for it. `frequent`: by label kind, actor and action, classes that are scored once more by
    themselves. `pair_colours`: RGB of `pairs`, where they have none of A2D's kind.
    """

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    actor_colours: tuple[tuple[int, int, int], ...]
    multilabel: bool = False
    frequent: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    pair_colours: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def of_names(
        cls, actors: tuple[str, ...], actions: tuple[str, ...], pairs: tuple[tuple[str, str], ...]
    ) -> "LabelSpace":
        """A space of one's own classes, background left out, and the (actor, action) pairs of them that occur."""
        actors, actions = ("background", *actors), ("background", *actions)
        return cls(
            actors=actors,
            actions=actions,
            pairs=tuple((actors.index(actor), actions.index(action)) for actor, action in pairs),
            actor_colours=((0, 0, 0), *distinct_colours(len(actors) - 1)),
            pair_colours=distinct_colours(len(pairs)),
        )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes the same space of, colours of one's own classes apart."""
        named = [[self.actors[a], self.actions[b]] for a, b in self.pairs] if not self.multilabel else []
        return {"actors": list(self.actors), "actions": list(self.actions), "several": self.multilabel, "pairs": named}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "LabelSpace":
        """The space that `to_json` told of; KeyError, TypeError or ValueError if it is not such."""
        for space in (A2D, VIDOR, vidor(spatial=True)):
            if space.is_told_by(saved):
                return space
        if saved["several"]:
            raise ValueError("several actions a pixel, of classes that are not VidOR's")
        actors, actions = tuple(saved["actors"][1:]), tuple(saved["actions"][1:])
        return cls.of_names(actors, actions, tuple((actor, action) for actor, action in saved["pairs"]))

    def is_told_by(self, saved: Mapping[str, Any]) -> bool:
        """Whether `saved` is what `to_json` told of these classes; of an older version, pairs may be missing."""
        told = self.to_json()
        return all(saved.get(key, told["pairs"] if key == "pairs" else None) == value for key, value in told.items())

    @property
    def action_outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the network's action head."""
        return self.actions[self.multilabel :]

    @property
    def heads(self) -> tuple[int, int]:
        """Outputs of the network's actor and action head."""
        return len(self.actors), len(self.action_outputs)

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
        """[256, 256] uint8, joint class of (actor, action) labels; IGNORE where the pair isn't one of `pairs`.

        Only where a pixel has one action: of several, there are more pairs than a byte can count.
        """
        assert not self.multilabel
        table = np.full((256, 256), IGNORE, np.uint8)
        table[self.pair_actor, self.pair_action] = np.arange(len(self.joint), dtype=np.uint8)
        return table

    @functools.cached_property
    def joint_colours(self) -> np.ndarray:
        """[joint classes, 3] uint8 RGB; the background is black."""
        colours = [(0, 0, 0), *(self.colour(actor, action) for actor, action in self.pairs)]
        return np.array(colours, np.uint8)

    def colour(self, actor: int, action: int) -> tuple[int, int, int]:
        """RGB of one pair: as A2D's colour pictures have it; several actions: the actor's, dimmed.

        Of one's own classes each of `pairs` has one of its own, and any other pair that of the actor's first.
        """
        if self.multilabel:
            bright = 0.7 + 0.3 * (0.618034 * action % 1.0)
            return tuple(round(bright * channel) for channel in self.actor_colours[actor])
        if self.pair_colours:
            colours = zip(self.pairs, self.pair_colours, strict=True)
            own = {pair[1]: colour for pair, colour in colours if pair[0] == actor}
            return own.get(action) or next(iter(own.values()), self.actor_colours[actor])
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


def vidor(spatial: bool = False) -> LabelSpace:
    """VidOR's classes: 80 objects, 42 actions and, if `spatial`, 8 spatial predicates; several actions a pixel.

    Any object can do any action, so joint class 1 + (actor - 1) * actions + (action - 1) is a pair.
    """
    objects = vidor_classes.OBJECTS
    actions = vidor_classes.ACTIONS + (vidor_classes.SPATIAL if spatial else ())
    return LabelSpace(
        actors=("background", *objects),
        actions=("background", *actions),
        pairs=tuple((a, b) for a in range(1, len(objects) + 1) for b in range(1, len(actions) + 1)),
        actor_colours=((0, 0, 0), *distinct_colours(len(objects))),
        multilabel=True,
        frequent=(
            tuple(1 + objects.index(name) for name in vidor_classes.FREQUENT_OBJECTS),
            tuple(1 + actions.index(name) for name in vidor_classes.FREQUENT_ACTIONS),
        ),
    )


VIDOR = vidor()


def described(data: Mapping[str, Any]) -> LabelSpace:
    """The classes of a run whose config.data is `data`."""
    if data.get("layout", "a2d") != "vidor":
        return A2D
    return vidor(data.get("spatial", False))


KINDS = ("actor", "action", "joint")
