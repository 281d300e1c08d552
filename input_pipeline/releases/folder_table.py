"""Who does what in data of one's own: the rows of labels.csv, and the classes that rows name."""

import csv
import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from input_pipeline.releases.a2d import is_plain_name
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import plural

TABLE = "labels.csv"
NEEDED, OPTIONAL = ("video", "instance", "actor", "action"), ("first", "last", "split")
_CLASS_NAME = re.compile(r"[^\W_][\w \-+()']*")
_MOST_CLASSES = 254  # a byte, without background and ignore
_TEST_EVERY = 4
_TOLD = 5  # names in a remark
_SIMILAR = 0.8  # of difflib: a letter more, less or other in a word of six
_OTHER_MARKS = {";": "semicolons", "\t": "tabs"}  # that programs write in the commas' place

Splits = dict[str, tuple[str, ...]]  # split -> videos


@dataclasses.dataclass(frozen=True)
class Row:
    """What an instance is and does from frame `first` to `last` (None: to the end), and which file says so where."""

    place: str
    video: str
    instance: int
    actor: str
    action: str
    first: int
    last: int | None
    split: str = ""

    def holds(self, frame: int) -> bool:
        """Whether it says something of frame `frame`."""
        return self.first <= frame and (self.last is None or frame <= self.last)


Rows = dict[str, tuple[Row, ...]]  # by video, in order of names


@dataclasses.dataclass(frozen=True)
class Table:
    """All rows by video, and the classes that they name."""

    rows: Rows
    splits: Splits
    space: LabelSpace


def read_table(release: Path) -> Table:
    """`release`/labels.csv. InputError or Problems name file and line of whatever can't be used."""
    path = release / TABLE
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a csv file in UTF-8 ({error})") from error
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    for mark, called in _OTHER_MARKS.items():
        if len(header) == 1 and mark in lines[0][0]:
            raise InputError(f"{path}: line 1 seems to be separated by {called}; separate all columns by commas")
    if not set(NEEDED) <= set(header) or len(set(header)) < len(header):
        told = f"columns {', '.join(NEEDED)} (and, as you like, {', '.join(OPTIONAL)})"
        raise InputError(f"{path}: line 1 is {lines[0] if lines else 'missing'}; it has to name the {told}")
    unknown = sorted(set(header) - set(NEEDED) - set(OPTIONAL))
    if unknown:
        known = ", ".join((*NEEDED, *OPTIONAL))
        raise InputError(f"{path}: line 1 has a column {unknown[0]!r}; columns are {known}. Take it out, or rename it")
    rows: dict[str, list[Row]] = {}
    problems = []
    for number, line in enumerate(lines[1:], 2):
        if any(cell.strip() for cell in line):
            try:
                row = _row(f"{path}, line {number}", header, line)
                rows.setdefault(row.video, []).append(row)
            except InputError as error:
                problems.append(str(error))
    problems += [problem for one in rows.values() for problem in clashes(one)]
    if problems:
        raise Problems(*problems)
    if not rows:
        raise InputError(f"{path}: names no instance")
    whole = {name: tuple(rows[name]) for name in sorted(rows)}
    return Table(whole, _splits(path, whole), space_of(path, whole))


def _row(place: str, header: list[str], line: list[str]) -> Row:
    if len(line) != len(header):
        raise InputError(f"{place}: {plural(len(line), 'column')}, line 1 names {len(header)}")
    cells = dict(zip(header, (cell.strip() for cell in line), strict=True))
    if not is_plain_name(cells["video"]):
        raise InputError(f"{place}: {cells['video']!r} is not a plain video name (a file's, without its ending)")
    for kind in ("actor", "action"):
        if not is_class_name(cells[kind]):
            raise InputError(f"{place}: {kind} is {cells[kind]!r}; {CLASS_NAME}")
    split = cells.get("split", "")
    if split not in ("", *SPLITS):
        raise InputError(f"{place}: split is {split!r}, allowed: {' or '.join(SPLITS)}")
    instance = _number(place, "instance", cells["instance"], 1)
    first = _number(place, "first", cells.get("first") or "0", 0)
    last = _number(place, "last", cells["last"], 0) if cells.get("last") else None
    if last is not None and last < first:
        raise InputError(f"{place}: last is {last}, before first, {first}")
    return Row(place, cells["video"], instance, cells["actor"], cells["action"], first, last, split)


def _number(place: str, name: str, text: str, least: int) -> int:
    if not text.isdecimal() or not text.isascii() or not least <= int(text) < 1 << 31:
        raise InputError(f"{place}: {name} is {text!r}; a whole number from {least} up is needed")
    return int(text)


CLASS_NAME = "a name in letters is needed, other than background"


def is_class_name(name: str) -> bool:
    """Whether an actor or action may be called so; `CLASS_NAME` says what is needed."""
    return bool(_CLASS_NAME.fullmatch(name)) and name != "background"


def clashes(rows: Iterable[Row]) -> Iterator[str]:
    """Where an instance of a video, of which these are the rows, is two actors, or does two actions at once."""
    instances: dict[int, list[Row]] = {}
    for row in rows:
        instances.setdefault(row.instance, []).append(row)
    for one in instances.values():
        ends_last = None
        for row in sorted(one, key=lambda row: row.first):
            told = f"{row.place}: instance {row.instance} of {row.video}"
            if row.actor != one[0].actor:
                yield f"{told} is {row.actor}, but {one[0].actor} in {_within(one[0])}; it can be one"
            elif ends_last and ends_last.holds(row.first):
                yield (
                    f"{told} does {row.action}, and {ends_last.action} at once ({_within(ends_last)}); "
                    "give each its frames (first, last), or name the two as one action"
                )
            if ends_last is None or (
                ends_last.last is not None and not (row.last is not None and row.last <= ends_last.last)
            ):
                ends_last = row


def _within(row: Row) -> str:
    return row.place.rsplit(", ", 1)[-1]


def _splits(path: Path, rows: Rows) -> Splits:
    given = {name: {row.split for row in one} for name, one in rows.items()}
    for name, splits in given.items():
        if len(splits) > 1:
            raise InputError(
                f"{path}: video {name} has rows of {' and '.join(map(repr, sorted(splits)))}; one split a video"
            )
    named = {split for splits in given.values() for split in splits}
    if named == {""}:
        return drawn_splits(list(rows))
    if "" in named:
        lacking = next(name for name, splits in given.items() if splits == {""})
        raise InputError(f"{path}: video {lacking} has no split, others have; give all of them one, or none")
    if named != set(SPLITS):
        raise InputError(f"{path}: no video is in split {(set(SPLITS) - named).pop()!r}; both are needed")
    return {split: tuple(name for name, one in given.items() if one == {split}) for split in SPLITS}


def drawn_splits(names: list[str]) -> Splits:
    """Where nobody says which videos are for what: every fourth is for the test, a single one is for both."""
    test = names[_TEST_EVERY - 1 :: _TEST_EVERY] or names[-1:]
    return {"train": tuple(name for name in names if name not in test) or tuple(names), "test": tuple(test)}


def few(names: Sequence[str]) -> str:
    """The first of `names`."""
    return ", ".join(names[:_TOLD]) + (", ..." if len(names) > _TOLD else "")


def split_remark(splits: Splits, otherwise: str) -> str:
    """What to know of splits that nobody gave; `otherwise` says how they could be given, "" if they can't be."""
    names = splits["test"]
    if set(names) <= set(splits["train"]):
        return f"video {names[0]} is trained on and scored: the score doesn't tell how well it goes on others"
    return f"the test split, drawn by name, is {few(names)}{f'; {otherwise}' if otherwise else ''}"


def space_of(path: Path, rows: Rows) -> LabelSpace:
    """The classes that rows name. InputError tells `path` where there are too many, or two of one name."""
    actors, actions = ({getattr(row, kind) for one in rows.values() for row in one} for kind in ("actor", "action"))
    pairs = {(row.actor, row.action) for one in rows.values() for row in one}
    for kind, some in (("actors", actors), ("actions", actions), ("pairs of actor and action", pairs)):
        if len(some) > _MOST_CLASSES:
            raise InputError(f"{path}: {len(some)} {kind}; at most {_MOST_CLASSES} are possible")
    names: dict[str, tuple[str, str]] = {}
    for pair in sorted(pairs):
        other = names.setdefault("-".join(pair), pair)
        if other != pair:
            raise InputError(f"{path}: {other} and {pair} would both be called {'-'.join(pair)}; rename one of them")
    return LabelSpace.of_names(tuple(sorted(actors)), tuple(sorted(actions)), tuple(sorted(pairs)))


def alike(space: LabelSpace) -> list[str]:
    """Classes that differ in case alone: two that were meant as one."""
    found = []
    for kind, names in (("actors", space.actors), ("actions", space.actions)):
        first: dict[str, str] = {}
        for name in names:
            other = first.setdefault(name.casefold(), name)
            if other != name:
                found.append(f"{kind} {other!r} and {name!r} differ in case alone; if they are one, write them alike")
    return found


def similar(space: LabelSpace) -> list[str]:
    """Classes that are written nearly alike: one of them may be a slip."""
    found = []
    for kind, names in (("actors", space.actors), ("actions", space.actions)):
        for one, other in itertools.combinations(names, 2):
            # Few slips are in the first letter; numbers and added words are meant.
            numbered = re.sub(r"\d+", "", one) == re.sub(r"\d+", "", other)
            longer = other.startswith(f"{one} ") or one.startswith(f"{other} ")
            same = one.casefold() == other.casefold()  # `alike` tells of these
            if one[0] != other[0] or numbered or longer or same:
                continue
            if difflib.SequenceMatcher(None, one, other).ratio() >= _SIMILAR:
                found.append(f"{kind} {one!r} and {other!r} are written nearly alike: a slip, if they are one")
    more = [f"and {len(found) - _TOLD} more pairs of classes that are written nearly alike"]
    return found[:_TOLD] + (more if len(found) > _TOLD else [])
