"""The rows of labels.csv, one at a time, and how the rows of one video contradict each other."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from input_pipeline.releases.regions import is_plain_name
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.class_names import CLASS_NAME_RULE, clean_name, is_class_name
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural

IGNORED_ACTOR, EVERY_VIDEO = "ignore", "*"
_MISSING = ("na", "nan", "<na>", "null", "none")  # as R, pandas and databases write an empty cell, lower case


@dataclasses.dataclass(frozen=True)
class Row:
    """What an instance is and does from frame `first` to `last` (None: to the end), and where that is written.

    If the actor is "ignore" and the action is empty, the pixels with the instance's number are ignored.
    """

    place: str
    video: str
    instance: int
    actor: str
    action: str
    first: int
    last: int | None
    split: str = ""

    @property
    def ignored(self) -> bool:
        """Whether the number is of no instance, but of pixels that are ignored."""
        return self.actor == IGNORED_ACTOR and not self.action

    def covers(self, frame: int) -> bool:
        """Whether the row is about frame `frame`."""
        return self.first <= frame and (self.last is None or frame <= self.last)


Rows = Mapping[str, tuple[Row, ...]]  # by video, ordered by name


def place_of(rows: Sequence[Row]) -> str:
    """Where the first of some rows is written, and how many others there are."""
    return rows[0].place + (f" (and {plural(len(rows) - 1, 'more line')})" if len(rows) > 1 else "")


def read_row(place: str, cells: Mapping[str, str]) -> Row:
    """Reads a row from its cells by column.

    Raises:
        InputError: A cell cannot be used; the message begins with `place`.
    """
    video = cells["video"]
    actor, action = (clean_name(cells[kind]) for kind in ("actor", "action"))
    action = _or_empty(action) if actor == IGNORED_ACTOR else action
    ignored = actor == IGNORED_ACTOR and not action
    if video == EVERY_VIDEO and not ignored:
        raise InputError(f"{place}: video is {video!r}, but only the actor {IGNORED_ACTOR!r} can be in all videos")
    if not is_plain_name(video):
        raise InputError(
            f"{place}: {video!r} is not a plain video name; write the name of the file without folder and ending"
        )
    for kind, name in () if ignored else (("actor", actor), ("action", action)):
        if not is_class_name(name):
            raise InputError(f"{place}: {kind} is {name!r}; {CLASS_NAME_RULE}")
    split = _or_empty(cells.get("split", "")).lower()
    if split not in ("", *SPLITS):
        raise InputError(f"{place}: split is {split!r}; allowed: {' or '.join(SPLITS)}")
    instance = _number(place, "instance", cells["instance"], 1)
    first_cell, last_cell = (_or_empty(cells.get(name, "")) for name in ("first", "last"))
    first = _number(place, "first", first_cell or "0", 0)
    last = _number(place, "last", last_cell, 0) if last_cell else None
    if last is not None and last < first:
        raise InputError(f"{place}: last is {last}, but first is {first}; last must not be smaller")
    return Row(place, video, instance, actor, action, first, last, split)


def _or_empty(text: str) -> str:
    """A cell, or "" if a program has written that it is empty."""
    return "" if text.lower() in _MISSING else text


def _number(place: str, name: str, text: str, least: int) -> int:
    """A whole number, which a program may have written as 4.0 or 4,0, and R as 1e+05."""
    power = re.fullmatch(r"(\d)e\+(0\d)", text, re.ASCII)
    text = power[1] + "0" * int(power[2]) if power else text
    whole = re.fullmatch(r"(\d+)(?:[.,](0+))?", text, re.ASCII)
    if whole and whole[2] == "000" and int(whole[1]) > 0:
        raise InputError(f"{place}: {name} is {text!r}, {whole[1]} or {whole[1]}000? Write it with digits alone")
    if not whole or len(whole[1]) > 10 or not least <= int(whole[1]) < 1 << 31:
        raise InputError(f"{place}: {name} is {text!r}; expected a whole number, {least} or more")
    return int(whole[1])


def find_conflicts(rows: Iterable[Row]) -> Iterator[str]:
    """Problems: instances of one video that are two actors, or do two actions at the same time."""
    instances: dict[int, list[Row]] = {}
    for row in rows:
        instances.setdefault(row.instance, []).append(row)
    for same in instances.values():
        longest: Row | None = None  # of the rows so far the one that ends last
        for row in sorted(same, key=lambda row: row.first):
            subject = f"{row.place}: instance {row.instance} of {row.video}"
            if row.actor != same[0].actor:
                yield (
                    f"{subject} is {row.actor}, but {same[0].actor} in {_place_in_file(same[0])}; "
                    "an instance must always be the same actor"
                )
            elif longest and longest.covers(row.first):
                yield (
                    f"{subject} does {row.action} and {longest.action} at the same time ({_place_in_file(longest)}); "
                    "give each action its own frames (first, last), or write the two as one action"
                )
            if longest is None or _ends_after(row, longest):
                longest = row


def find_ignored_conflicts(rows: Iterable[Row], ignored: Iterable[Row], void: int) -> Iterator[str]:
    """Problems: numbers that are ignored in a video, or in every video, and are instances of this video, too.

    Pixels that are ignored get the number `void`, which may not be an instance then.
    """
    by_number = {row.instance: row for row in rows}
    for row in ignored:
        instance = by_number.get(row.instance)
        if instance:
            yield (
                f"{row.place}: {row.instance} is ignored, but an instance of {instance.video} in "
                f"{_place_in_file(instance)}; delete one of the two lines"
            )
        elif void in by_number:
            instance = by_number[void]
            yield (
                f"{row.place}: no number can be ignored in {instance.video}, where {void} is an instance "
                f"({_place_in_file(instance)}); give the instance another number"
            )


def _ends_after(row: Row, other: Row) -> bool:
    return other.last is not None and (row.last is None or row.last > other.last)


def _place_in_file(row: Row) -> str:
    return row.place.rsplit(", ", 1)[-1]
