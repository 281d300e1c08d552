"""Who does what in your own data: the rows of labels.csv, and the splits and classes that follow from rows."""

import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from input_pipeline.releases import folder_files
from input_pipeline.releases.regions import Splits
from input_pipeline.releases.tables.csv_text import CsvText, read_csv
from input_pipeline.releases.tables.rows import (
    EVERY_VIDEO,
    Row,
    Rows,
    find_conflicts,
    find_ignored_conflicts,
    place_of,
    read_row,
)
from input_pipeline.releases.tables.video_names import find_meanings
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import SHOWN, first_few, plural

TABLE = "labels.csv"
REQUIRED, OPTIONAL = ("video", "instance", "actor", "action"), ("first", "last", "split")
_MOST_CLASSES = 254  # the values of a byte without background and ignore
_TEST_EVERY = 4
_SIMILAR = 0.8  # ratio of difflib: one letter more, less or different in a word of six


@dataclasses.dataclass(frozen=True)
class Table:
    """All rows, and what follows from them.

    Attributes:
        rows: The rows of every video.
        splits: The videos of every split.
        space: The classes that the rows name.
        splits_given: Whether the user has divided the videos.
        ignored: The rows of numbers whose pixels are ignored, by video; those of "*" are about every video.
        guesses: Warnings about what was guessed when the file was read.
    """

    rows: Rows
    splits: Splits
    space: LabelSpace
    splits_given: bool
    ignored: Rows = dataclasses.field(default_factory=dict)
    guesses: tuple[str, ...] = ()

    def ignored_numbers(self, video: str, frame: int) -> frozenset[int]:
        """The numbers whose pixels are ignored in a frame of a video."""
        rows = (*self.ignored.get(video, ()), *self.ignored.get(EVERY_VIDEO, ()))
        return frozenset(row.instance for row in rows if row.covers(frame))


def read_table(root: Path) -> Table:
    """Reads labels.csv in `root`.

    Raises:
        InputError: The file cannot be used as a whole.
        Problems: Lines cannot be used, or contradict each other; and, with these, which videos are missing.
    """
    path = root / TABLE
    text = read_csv(path, REQUIRED)
    _check_header(path, text)
    rows, ignored, guesses, problems = _read_rows(path, text)
    if not rows and not problems:
        raise InputError(f"{path}: contains no instance; write one line for each")
    problems += _split_problems(path, rows, is_complete=not problems)
    space = None
    try:
        space = space_of(path, rows) if rows else None
    except InputError as error:
        problems.append(str(error))
    if problems or space is None:
        classes = case_conflicts(path, space) if space else []
        raise Problems(*dict.fromkeys((*problems, *classes, *_missing_videos(root, rows, problems))))
    splits = _given_splits(rows)
    return Table(
        rows, splits or choose_splits(list(rows)), space, splits is not None, ignored, (*text.guesses, *guesses)
    )


def _missing_videos(root: Path, rows: Rows, problems: Sequence[str]) -> list[str]:
    """Why videos can't be found that rows are about; lines that have `problems` may name another one."""
    missing = []
    for name, of_video in rows.items() if folder_files.video_folder(root) else ():
        if not any(problem.startswith(f"{of_video[0].place}: video ") for problem in problems):
            try:
                folder_files.frames_path(root, name, place_of(of_video), rows)
            except InputError as error:
                missing.append(str(error))
    return missing


def _check_header(path: Path, text: CsvText) -> None:
    line, names = f"{path}: line {text.header_line}", [name for name in text.header if name]
    if not set(REQUIRED) <= set(names) or len(set(names)) < len(names):
        columns = f"columns {', '.join(REQUIRED)} (optional: {', '.join(OPTIONAL)}), each once"
        raise InputError(f"{line} is {list(text.header) or 'missing'}; it must name the {columns}")
    unknown = sorted(set(names) - {*REQUIRED, *OPTIONAL})
    if unknown:
        allowed = ", ".join((*REQUIRED, *OPTIONAL))
        raise InputError(f"{line} has the unknown column {unknown[0]!r}; allowed: {allowed}. Remove or rename it")


def _read_rows(path: Path, text: CsvText) -> tuple[Rows, Rows, list[str], list[str]]:
    """The rows of instances and those of ignored numbers, by the names that the videos have; warnings, and problems."""
    read: list[Row] = []
    problems: list[str] = []
    for number, line in text.lines:
        place = f"{path}, line {number}"
        try:
            read.append(read_row(place, text.by_column(place, line)))
        except InputError as error:
            problems.append(str(error))
    read, guesses, wrong = _name_videos(path, read)
    rows, ignored = (_by_video(row for row in read if row.ignored == kind) for kind in (False, True))
    problems += wrong
    problems += [problem for rows_of_video in rows.values() for problem in find_conflicts(rows_of_video)]
    for video, of_video in rows.items():
        own = (*ignored.get(video, ()), *ignored.get(EVERY_VIDEO, ()))
        problems += find_ignored_conflicts(of_video, own, IGNORE)
    problems += [
        f"{ignored[video][0].place}: video {video} has no row of an instance, so that nothing of it is read"
        for video in sorted(ignored.keys() - rows.keys() - {EVERY_VIDEO})
    ]
    return {name: rows[name] for name in sorted(rows)}, ignored, guesses, problems


def _name_videos(path: Path, rows: Sequence[Row]) -> tuple[list[Row], list[str], list[str]]:
    """The rows of the table in `path` with the names that their videos have; warnings, and problems."""
    folder = folder_files.video_folder(path.parent)
    places: dict[str, str] = {}
    for row in rows:
        places.setdefault(row.video, row.place)
    meanings = find_meanings(places.keys() - {EVERY_VIDEO}, folder)
    named = [
        dataclasses.replace(row, video=meanings[row.video].video) if row.video in meanings else row for row in rows
    ]
    found = [(place, meanings[name]) for name, place in places.items() if name in meanings]
    guesses = [f"{place}: {meaning.guess}" for place, meaning in found if meaning.guess]
    problems = [f"{place}: {meaning.problem}" for place, meaning in found if meaning.problem]
    hidden = len(guesses) - SHOWN
    more = [f"{path}: and {plural(hidden, 'more video')} whose name has lost zeros"] if hidden > 0 else []
    return named, guesses[:SHOWN] + more, problems


def _by_video(rows: Iterable[Row]) -> dict[str, tuple[Row, ...]]:
    videos: dict[str, list[Row]] = {}
    for row in rows:
        videos.setdefault(row.video, []).append(row)
    return {name: tuple(of_video) for name, of_video in videos.items()}


def _splits_by_video(rows: Rows) -> dict[str, set[str]]:
    return {name: {row.split for row in of_video} for name, of_video in rows.items()}


def _given_splits(rows: Rows) -> Splits | None:
    """The splits that the rows name; None if they name none."""
    splits = _splits_by_video(rows)
    if not any(split for of_video in splits.values() for split in of_video):
        return None
    return {split: tuple(name for name, of_video in splits.items() if of_video == {split}) for split in SPLITS}


def _split_problems(path: Path, rows: Rows, is_complete: bool) -> list[str]:
    """Contradictions of the splits in `rows`; `is_complete`: there are no others, which could be read."""
    splits, problems = _splits_by_video(rows), []
    for name, of_video in splits.items():
        if len(of_video) > 1:
            different = " and ".join(map(repr, sorted(of_video)))
            problems.append(f"{path}: video {name} has rows with split {different}; all its rows must have the same")
    named = {split for of_video in splits.values() for split in of_video} - {""}
    missing = [name for name, of_video in splits.items() if of_video == {""}]
    if named and missing:
        have = "has" if len(missing) == 1 else "have"
        problems.append(
            f"{path}: video{'s' * (len(missing) > 1)} {first_few(missing)} {have} no split, but other videos have; "
            "give a split to all or to none"
        )
    elif named and named != set(SPLITS) and is_complete and not problems:
        problems.append(f"{path}: no video is in split {(set(SPLITS) - named).pop()!r}; each split needs a video")
    return problems


def choose_splits(names: Sequence[str]) -> Splits:
    """Splits for videos without any: every fourth video is for the test; a single one is in both splits."""
    test = names[_TEST_EVERY - 1 :: _TEST_EVERY] or names[-1:]
    return {"train": tuple(name for name in names if name not in test) or tuple(names), "test": tuple(test)}


def class_warnings(root: Path, table: Table, split_advice: str) -> list[str]:
    """Warnings about guesses, splits that were chosen by name, and classes with similar names.

    Args:
        root: The folder of the data.
        table: Its rows.
        split_advice: How the user can choose the splits; "" if that is impossible.
    """
    splits = [] if table.splits_given else [_split_warning(table.splits, split_advice)]
    return [*table.guesses, *(f"{root}: {warning}" for warning in (*splits, *similar_names(table.space)))]


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
