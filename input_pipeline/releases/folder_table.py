"""Who does what in your own data: the rows of labels.csv, and the splits and classes that follow from rows."""

import csv
import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from input_pipeline.releases.regions import Splits, is_plain_name
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import SHOWN, first_few, plural

TABLE = "labels.csv"
REQUIRED, OPTIONAL = ("video", "instance", "actor", "action"), ("first", "last", "split")
CLASS_NAME_RULE = (
    "a class name has letters, digits, spaces, _, -, +, ' and brackets, begins with a letter or digit, and is not "
    "'background'"
)
_CLASS_NAME = re.compile(r"[^\W_][\w \-+()']*")
_MOST_CLASSES = 254  # the values of a byte without background and ignore
_TEST_EVERY = 4
_SIMILAR = 0.8  # ratio of difflib: one letter more, less or different in a word of six
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}  # which some programs write instead of commas


@dataclasses.dataclass(frozen=True)
class Row:
    """What an instance is and does from frame `first` to `last` (None: to the end), and where that is written."""

    place: str
    video: str
    instance: int
    actor: str
    action: str
    first: int
    last: int | None
    split: str = ""

    def covers(self, frame: int) -> bool:
        """Whether the row is about frame `frame`."""
        return self.first <= frame and (self.last is None or frame <= self.last)


Rows = Mapping[str, tuple[Row, ...]]  # by video, ordered by name


@dataclasses.dataclass(frozen=True)
class Table:
    """All rows, and what follows from them; `splits_given`: the user has divided the videos."""

    rows: Rows
    splits: Splits
    space: LabelSpace
    splits_given: bool


def read_table(root: Path) -> Table:
    """Reads labels.csv in `root`.

    Raises:
        InputError: The file cannot be used as a whole.
        Problems: Lines cannot be used; each problem names its line.
    """
    path = root / TABLE
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a csv file in UTF-8 ({error})") from error
    rows = _read_rows(path, _read_header(path, lines), lines)
    if not rows:
        raise InputError(f"{path}: contains no instance; write one line for each")
    splits = _given_splits(path, rows)
    return Table(rows, splits or choose_splits(list(rows)), space_of(path, rows), splits is not None)


def _read_header(path: Path, lines: list[list[str]]) -> list[str]:
    first = lines[0] if lines else []
    header = [cell.strip().lower() for cell in first]
    for separator, name in _OTHER_SEPARATORS.items():
        if len(header) == 1 and separator in first[0]:
            raise InputError(f"{path}: line 1 seems to be separated by {name}; separate the columns by commas")
    if not set(REQUIRED) <= set(header) or len(set(header)) < len(header):
        columns = f"columns {', '.join(REQUIRED)} (optional: {', '.join(OPTIONAL)}), each once"
        raise InputError(f"{path}: line 1 is {first if lines else 'missing'}; it must name the {columns}")
    unknown = sorted(set(header) - {*REQUIRED, *OPTIONAL})
    if unknown:
        allowed = ", ".join((*REQUIRED, *OPTIONAL))
        raise InputError(
            f"{path}: line 1 has the unknown column {unknown[0]!r}; allowed: {allowed}. Remove or rename it"
        )
    return header


def _read_rows(path: Path, header: list[str], lines: list[list[str]]) -> Rows:
    rows: dict[str, list[Row]] = {}
    problems = []
    for number, line in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        try:
            row = _read_row(f"{path}, line {number}", header, line)
            rows.setdefault(row.video, []).append(row)
        except InputError as error:
            problems.append(str(error))
    problems += [problem for rows_of_video in rows.values() for problem in find_conflicts(rows_of_video)]
    if problems:
        raise Problems(*problems)
    return {name: tuple(rows[name]) for name in sorted(rows)}


def _read_row(place: str, header: list[str], line: list[str]) -> Row:
    if len(line) != len(header):
        raise InputError(f"{place}: has {plural(len(line), 'column')}, but line 1 has {len(header)}")
    cells = dict(zip(header, (cell.strip() for cell in line), strict=True))
    if not is_plain_name(cells["video"]):
        raise InputError(
            f"{place}: {cells['video']!r} is not a plain video name; write the name of the file without its ending"
        )
    for kind in ("actor", "action"):
        if not is_class_name(cells[kind]):
            raise InputError(f"{place}: {kind} is {cells[kind]!r}; {CLASS_NAME_RULE}")
    split = cells.get("split", "")
    if split not in ("", *SPLITS):
        raise InputError(f"{place}: split is {split!r}; allowed: {' or '.join(SPLITS)}")
    instance = _number(place, "instance", cells["instance"], 1)
    first = _number(place, "first", cells.get("first") or "0", 0)
    last = _number(place, "last", cells["last"], 0) if cells.get("last") else None
    if last is not None and last < first:
        raise InputError(f"{place}: last is {last}, but first is {first}; last must not be smaller")
    return Row(place, cells["video"], instance, cells["actor"], cells["action"], first, last, split)


def _number(place: str, name: str, text: str, least: int) -> int:
    if not text.isdecimal() or not text.isascii() or not least <= int(text) < 1 << 31:
        raise InputError(f"{place}: {name} is {text!r}; expected a whole number, {least} or more")
    return int(text)


def is_class_name(name: str) -> bool:
    """Whether an actor or action may have this name; see CLASS_NAME_RULE."""
    return bool(_CLASS_NAME.fullmatch(name)) and name != "background"


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


def _ends_after(row: Row, other: Row) -> bool:
    return other.last is not None and (row.last is None or row.last > other.last)


def _place_in_file(row: Row) -> str:
    return row.place.rsplit(", ", 1)[-1]


def _given_splits(path: Path, rows: Rows) -> Splits | None:
    """The splits that the rows name; None if they name none."""
    splits = {name: {row.split for row in of_video} for name, of_video in rows.items()}
    for name, of_video in splits.items():
        if len(of_video) > 1:
            different = " and ".join(map(repr, sorted(of_video)))
            raise InputError(f"{path}: video {name} has rows with split {different}; all its rows must have the same")
    named = {split for of_video in splits.values() for split in of_video}
    if named == {""}:
        return None
    if "" in named:
        missing = next(name for name, of_video in splits.items() if of_video == {""})
        raise InputError(f"{path}: video {missing} has no split, but other videos have; give a split to all or to none")
    if named != set(SPLITS):
        raise InputError(f"{path}: no video is in split {(set(SPLITS) - named).pop()!r}; each split needs a video")
    return {split: tuple(name for name, of_video in splits.items() if of_video == {split}) for split in SPLITS}


def choose_splits(names: Sequence[str]) -> Splits:
    """Splits for videos without any: every fourth video is for the test; a single one is in both splits."""
    test = names[_TEST_EVERY - 1 :: _TEST_EVERY] or names[-1:]
    return {"train": tuple(name for name in names if name not in test) or tuple(names), "test": tuple(test)}


def class_warnings(root: Path, table: Table, split_advice: str) -> list[str]:
    """Warnings about splits that were chosen by name and about classes with similar names.

    Args:
        root: The folder of the data.
        table: Its rows.
        split_advice: How the user can choose the splits; "" if that is impossible.
    """
    splits = [] if table.splits_given else [_split_warning(table.splits, split_advice)]
    return [f"{root}: {warning}" for warning in (*splits, *similar_names(table.space))]


def _split_warning(splits: Splits, advice: str) -> str:
    names = splits["test"]
    if set(names) <= set(splits["train"]):
        return f"video {names[0]} is trained on and scored: the score says nothing about other videos"
    return f"the test split, chosen by name, is {first_few(names)}" + (f"; {advice}" if advice else "")


def space_of(path: Path, rows: Rows) -> LabelSpace:
    """The classes that rows name. Raises InputError with `path` if they are too many or their names are ambiguous."""
    every = [row for of_video in rows.values() for row in of_video]
    actors, actions = {row.actor for row in every}, {row.action for row in every}
    pairs = {(row.actor, row.action) for row in every}
    for kind, count in (("actors", len(actors)), ("actions", len(actions)), ("pairs of actor and action", len(pairs))):
        if count > _MOST_CLASSES:
            raise InputError(f"{path}: {count} {kind}; at most {_MOST_CLASSES} are possible")
    names: dict[str, tuple[str, str]] = {}
    for pair in sorted(pairs):
        other = names.setdefault("-".join(pair), pair)
        if other != pair:
            raise InputError(f"{path}: {other} and {pair} would both be called {'-'.join(pair)}; rename one of them")
    return LabelSpace.from_names(tuple(sorted(actors)), tuple(sorted(actions)), tuple(sorted(pairs)))


def case_conflicts(root: Path, space: LabelSpace) -> list[str]:
    """Problems of the data in `root`: classes whose names differ only in case."""
    problems = []
    for kind, names in (("actors", space.actors), ("actions", space.actions)):
        first: dict[str, str] = {}
        for name in names:
            other = first.setdefault(name.casefold(), name)
            if other != name:
                problems.append(
                    f"{root}: {kind} {other!r} and {name!r} differ only in case; if they are the same, spell them alike"
                )
    return problems


def similar_names(space: LabelSpace) -> list[str]:
    """Warnings: classes with almost the same name, one of which may be a spelling mistake."""
    warnings = []
    for kind, names in (("actors", space.actors), ("actions", space.actions)):
        for name, other in itertools.combinations(names, 2):
            if _may_be_misspelled(name, other):
                warnings.append(f"{kind} {name!r} and {other!r} are spelled almost alike; is one of them a mistake?")
    hidden = len(warnings) - SHOWN
    return warnings[:SHOWN] + ([f"and {hidden} more pairs of classes that are spelled almost alike"] * (hidden > 0))


def _may_be_misspelled(name: str, other: str) -> bool:
    # Mistakes are rare in the first letter; numbers and additional words are written on purpose.
    numbered = re.sub(r"\d+", "", name) == re.sub(r"\d+", "", other)
    longer = other.startswith(f"{name} ") or name.startswith(f"{other} ")
    same = name.casefold() == other.casefold()  # which `case_conflicts` reports
    if name[0] != other[0] or numbered or longer or same:
        return False
    return difflib.SequenceMatcher(None, name, other).ratio() >= _SIMILAR
