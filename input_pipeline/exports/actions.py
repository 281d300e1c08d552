"""Which attribute of an export is the action, and how an action is written in a label."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

SEPARATOR = ":"  # of actor and action in a label: dog:running
_USUAL = ("action", "actions", "activity", "activities", "verb", "behavior", "behaviour", "doing")
# What tools, and predict --format, write beside the user's attributes.
_OF_TOOLS = frozenset(
    ("occluded", "outside", "keyframe", "track_id", "rotation", "is_crowd", "iscrowd", "z_order", "id", "group")
    + ("group_id", "source", "score", "frame", "difficult", "truncated", "predicted")
)
_UNSET = ("", "__undefined__")  # the second is CVAT's


def is_of_tools(name: str) -> bool:
    """Whether a tool writes an attribute of this name beside the user's."""
    return name.lower() in _OF_TOOLS


@dataclasses.dataclass(frozen=True)
class Attribute:
    """An attribute that a tool offers: whether its value may change over time, and whether it is a checkbox."""

    name: str
    is_mutable: bool = False
    is_checkbox: bool = False


@dataclasses.dataclass(frozen=True)
class ActionSource:
    """Where the actions are: an attribute, a checkbox for each action, or, without any, the labels ("dog:running").

    Attributes:
        attribute: Its name; "" for checkboxes and labels.
        sentence: In words, for the report.
        checkboxes: Names of attributes that are actions, of which one is ticked.
    """

    attribute: str
    sentence: str
    checkboxes: tuple[str, ...] = ()

    def actor_and_action(self, label: str, attributes: Mapping[str, str]) -> tuple[str, str | None]:
        """The actor class and the action of a shape; None without an action. Raises InputError for several."""
        if self.checkboxes:
            ticked = [name for name in self.checkboxes if attributes.get(name, "").strip().lower() == "true"]
            if len(ticked) > 1:
                raise InputError(f"has the actions {first_few(ticked)}; a pixel can have one")
            return label.strip(), ticked[0] if ticked else None
        if self.attribute:
            value = attributes.get(self.attribute, "").strip()
            return label.strip(), None if value in _UNSET else value
        actor, separator, action = label.partition(SEPARATOR)
        return actor.strip(), (action.strip() or None) if separator else None


def find_action(
    place: str, attributes: Iterable[Attribute], labels: Iterable[str], chosen: str, *, has_boxes: bool = False
) -> ActionSource:
    """Decides where the actions of an export are.

    Args:
        place: The export, for messages.
        attributes: All that its labels have.
        labels: Their names.
        chosen: The attribute that the user names, or checkboxes with commas between; "" guesses.
        has_boxes: Whether checkboxes can be taken for actions, as `predict --format` writes them; of other labels they
            may say anything, as that something is blurred.

    Raises:
        InputError: There is no such attribute, none at all, or there are several that it could be.
    """
    every = {attribute.name: attribute for attribute in attributes}
    own = [attribute for name, attribute in every.items() if not is_of_tools(name)]
    names = first_few([repr(attribute.name) for attribute in own], shown=20)
    option = "config.convert.action_attribute"
    boxes = [part.strip() for part in chosen.split(",")] if chosen not in every else [chosen]
    if chosen and all(name in every and every[name].is_checkbox for name in boxes):
        return _tick_boxes(boxes, f"as {option} says")
    if chosen:
        if chosen not in every:
            there = f"there are {names}" if own else "there are none"
            raise InputError(f"{place}: no label has the attribute {chosen!r} ({option}); {there}")
        return ActionSource(chosen, f"the attribute {chosen!r}, as {option} says")
    usual = [attribute for attribute in own if attribute.name.lower() in _USUAL]
    mutable = [attribute for attribute in own if attribute.is_mutable and not attribute.is_checkbox]
    for candidates, why in ((usual, "by its name"), (mutable, "the only one that it can be")):
        if len(candidates) == 1:
            return ActionSource(
                candidates[0].name, f"the attribute {candidates[0].name!r} (guessed: {why}; {option} chooses another)"
            )
        if candidates:
            break
    if any(SEPARATOR in label for label in labels):
        return ActionSource("", f"the labels, as actor{SEPARATOR}action")
    ticks = [attribute.name for attribute in own if attribute.is_mutable and attribute.is_checkbox]
    if has_boxes and len(ticks) > 1 and not usual and not mutable:
        return _tick_boxes(ticks, f"guessed, as predict writes them; {option} chooses some")
    if not own:
        raise InputError(
            f"{place}: says who is where, but not what they do: no label has an attribute, and none is written as "
            f"actor{SEPARATOR}action. Add an attribute for the action in the tool and export again, or write a table "
            "of who does what when (config.convert.table)"
        )
    raise InputError(
        f"{place}: it is not clear which attribute is the action; give --{option}=, one of {names}, or checkboxes, one "
        "for each action, with commas between"
    )


def _tick_boxes(names: Sequence[str], why: str) -> ActionSource:
    shown = first_few([repr(name) for name in names])
    return ActionSource("", f"a checkbox for each action: {shown} ({why})", tuple(names))
