"""The classes of labels: names, valid actor-action pairs, colours. No framework in here.

A label space is multi-label if a pixel may have any number of actions, as in VidOR; otherwise a pixel has exactly one.
"""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt8

from ssa2d_jax.data import vidor_classes
from ssa2d_jax.data.palette import Colour, as_colour, distinct_colours

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
# A2D's colour pictures show an actor's hue at full strength for action 5, darker for 1-4, lighter for 6-9.
_FULL_STRENGTH_ACTION = 5


@dataclasses.dataclass(frozen=True)
class LabelSpace:
    """Actor classes, action classes and the pairs of them that occur.

    Class 0 is the background in all three label kinds, so `actors[0] == actions[0] == "background"`.
    Joint class j >= 1 is `pairs[j - 1]`, a tuple (actor class, action class).

    Attributes:
        multilabel: whether the space is multi-label; background then means no action, and the network's action head
            has no class for it.
        frequent: actor classes and action classes that also get scores of their own.
        pair_colours: the colours of `pairs` if they don't follow A2D's rule.
        learned: those of `pairs` that the training clips show, which are all that a network is taught; a joint decision
            chooses among them. None: all, or unknown.
    """

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    actor_colours: tuple[Colour, ...]
    multilabel: bool = False
    frequent: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    pair_colours: tuple[Colour, ...] = ()
    learned: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def from_names(
        cls, actors: tuple[str, ...], actions: tuple[str, ...], pairs: tuple[tuple[str, str], ...]
    ) -> "LabelSpace":
        """A space of the given classes, without the background, and the (actor, action) pairs that occur."""
        actors, actions = ("background", *actors), ("background", *actions)
        return cls(
            actors=actors,
            actions=actions,
            pairs=tuple((actors.index(actor), actions.index(action)) for actor, action in pairs),
            actor_colours=((0, 0, 0), *distinct_colours(len(actors) - 1)),
            pair_colours=distinct_colours(len(pairs)),
        )

    def to_json(self) -> dict[str, Any]:
        """The space as JSON for `from_json`, without colours."""
        names = lambda pairs: [[self.actors[a], self.actions[b]] for a, b in pairs]
        saved = {"actors": list(self.actors), "actions": list(self.actions), "several": self.multilabel}
        saved["pairs"] = [] if self.multilabel else names(self.pairs)
        return saved if self.learned is None else saved | {"learned": names(self.learned)}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "LabelSpace":
        """The space that `to_json` saved; raises KeyError, TypeError or ValueError for other values."""
        space = next((space for space in (A2D, VIDOR, vidor(spatial=True)) if space.matches(saved)), None)
        if space is None:
            if saved["several"]:
                raise ValueError("multi-label classes that are not VidOR's; only VidOR's classes may be multi-label")
            actors, actions = tuple(saved["actors"][1:]), tuple(saved["actions"][1:])
            space = cls.from_names(actors, actions, tuple((actor, action) for actor, action in saved["pairs"]))
        if "learned" not in saved:
            return space
        return space.taught([(space.actors.index(a), space.actions.index(b)) for a, b in saved["learned"]])

    def taught(self, pairs: Collection[tuple[int, int]]) -> "LabelSpace":
        """The same classes, of which training clips show these pairs (of actor and action class)."""
        learned = tuple(pair for pair in self.pairs if pair in pairs)
        return dataclasses.replace(self, learned=None if len(learned) == len(self.pairs) else learned)

    def has_classes_of(self, other: "LabelSpace") -> bool:
        """Whether both have the same classes and pairs, whichever of them were learned."""
        plain, other_plain = (dataclasses.replace(space, learned=None).to_json() for space in (self, other))
        return plain == other_plain

    def matches(self, saved: Mapping[str, Any]) -> bool:
        """Whether `to_json` of these classes gave `saved`; in files of older versions, pairs may be missing."""
        expected = self.to_json()
        return all(saved.get(key, value if key == "pairs" else None) == value for key, value in expected.items())

    @property
    def action_outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the network's action head."""
        return self.actions[self.multilabel :]

    @property
    def heads(self) -> tuple[int, int]:
        """The number of outputs of the network's actor head and action head."""
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
    def pair_actor(self) -> Int32[np.ndarray, " joint"]:
        """The actor class of every joint class; 0 for the background."""
        return np.array([0, *(actor for actor, _ in self.pairs)], np.int32)

    @functools.cached_property
    def pair_action(self) -> Int32[np.ndarray, " joint"]:
        """The action class of every joint class; 0 for the background."""
        return np.array([0, *(action for _, action in self.pairs)], np.int32)

    @functools.cached_property
    def joint_of(self) -> UInt8[np.ndarray, "256 256"]:
        """The joint class of every (actor, action); IGNORE if the pair isn't one of `pairs`.

        Not for multi-label spaces: they have more pairs than a byte can count.
        """
        return self._joint_table(range(1, len(self.joint)))

    @functools.cached_property
    def choices(self) -> tuple[int, ...]:
        """The joint classes besides the background among which a decision chooses."""
        learned = self.pairs if self.learned is None else self.learned
        return tuple(number for number, pair in enumerate(self.pairs, 1) if pair in learned)

    @functools.cached_property
    def choice_of(self) -> UInt8[np.ndarray, "256 256"]:
        """`joint_of`, but IGNORE for pairs that no decision chooses."""
        return self._joint_table(self.choices)

    def _joint_table(self, numbers: Collection[int]) -> UInt8[np.ndarray, "256 256"]:
        """The joint class of every (actor, action) among the background and these joint classes; IGNORE elsewhere."""
        assert not self.multilabel
        table, known = np.full((256, 256), IGNORE, np.uint8), [0, *numbers]
        table[self.pair_actor[known], self.pair_action[known]] = known
        return table

    @functools.cached_property
    def joint_colours(self) -> UInt8[np.ndarray, "joint 3"]:
        """The RGB colour of every joint class; the background is black."""
        colours = [(0, 0, 0), *(self.colour(actor, action) for actor, action in self.pairs)]
        return np.array(colours, np.uint8)

    def colour(self, actor: int, action: int) -> Colour:
        """The colour of a pair: that of A2D's colour pictures, or the actor's colour dimmed in a multi-label space.

        In a space of other classes each of `pairs` has its own colour; any other pair gets that of the actor's first.
        """
        if self.multilabel:
            brightness = 0.7 + 0.3 * (0.618034 * action % 1.0)
            return as_colour([round(brightness * channel) for channel in self.actor_colours[actor]])
        if self.pair_colours:
            colours = zip(self.pairs, self.pair_colours, strict=True)
            by_action = {pair[1]: colour for pair, colour in colours if pair[0] == actor}
            return by_action.get(action) or next(iter(by_action.values()), self.actor_colours[actor])
        hue = np.array(self.actor_colours[actor], np.float64)
        if action <= _FULL_STRENGTH_ACTION:
            rgb = hue * action / _FULL_STRENGTH_ACTION
        else:
            rgb = hue + (255 - hue) * (action - _FULL_STRENGTH_ACTION) / _FULL_STRENGTH_ACTION
        return as_colour([int(channel) for channel in np.clip(np.rint(rgb), 1, 255)])


A2D = LabelSpace(
    actors=("background", *_A2D_ACTORS),
    actions=("background", *_A2D_ACTIONS),
    pairs=tuple(divmod(code, 10) for code in _A2D_PAIR_CODES),
    actor_colours=((0, 0, 0), *_A2D_ACTOR_COLOURS),
)


def vidor(spatial: bool = False) -> LabelSpace:
    """VidOR's classes: 80 objects, 42 actions and, if `spatial`, 8 spatial predicates; multi-label.

    Any object can do any action, so every pair occurs: as joint class 1 + (actor - 1) * actions + (action - 1).
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


def space_from_config(data: Mapping[str, Any]) -> LabelSpace:
    """The classes of a run whose config has `data` as config.data."""
    if data.get("layout", "a2d") != "vidor":
        return A2D
    return vidor(data.get("spatial", False))
