"""Reads data of one's own: videos or folders of frames, and who is where in them and does what.

    videos/<video>.mp4              or videos/<video>/*.jpg, a picture a frame, in order of their names
    labels.csv                      video, instance, actor, action [, first, last] [, split]
    labels/<video>/<frame>.png      an instance number a pixel, 0 = background, 255 = ignore (unless it is an instance)

A DAVIS folder fits as it is, once labels.csv is in it: JPEGImages/480p/<video>/ and Annotations/480p/<video>/ (or both
without 480p). Frames are counted from 0, as DAVIS's files are; where frames are pictures, a label belongs to the
picture of its name. A row holds from frame `first` to frame `last`, both counted in, or always, where they are left
out. `split` is train or test, the same in all rows of a video; where the column is left out, every fourth video, by
name, is for the test, and a single one is for both.

In place of labels.csv and PNGs, JSON as youtube_vis.py describes it:

    train.json, test.json           or instances.json alone, of which every fourth video is for the test
    labels/<video>/tracks.json      or a file a video, as predict writes them; beside labels.csv, too
"""

import difflib
import functools
import hashlib
import re
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from input_pipeline import folder_table, youtube_vis
from input_pipeline.a2d_release import Regions
from input_pipeline.folder_table import TABLE, Row, Splits, Table
from ssa2d_jax import video
from ssa2d_jax.batch import SPLITS, InputError, Problems
from ssa2d_jax.label_space import IGNORE, LabelSpace
from ssa2d_jax.progress import counted

ONE_JSON, SPLIT_JSON, TRACKS = "instances.json", tuple(f"{split}.json" for split in SPLITS), "tracks.json"
VIDEO_FOLDERS = ("videos", "JPEGImages/480p", "JPEGImages")
LABEL_FOLDERS = ("labels", "Annotations/480p", "Annotations")
_MOST_COUNTED = 1 << 16  # a PNG's numbers are below
_MOST_COMPARED = 200  # names with one that isn't there
_MODES = ("1", "L", "P", "I", "I;16", "I;16B")  # PNG: one number a pixel


class Release:
    """Data of one's own with labels.csv, as `a2d_clips` reads any."""

    first_number = 0  # of the frames, as they are told
    ignored = f"instances of which {TABLE} says nothing at that frame, and 255"
    otherwise = f"a column split, train or test, in {TABLE} chooses others"

    def __init__(self, root: Path, whole: "Release | None" = None):
        """`whole`: the release that this is a part of, and whose classes it has."""
        self.root = root
        self._whole = whole or self

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files that say who does what."""
        return (self.root / TABLE,)

    @functools.cached_property
    def table(self) -> Table:
        """Who does what, the splits and the classes."""
        return folder_table.read_table(self.root)

    @property
    def space(self) -> LabelSpace:
        """The classes that the data name."""
        return self._whole.table.space

    @property
    def splits(self) -> Splits:
        """The videos of every split, in order."""
        return self.table.splits

    def video(self, name: str) -> Path:
        """The video's file, or the folder of its frames; InputError if there is none."""
        rows = self.table.rows[name]
        more = f" (and {counted(len(rows) - 1, 'more line')})" if len(rows) > 1 else ""
        return frames_path(self.root, name, rows[0].place + more, self._whole.table.rows)

    def labelled(self, name: str) -> dict[int, Path]:
        """Labelled frames of a video: number from 0, ascending -> its PNG."""
        return labelled_frames(self.root, name, self.video(name))

    def regions(self, name: str, frame: int, label: Path) -> Regions:
        """What `label` says of frame `frame` of a video."""
        rows = self.table.rows[name]
        found = regions(read_instances(label), frame, rows, self.space)
        unknown = sorted(set(found.codes.tolist()) - {IGNORE, *(row.instance for row in rows)})
        if unknown:
            raise InputError(f"{label}: instance {unknown[0]} is not in {TABLE} (video {name})")
        return found

    def told(self, name: str, code: int) -> str:
        """What to call an instance of a video."""
        return str(code)

    def unused(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """Rows of a video, given its labelled frames, that none of these shows: a number may be wrong."""
        return [
            f"{row.place}: nobody drew instance {row.instance} of {name} in {_when(row)}; draw it, or delete this line"
            for row in self.table.rows[name]
            if not any(row.instance in one.codes and row.holds(frame) for frame, one in regions.items())
        ]

    def whole(self) -> list[str]:
        """What is wrong with more than a video: classes that differ in case alone."""
        return [f"{self.root}: {problem}" for problem in folder_table.alike(self.space)]

    def remarks(self) -> list[str]:
        """What is left out on purpose and may be meant otherwise."""
        places = {path.parent.name for folder in _label_folders(self.root) for path in folder.glob("*/*.png")}
        strays = sorted(places - self.table.rows.keys())
        return [
            *self._class_remarks(),
            *([f"{self.root}: instance PNGs of {_listed(strays)} that {TABLE} doesn't name"] if strays else []),
        ]

    def _class_remarks(self) -> list[str]:
        """What there is to say of splits and classes."""
        if self._whole is not self:
            return []
        found = [folder_table.split_remark(self.splits, self.otherwise)] if self._splits_are_drawn else []
        return [f"{self.root}: {remark}" for remark in (*found, *folder_table.similar(self.space))]

    @property
    def _splits_are_drawn(self) -> bool:
        return not any(row.split for rows in self.table.rows.values() for row in rows)

    def fingerprint(self) -> str:
        """Eight hex digits that change when what says who does what does, or name or size of a video or label."""
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in self.tables))
        for folder in (*VIDEO_FOLDERS, *LABEL_FOLDERS):
            for path in sorted((self.root / folder).rglob("*")) if (self.root / folder).is_dir() else ():
                if path.is_file() and (folder in VIDEO_FOLDERS or path.suffix == ".png"):  # predict writes there, too
                    digest.update(f"{path.relative_to(self.root).as_posix()}:{path.stat().st_size};".encode())
        return digest.hexdigest()[:8]


class JsonRelease(Release):
    """The same with JSON in the place of labels.csv and PNGs: `files`, and the split or the video that each is of."""

    ignored = "annotations without an action at that frame, and crowds (255)"

    def __init__(self, root: Path, files: dict[str, Path], whole: Release | None = None):
        super().__init__(root, whole)
        self._files = files

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files that say who does what."""
        return tuple(self._files.values())

    @functools.cached_property
    def _read(self) -> tuple[dict[str, youtube_vis.Video], dict[str, str], dict[str, tuple[str, ...]]]:
        """The videos by name; the files that tell of them, as keys of `_files`; what is wrong with unusable videos.

        Those are videos with a file of their own that can't be used, while others can.
        """
        videos: dict[str, youtube_vis.Video] = {}
        owners: dict[str, str] = {}
        unusable: dict[str, tuple[str, ...]] = {}
        problems: list[str] = []
        for key, path in self._files.items():
            try:
                found = youtube_vis.read(path, key if path.name == TRACKS else None)
            except InputError as error:
                problems += error.args
                if path.name == TRACKS:
                    unusable[key] = error.args
                continue
            problems += [
                f"{path}: video {name} is in {self._files[owners[name]].name}, too" for name in found if name in owners
            ]
            videos, owners = videos | found, owners | dict.fromkeys(found, key)
        if problems and (not unusable or (len(unusable) == len(self._files) and self._whole is self)):
            raise Problems(*problems)
        return {name: videos[name] for name in sorted(videos)}, owners, unusable

    def _file(self, name: str) -> Path:
        """The file that tells of a video."""
        return self._files[self._read[1][name]]

    @functools.cached_property
    def rows(self) -> folder_table.Rows:
        """Who does what, by video."""
        drawn = self._splits_are_drawn
        return {name: one.rows for name, one in self._read[0].items() if one.shots or not drawn}

    @property
    def unusable(self) -> tuple[str, ...]:
        """Videos with a file of their own that can't be used."""
        return tuple(self._read[2])

    @functools.cached_property
    def table(self) -> Table:
        """Who does what, the splits and the classes."""
        (videos, owners, _), rows = self._read, self.rows
        if not any(rows.values()):
            raise InputError(f"{self.tables[0]}: no annotation does anything")
        if self._splits_are_drawn:
            splits = folder_table.drawn_splits(list(rows))
            splits["train"] += self.unusable  # so that they are told where others that can't be used are
            return Table(rows, splits, folder_table.space_of(self.root, rows))
        splits = {split: tuple(name for name in videos if owners[name] == split) for split in SPLITS}
        for split, names in splits.items():
            if not names:
                raise InputError(f"{self._files[split]}: tells of no video")
        return Table(rows, splits, folder_table.space_of(self.root, rows))

    def video(self, name: str) -> Path:
        """The video's file, or the folder of its frames; InputError if there is none."""
        videos, _, unusable = self._read
        if name in unusable:
            raise Problems(*unusable[name])
        path = self._file(name)
        file = frames_path(self.root, name, str(path), videos.keys() | self._whole.table.rows.keys())
        if videos[name].has_pictures and not file.is_dir():
            raise InputError(f"{file}: not a folder, but {path.name} has file_names, the pictures in it")
        return file

    def labelled(self, name: str) -> dict[int, youtube_vis.Shot]:
        """Labelled frames of a video: number from 0, ascending -> what is said of it."""
        told = self._read[0][name]
        shots = told.shots
        if not shots:
            raise InputError(f"{self._file(name)}: no annotation has a mask for video {name}")
        if not told.has_pictures:
            return {shot.number: shot for shot in shots}
        folder = self.video(name)
        numbers = {path.name: number for number, path in enumerate(video.pictures_in(folder))}
        for shot in shots:
            if shot.picture not in numbers:
                raise InputError(f"{shot}: {folder} doesn't have that picture")
        return dict(sorted((numbers[shot.picture], shot) for shot in shots))

    def regions(self, name: str, frame: int, label: youtube_vis.Shot) -> Regions:
        """What `label` says of its frame of a video."""
        return regions(label.drawn(), label.number, self.rows[name], self.space)

    def told(self, name: str, code: int) -> str:
        """What to call an instance of a video."""
        return self._read[0][name].names[code]

    def unused(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """What annotations of a video do while no labelled frame shows them."""
        shots = self.labelled(name)
        return [
            f"{row.place}: {row.action}, frames {row.first} to {row.last} of {name}, is seen in none of them"
            for row in self.rows[name]
            if not any(row.instance in one.codes and row.holds(shots[frame].number) for frame, one in regions.items())
        ]

    def remarks(self) -> list[str]:
        """What is left out on purpose and may be meant otherwise."""
        silent = [name for name in self._read[0] if name not in self.rows]
        told = f"{self.root}: {_listed(silent)} without any mask, left out of the splits"
        return [*self._class_remarks(), *([told] if silent else [])]

    @property
    def otherwise(self) -> str:
        """How splits could be given."""
        one = any(path.name == ONE_JSON for path in self.tables)
        return f"{' and '.join(SPLIT_JSON)} in place of {ONE_JSON} choose others" if one else ""

    @property
    def _splits_are_drawn(self) -> bool:
        return not any(path.name in SPLIT_JSON for path in self.tables)


class JoinedRelease(Release):
    """Videos that labels.csv names, and others with a tracks.json: those are trained on alone, never scored."""

    ignored = "instances of which nothing is said at that frame, and 255"

    def __init__(self, root: Path, tracks: dict[str, Path]):
        super().__init__(root)
        self._tracks, self._named = tracks, Release(root, whole=self)

    @functools.cached_property
    def _tracked(self) -> JsonRelease:
        others = {name: path for name, path in self._tracks.items() if name not in self._named.table.rows}
        return JsonRelease(self.root, others, whole=self)

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files that say who does what, as far as they are read."""
        return (*self._named.tables, *self._tracked.tables)

    def _part(self, name: str) -> Release:
        return self._named if name in self._named.table.rows else self._tracked

    @functools.cached_property
    def table(self) -> Table:
        """Who does what, the splits and the classes."""
        named, tracked = self._named.table, self._tracked
        rows = named.rows | tracked.rows
        splits = named.splits | {"train": (*named.splits["train"], *tracked.rows, *tracked.unusable)}
        return Table(rows, splits, folder_table.space_of(self.root, rows))

    def video(self, name: str) -> Path:
        """The video's file, or the folder of its frames; InputError if there is none."""
        return self._part(name).video(name)

    def labelled(self, name: str) -> dict[int, Any]:
        """Labelled frames of a video: number from 0, ascending -> its PNG, or what is said of it."""
        return self._part(name).labelled(name)

    def regions(self, name: str, frame: int, label: Any) -> Regions:
        """What `label` says of frame `frame` of a video."""
        return self._part(name).regions(name, frame, label)

    def told(self, name: str, code: int) -> str:
        """What to call an instance of a video."""
        return self._part(name).told(name, code)

    def unused(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """What instances of a video do while no labelled frame shows them."""
        return self._part(name).unused(name, regions)

    def remarks(self) -> list[str]:
        """What is left out on purpose and may be meant otherwise."""
        both, read = sorted(self._tracks.keys() & self._named.table.rows.keys()), list(self._tracked.rows)
        return [
            *self._class_remarks(),
            *self._named.remarks(),
            *self._tracked.remarks(),
            *([f"{self.root}: {TRACKS} of {_listed(read)}: trained on, never scored"] if read else []),
            *([f"{self.root}: {TRACKS} of {_listed(both)}, not read: {TABLE} tells of the same"] if both else []),
        ]


def opened(root: Path) -> Release:
    """The data in folder `root`, whichever of the forms they have; InputError if they have none, or two."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; config.data.release has to be a folder of your own data")
    there = [name for name in (TABLE, ONE_JSON, *SPLIT_JSON) if (root / name).is_file()]
    tracks = _tracks_in(root)
    if there == [TABLE]:
        return JoinedRelease(root, tracks) if tracks else Release(root)
    if there == [ONE_JSON]:
        return JsonRelease(root, {"": root / ONE_JSON})
    if there == list(SPLIT_JSON):
        return JsonRelease(root, {split: root / name for split, name in zip(SPLITS, SPLIT_JSON, strict=True)})
    forms = f"{TABLE}, or {' and '.join(SPLIT_JSON)}, or {ONE_JSON}"
    if there:
        raise InputError(f"{root}: has {' and '.join(there)}; needed is {forms}")
    if not tracks:
        raise InputError(f"{root}: says of no instance what it does; needed is {forms}, or labels/<video>/{TRACKS}")
    return JsonRelease(root, tracks)


def frames_path(release: Path, name: str, place: str, known: Container[str]) -> Path:
    """The file, or the folder of frames, of a video that `place` names; InputError if there is none, or several.

    What it may be called instead is none of the names that are `known`, of this video and others.
    """
    places = [release / folder for folder in VIDEO_FOLDERS if (release / folder).is_dir()]
    if not places:
        raise InputError(f"{release}: no folder {' or '.join(VIDEO_FOLDERS)} for the videos")
    found = sorted(path for path in places[0].glob(f"{_escaped(name)}.*") if path.is_file() and path.stem == name)
    found += [places[0] / name] if (places[0] / name).is_dir() else []
    if len(found) != 1:
        ending = Path(name).suffix if not found and (places[0] / name).is_file() else ""
        if ending:
            raise InputError(
                f"{place}: video {name} has to be named without its ending {ending}: {name[: -len(ending)]}"
            )
        if found:
            told = ", ".join(path.name for path in found)
            raise InputError(f"{place}: video {name}: {places[0]} has several of that name: {told}")
        raise InputError(f"{place}: video {name}: {places[0]} has none of that name{_meant(name, places[0], known)}")
    return found[0]


def _meant(name: str, folder: Path, known: Container[str]) -> str:
    """Which of the videos in `folder` that aren't `known` is called nearly as `name` is, as a question; or nothing."""
    others = {other.casefold(): other for other in _names_in(folder, folder.stat().st_mtime_ns) if other not in known}
    few = others if len(others) <= _MOST_COMPARED else ()
    nearest = [name.casefold()] if name.casefold() in others else difflib.get_close_matches(name.casefold(), few, n=1)
    return f"; did you mean {others[nearest[0]]!r}?" if nearest else ""


@functools.lru_cache(maxsize=4)
def _names_in(folder: Path, _changed: int) -> tuple[str, ...]:
    """The videos in `folder`, as they are called, in order."""
    there = (path for path in folder.iterdir() if not path.name.startswith("."))
    return tuple(sorted({path.name if path.is_dir() else path.stem for path in there}))


def labelled_frames(release: Path, name: str, frames: Path) -> dict[int, Path]:
    """Labelled frames of a video, whose file or folder is `frames`: number from 0, ascending -> its PNG.

    InputError if there are none.
    """
    places = _label_folders(release)
    if not places:
        raise InputError(f"{release}: no folder {' or '.join(LABEL_FOLDERS)} for the instance PNGs")
    folder = next((place / name for place in places if any((place / name).glob("*.png"))), places[0] / name)
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
            if picture.width * picture.height > video.MAX_PIXELS:
                raise InputError(
                    f"{path}: {picture.width}x{picture.height} pixels; at most {video.MAX_PIXELS} are read"
                )
            if picture.mode not in _MODES:
                raise InputError(
                    f"{path}: a picture in {picture.mode}; needed is a number a pixel (grey, or a palette as in DAVIS)"
                )
            return np.asarray(picture).astype(np.int64)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a PNG that can be read ({error})") from error


def regions(instances: np.ndarray, frame: int, rows: tuple[Row, ...], space: LabelSpace) -> Regions:
    """One labelled frame of instance numbers int64 [H, W], 0 = background: a region an instance.

    Those that no row tells of at this frame are ignored.
    """
    found, region_map = _numbered(instances)
    holding = {row.instance: row for row in rows if row.holds(frame)}
    doing = [holding.get(int(one)) for one in found]
    ignore = np.array([row is None for row in doing], bool)
    actor = np.array([space.actors.index(row.actor) if row else 0 for row in doing], np.int64)
    actions = np.zeros((len(found), len(space.actions)), bool)
    for i, row in enumerate(doing):
        if row:
            actions[i, space.actions.index(row.action)] = True
    return Regions(region_map, actor, actions, ignore, found)


def _numbered(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that there are, ascending, without 0; and uint16 [H, W], the place of a pixel's among them from 1."""
    top = int(instances.max())
    if top < _MOST_COUNTED:  # many times faster than to sort the pixels
        found = np.flatnonzero(np.bincount(instances.ravel()))
        found = found[found > 0]
        places = np.zeros(top + 1, np.uint16)
        places[found] = np.arange(1, len(found) + 1)
        return found, places[instances]
    found = np.unique(instances)
    found = found[found > 0]
    return found, (np.searchsorted(found, instances, side="right")).astype(np.uint16)


def _label_folders(release: Path) -> list[Path]:
    """The folders for labels that there are: tracks.json may lie in labels/, and PNGs where DAVIS has them."""
    return [release / folder for folder in LABEL_FOLDERS if (release / folder).is_dir()]


def _tracks_in(release: Path) -> dict[str, Path]:
    """What predict has written into the folders of the labels, by video, in order of names."""
    found = [path for folder in _label_folders(release)[::-1] for path in folder.glob(f"*/{TRACKS}")]
    return dict(sorted({path.parent.name: path for path in found}.items()))


def _listed(names: list[str]) -> str:
    """How many videos, and the names of the first few."""
    return f"{counted(len(names), 'video')} ({folder_table.few(names)})"


def _when(row: Row) -> str:
    """The labelled frames that a row is of, in words."""
    if row.last is None:
        return f"a labelled frame from {row.first} on" if row.first else "any labelled frame"
    return f"a labelled frame from {row.first} to {row.last}"


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]?*])", r"[\1]", name)
