"""Reads data of one's own: videos or folders of frames, instance PNGs, and labels.csv that says who does what.

    labels.csv                      video, instance, actor, action [, first, last] [, split]
    videos/<video>.mp4              or videos/<video>/*.jpg, a picture a frame, in order of their names
    labels/<video>/<frame>.png      an instance number a pixel, 0 = background, 255 = ignore (unless it is an instance)

A DAVIS folder fits as it is, once labels.csv is in it: JPEGImages/480p/<video>/ and Annotations/480p/<video>/ (or both
without 480p). Frames are counted from 0, as DAVIS's files are; where frames are pictures, a label belongs to the
picture of its name. A row holds from frame `first` to frame `last`, both counted in, or always, where they are left
out. `split` is train or test, the same in all rows of a video; where the column is left out, every fourth video, by
name, is for the test, and a single one is for both.
"""

import csv
import dataclasses
import functools
import hashlib
import re
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from input_pipeline.a2d_release import MAX_PIXELS, Regions, is_plain_name
from ssa2d_jax import video
from ssa2d_jax.batch import InputError
from ssa2d_jax.label_space import IGNORE, LabelSpace

TABLE = "labels.csv"
NEEDED, OPTIONAL = ("video", "instance", "actor", "action"), ("first", "last", "split")
SPLITS = ("train", "test")
VIDEO_FOLDERS = ("videos", "JPEGImages/480p", "JPEGImages")
LABEL_FOLDERS = ("labels", "Annotations/480p", "Annotations")
_CLASS_NAME = re.compile(r"[^\W_][\w \-+()']*")
_MOST_CLASSES = 254  # a byte, without background and ignore
_MODES = ("1", "L", "P", "I", "I;16", "I;16B")  # PNG: one number a pixel
_TEST_EVERY = 4


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of labels.csv: what an instance is and does from frame `first` to `last` (None: to the end)."""

    line: int
    video: str
    instance: int
    actor: str
    action: str
    first: int
    last: int | None
    split: str


@dataclasses.dataclass(frozen=True)
class Table:
    """labels.csv: its rows by video, and the classes that they name."""

    rows: dict[str, tuple[Row, ...]]
    splits: dict[str, tuple[str, ...]]  # split -> videos
    space: LabelSpace


class Release:
    """Data of one's own, as `a2d_clips` reads any."""

    first_number = 0  # of the frames, as they are told
    ignored = f"instances of which {TABLE} says nothing at that frame, and 255"

    def __init__(self, root: Path):
        self.root = root

    @functools.cached_property
    def table(self) -> Table:
        """labels.csv."""
        return read_table(self.root)

    @property
    def space(self) -> LabelSpace:
        """The classes that labels.csv names."""
        return self.table.space

    @property
    def splits(self) -> dict[str, tuple[str, ...]]:
        """The videos of every split, in order."""
        return self.table.splits

    def video(self, name: str) -> Path:
        """The video's file, or the folder of its frames; InputError if there is none."""
        return frames_path(self.root, name)

    def labelled(self, name: str) -> dict[int, Path]:
        """Labelled frames of a video: number from 0, ascending -> its PNG."""
        return labelled_frames(self.root, name)

    def regions(self, name: str, frame: int, path: Path) -> Regions:
        """What `path` says of frame `frame` of a video."""
        return regions(path, frame, self.table.rows[name], self.space)

    def unused(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """Rows of a video, given its labelled frames, that none of these shows: a number may be wrong."""
        return [
            f"{self.root / TABLE}, line {row.line}: instance {row.instance} of {name} is in no label of its time"
            for row in self.table.rows[name]
            if not any(row.instance in one.codes and _holds(row, frame) for frame, one in regions.items())
        ]

    def fingerprint(self) -> str:
        """Eight hex digits, others where the data are others."""
        return fingerprint(self.root)


def read_table(release: Path) -> Table:
    """`release`/labels.csv. InputError names file and line of whatever can't be used."""
    path = release / TABLE
    if not release.is_dir():
        raise InputError(f"{release}: no such folder; config.data.release has to be a folder with {TABLE} in it")
    if not path.is_file():
        raise InputError(f"{path}: no such file; it says of every instance who it is and what it does")
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a csv file in UTF-8 ({error})") from error
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    if not set(NEEDED) <= set(header) or len(set(header)) < len(header):
        told = f"columns {', '.join(NEEDED)} (and, as you like, {', '.join(OPTIONAL)})"
        raise InputError(f"{path}: line 1 is {lines[0] if lines else 'missing'}; it has to name the {told}")
    unknown = sorted(set(header) - set(NEEDED) - set(OPTIONAL))
    if unknown:
        known = ", ".join((*NEEDED, *OPTIONAL))
        raise InputError(f"{path}: line 1 has a column {unknown[0]!r}; columns are {known}. Take it out, or rename it")
    rows: dict[str, list[Row]] = {}
    for number, line in enumerate(lines[1:], 2):
        if any(cell.strip() for cell in line):
            row = _row(f"{path}, line {number}", number, header, line)
            rows.setdefault(row.video, []).append(row)
    if not rows:
        raise InputError(f"{path}: names no instance")
    _check_instances(path, rows)
    whole = {name: tuple(rows[name]) for name in sorted(rows)}
    return Table(whole, _splits(path, whole), _space(path, whole))


def _row(place: str, number: int, header: list[str], line: list[str]) -> Row:
    if len(line) != len(header):
        raise InputError(f"{place}: {len(line)} columns, line 1 names {len(header)}")
    cells = dict(zip(header, (cell.strip() for cell in line), strict=True))
    if not is_plain_name(cells["video"]):
        raise InputError(f"{place}: {cells['video']!r} is not a plain video name (a file's, without its ending)")
    for kind in ("actor", "action"):
        if not _CLASS_NAME.fullmatch(cells[kind]) or cells[kind] == "background":
            raise InputError(f"{place}: {kind} is {cells[kind]!r}; a name in letters is needed, other than background")
    split = cells.get("split", "")
    if split not in ("", *SPLITS):
        raise InputError(f"{place}: split is {split!r}, allowed: {' or '.join(SPLITS)}")
    instance = _number(place, "instance", cells["instance"], 1)
    first = _number(place, "first", cells.get("first") or "0", 0)
    last = _number(place, "last", cells["last"], first) if cells.get("last") else None
    return Row(number, cells["video"], instance, cells["actor"], cells["action"], first, last, split)


def _number(place: str, name: str, text: str, least: int) -> int:
    if not text.isdecimal() or not text.isascii() or not least <= int(text) < 1 << 31:
        raise InputError(f"{place}: {name} is {text!r}; a whole number from {least} up is needed")
    return int(text)


def _check_instances(path: Path, rows: dict[str, list[Row]]) -> None:
    """InputError where an instance is two actors, or does two actions at once."""
    for one in rows.values():
        for i, row in enumerate(one):
            for other in one[:i]:
                if other.instance != row.instance:
                    continue
                pair = f"{path}, lines {other.line} and {row.line}: instance {row.instance} of {row.video}"
                if other.actor != row.actor:
                    raise InputError(f"{pair} is {other.actor} and {row.actor}; it can be one")
                if _meet(other, row):
                    raise InputError(
                        f"{pair} does {other.action} and {row.action} at once; "
                        "give each its frames (first, last), or name the two as one action"
                    )


def _meet(one: Row, other: Row) -> bool:
    return (one.last is None or other.first <= one.last) and (other.last is None or one.first <= other.last)


def _splits(path: Path, rows: dict[str, tuple[Row, ...]]) -> dict[str, tuple[str, ...]]:
    given = {name: {row.split for row in one} for name, one in rows.items()}
    for name, splits in given.items():
        if len(splits) > 1:
            raise InputError(
                f"{path}: video {name} has rows of {' and '.join(map(repr, sorted(splits)))}; one split a video"
            )
    named = {split for splits in given.values() for split in splits}
    if named == {""}:
        names = list(rows)
        test = names[_TEST_EVERY - 1 :: _TEST_EVERY] or names[-1:]
        return {"train": tuple(name for name in names if name not in test) or tuple(names), "test": tuple(test)}
    if "" in named:
        lacking = next(name for name, splits in given.items() if splits == {""})
        raise InputError(f"{path}: video {lacking} has no split, others have; give all of them one, or none")
    if named != set(SPLITS):
        raise InputError(f"{path}: no video is in split {(set(SPLITS) - named).pop()!r}; both are needed")
    return {split: tuple(name for name, one in given.items() if one == {split}) for split in SPLITS}


def _space(path: Path, rows: dict[str, tuple[Row, ...]]) -> LabelSpace:
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


def frames_path(release: Path, name: str) -> Path:
    """The video's file, or the folder of its frames; InputError if there is none, or more than one."""
    places = [release / folder for folder in VIDEO_FOLDERS if (release / folder).is_dir()]
    if not places:
        raise InputError(f"{release}: no folder {' or '.join(VIDEO_FOLDERS)} for the videos")
    found = sorted(path for path in places[0].glob(f"{_escaped(name)}.*") if path.is_file() and path.stem == name)
    found += [places[0] / name] if (places[0] / name).is_dir() else []
    if len(found) != 1:
        ending = Path(name).suffix if not found and (places[0] / name).is_file() else ""
        if ending:
            raise InputError(
                f"{places[0] / name}: {TABLE} has to name it without its ending {ending}: {name[: -len(ending)]}"
            )
        told = f"several of that name: {', '.join(path.name for path in found)}" if found else "no video of that name"
        raise InputError(f"{places[0] / name}: {told}, though {TABLE} lists it")
    return found[0]


def labelled_frames(release: Path, name: str) -> dict[int, Path]:
    """Labelled frames of a video: number from 0, ascending -> its PNG. InputError if there are none."""
    places = [release / folder for folder in LABEL_FOLDERS if (release / folder).is_dir()]
    if not places:
        raise InputError(f"{release}: no folder {' or '.join(LABEL_FOLDERS)} for the instance PNGs")
    folder, frames = places[0] / name, frames_path(release, name)
    files = sorted(folder.glob("*.png"))
    if not files:
        raise InputError(f"{folder}: no instance PNG (<frame>.png) for video {name}")
    if frames.is_dir():
        stems = {path.stem: number for number, path in enumerate(video.pictures_in(frames))}
        for path in files:
            if path.stem not in stems:
                raise InputError(f"{path}: labels a frame that {frames} doesn't have")
        return {stems[path.stem]: path for path in files}
    numbered: dict[int, Path] = {}
    for path in files:
        if not path.stem.isdecimal():
            raise InputError(f"{path}: the name has to be the frame's number, from 0")
        if int(path.stem) in numbered:
            raise InputError(f"{path}: frame {int(path.stem)} is labelled in {numbered[int(path.stem)].name}, too")
        numbered[int(path.stem)] = path
    return dict(sorted(numbered.items()))


def read_instances(path: Path) -> np.ndarray:
    """The PNG's instance numbers, int64 [H, W]; InputError for a picture that isn't one number a pixel."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(f"{path}: {picture.width}x{picture.height} pixels; at most {MAX_PIXELS} are read")
            if picture.mode not in _MODES:
                raise InputError(
                    f"{path}: a picture in {picture.mode}; needed is a number a pixel (grey, or a palette as in DAVIS)"
                )
            return np.asarray(picture).astype(np.int64)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a PNG that can be read ({error})") from error


def regions(path: Path, frame: int, rows: tuple[Row, ...], space: LabelSpace) -> Regions:
    """One labelled frame: a region an instance. InputError names instances that labels.csv doesn't."""
    instances = read_instances(path)
    numbers, number = np.unique(instances, return_inverse=True)
    number = number.reshape(instances.shape)
    named = {row.instance for row in rows}
    unknown = [int(one) for one in numbers if one and one not in named and one != IGNORE]
    if unknown:
        raise InputError(f"{path}: instance {unknown[0]} is not in {TABLE} (video {rows[0].video})")
    background = int(numbers[0] == 0)
    found = numbers[background:]
    doing = [_at(rows, int(one), frame) for one in found]
    ignore = np.array([row is None for row in doing], bool)
    actor = np.array([space.actors.index(row.actor) if row else 0 for row in doing], np.int64)
    actions = np.zeros((len(found), len(space.actions)), bool)
    for i, row in enumerate(doing):
        if row:
            actions[i, space.actions.index(row.action)] = True
    return Regions((number + 1 - background).astype(np.uint16), actor, actions, ignore, found)


def _at(rows: tuple[Row, ...], instance: int, frame: int) -> Row | None:
    """The row of an instance that holds at a frame; None: nothing is said of it then."""
    for row in rows:
        if row.instance == instance and _holds(row, frame):
            return row
    return None


def _holds(row: Row, frame: int) -> bool:
    return row.first <= frame and (row.last is None or frame <= row.last)


def fingerprint(release: Path) -> str:
    """Eight hex digits that change when labels.csv does, or name or size of a video or label."""
    digest = hashlib.sha256((release / TABLE).read_bytes())
    for folder in (*VIDEO_FOLDERS, *LABEL_FOLDERS):
        for path in sorted((release / folder).rglob("*")) if (release / folder).is_dir() else ():
            if path.is_file():
                digest.update(f"{path.relative_to(release).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()[:8]


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]?*])", r"[\1]", name)
