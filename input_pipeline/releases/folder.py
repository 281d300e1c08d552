"""Reads your own data: videos or folders of frames, and where every instance is and what it does.

    videos/<video>.mp4              or videos/<video>/*.jpg, one picture per frame, in the order of their names
    labels.csv                      video, instance, actor, action [, first, last] [, split]
    labels/<video>/<frame>.png      an instance number per pixel, 0 = background, 255 = ignore unless it is an instance

A DAVIS folder needs only a labels.csv besides JPEGImages/480p/<video>/ and Annotations/480p/<video>/ (or both without
480p). Frames of a video file are counted from 0. If frames are pictures, a label belongs to the picture with the same
name or number, and the number in a picture's name is that of the frame; the pictures are counted from 0 if their names
have none. A row is about the frames from `first` to `last`, both included; without them it is about all frames. `split`
is train or test, the same in all rows of a video. Without that column, every fourth video, by name, is for the test; a
single video is for both.

Instead of labels.csv and PNGs, JSON as youtube_vis.py describes it:

    train.json, test.json           or only instances.json, in which every fourth video is for the test
    labels/<video>/tracks.json      or one file per video, as predict writes them; also besides labels.csv
"""

import contextlib
import dataclasses
import functools
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from input_pipeline.releases import folder_files, folder_table
from input_pipeline.releases.folder_base import FolderRelease, instance_regions
from input_pipeline.releases.folder_files import TRACKS, list_videos
from input_pipeline.releases.folder_json import JsonRelease
from input_pipeline.releases.folder_table import TABLE, Table
from input_pipeline.releases.label_files import meaning, unread
from input_pipeline.releases.regions import Regions, UnknownInstances
from input_pipeline.releases.tables.rows import IGNORED_ACTOR, Row, place_of
from input_pipeline.releases.youtube_vis import LabelledFrame
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.pictures import describe_numbers, last_number, read_picture_folder

_MASKS = (
    f"PNGs hold 0 and {IGNORE} alone, and {IGNORE} is ignored: write the number of the instance instead of {IGNORE}, "
    f"or instance {IGNORE} into {TABLE}"
)
_SPLIT_ADVICE = f"to choose others, add a column split (train or test) to {TABLE}"


def read_regions(label: Path, frame: int, video: str, table: Table) -> Regions:
    """Reads the PNG that labels a frame of a video of `table`; `frame` is its number in the rows."""
    rows, ignored = table.rows[video], table.ignored_numbers(video, frame)
    known = {row.instance for row in rows}
    instances, remark = meaning.read_instances(label, known | set(ignored))
    if ignored:
        instances = np.where(np.isin(instances, sorted(ignored)), IGNORE, instances)
    regions = instance_regions(instances, frame, rows, table.space)
    unknown = sorted(set(regions.codes.tolist()) - {IGNORE, *known})
    if unknown:
        raise UnknownInstances(label, unknown, f"not in {TABLE} (video {video}){_unknown_remedy(unknown, known)}")
    if regions.codes.tolist() == [IGNORE] and IGNORE not in known:
        remark = f"holds 0 and {IGNORE} alone, and {IGNORE} is ignored: it shows no instance"
    return dataclasses.replace(regions, remark=remark)


def _unknown_remedy(unknown: Collection[int], known: Collection[int]) -> str:
    """What may have put numbers into a PNG that no row has, and how to ignore them."""
    ignore = f"; to ignore a number as {IGNORE}, add a row of it with the actor {IGNORED_ACTOR} and no action"
    if len(unknown) > 1 and len(unknown) > len(known):
        return f"; were edges smoothed, or the numbers changed by a program that shrinks PNGs? If not,{ignore[1:]}"
    return ignore


class TableRelease(FolderRelease):
    """Your own data with labels.csv and PNGs."""

    ignored = f"instances without a row in {TABLE} for that frame, and 255"

    def __init__(self, root: Path, other_videos: Collection[str] = ()) -> None:
        """`other_videos` are known, too, but not in the table."""
        super().__init__(root)
        self._other_videos = other_videos
        self._numbers: dict[str, tuple[int, ...] | None] = {}  # by video

    def read_table(self) -> Table:
        """Reads labels.csv."""
        return folder_table.read_table(self.root)

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset((*self.table.rows, *self._other_videos))

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files with the actions."""
        return (self.root / TABLE,)

    def video(self, name: str) -> Path:
        """The file of a video or the folder of its frames. Raises InputError if it is missing."""
        return folder_files.frames_path(self.root, name, place_of(self.table.rows[name]), self._known)

    def labels(self, name: str) -> dict[int, Path]:
        """The PNGs of a video by frame, counted from 0, in order."""
        labels = folder_files.labelled_frames(self.root, name, self.video(name))
        meaning.check_together(labels.values())
        return labels

    def frame_number(self, name: str, frame: int) -> int:
        """The number in the name of a picture; of a video file, the number of the frame, from 0."""
        numbers = self._picture_numbers(name)
        return frame if numbers is None or frame >= len(numbers) else numbers[frame]

    def _picture_numbers(self, name: str) -> tuple[int, ...] | None:
        """The numbers in the names of a video's pictures; None if there are none."""
        if name not in self._numbers:
            frames = self.video(name)
            self._numbers[name] = read_picture_folder(frames).numbers if frames.is_dir() else None
        return self._numbers[name]

    def regions(self, name: str, frame: int, label: Path) -> Regions:
        """Reads the PNG of a frame of a video."""
        return read_regions(label, self.frame_number(name, frame), name, self.table)

    def instance_name(self, name: str, code: int) -> str:
        """What messages call an instance of a video."""
        return str(code)

    def unseen_rows(self, name: str, regions: Mapping[int, Regions]) -> list[str]:
        """Problems: rows of a video that none of its labelled frames shows; a number may be wrong."""
        masks = regions and all(label.codes.tolist() == [IGNORE] for label in regions.values())
        remedy = f"its {_MASKS}" if masks else "draw it, or delete this line"
        numbers = {self.frame_number(name, frame): label for frame, label in regions.items()}
        return [
            f"{row.place}: instance {row.instance} of {name} is drawn in no labelled frame{_span(row)}; {remedy}"
            for row in self.table.rows[name]
            if not any(row.instance in label.codes and row.covers(number) for number, label in numbers.items())
        ]

    def nothing_to_learn(self, name: str, codes: Collection[int]) -> str:
        """Why labels of a video that show only these ignored regions must not be built."""
        if set(codes) == {IGNORE}:
            return f"the labels of {name} show no instance: their {_MASKS}"
        return super().nothing_to_learn(name, codes)

    def span_warnings(self, name: str, frames: int) -> list[str]:
        """Warnings: rows of a video of so many frames whose `first` or `last` is no frame of it."""
        numbers = self._picture_numbers(name) or range(frames)
        lowest, highest = numbers[0], last_number(numbers)
        warnings = []
        for row in self.table.rows[name]:
            wrong = {"first": row.first} if row.first > highest else {}
            if row.last is not None and not lowest <= row.last <= highest:
                wrong["last"] = row.last
            if wrong:
                said = " and ".join(f"{cell} is {number}" for cell, number in wrong.items())
                warnings.append(f"{row.place}: {said}, but the frames of {name} are {describe_numbers(numbers)}")
        return warnings

    def renumbered_videos(self) -> list[str]:
        """Videos whose rows have `first` or `last`, and whose pictures have other numbers than their positions."""
        names = []
        for name, rows in self.table.rows.items():
            if any(row.first or row.last is not None for row in rows):
                with contextlib.suppress(InputError):  # which is a problem of the video
                    numbers = self._picture_numbers(name)
                    names += [name] if numbers and numbers != tuple(range(len(numbers))) else []
        return names

    def fingerprint(self) -> str:
        """Eight hex digits that change with the files that are read, and with what `first` and `last` mean."""
        return folder_files.fingerprint(self.root, self.tables, self.renumbered())

    def renumbered(self) -> bool:
        """Whether `first` and `last` of any row mean other frames than positions; False if there are no rows."""
        try:
            return bool(self.renumbered_videos())
        except InputError:  # of the table, which is reported when it is needed
            return False

    def warnings(self) -> list[str]:
        """What is left out on purpose and may be a mistake."""
        return [*folder_table.class_warnings(self.root, self.table, _SPLIT_ADVICE), *self.file_warnings()]

    def file_warnings(self) -> list[str]:
        """Warns of files that are not read, and says what the numbers of frames mean if that is not plain."""
        names = self.renumbered_videos()
        numbers = self._picture_numbers(names[0]) if names else None
        example = f"{names[0]}: {describe_numbers(numbers)}" if numbers else ""
        return [
            *([f"{self.root}: first and last of {list_videos(names)} mean the numbers in the names of the pictures, "
               f"not their positions ({example})"] if names else []),
            *unread.unread_videos(self.root, self._known, TABLE),
            *unread.unread_labels(self.root, self.table.rows, TABLE),
        ]  # fmt: skip


class JoinedRelease(FolderRelease):
    """Your own data with labels.csv for some videos, and tracks.json for others, which are never in the test split."""

    ignored = "instances without an action at that frame, and 255"

    def __init__(self, root: Path, tracks: Mapping[str, Path]) -> None:
        super().__init__(root)
        self._tracks = tracks
        self._drawn = TableRelease(root, other_videos=tracks)

    @functools.cached_property
    def _tracked(self) -> JsonRelease:
        rows = self._drawn.table.rows
        others = {name: path for name, path in self._tracks.items() if name not in rows}
        return JsonRelease(self.root, others, other_videos=rows)

    def _part(self, name: str) -> TableRelease | JsonRelease:
        return self._drawn if name in self._drawn.table.rows else self._tracked

    def read_table(self) -> Table:
        """Joins the rows of labels.csv and of the tracks."""
        drawn, tracked = self._drawn.table, self._tracked
        rows = {**drawn.rows, **tracked.rows}
        train = (*drawn.splits["train"], *tracked.rows, *tracked.unusable)
        space = folder_table.space_of(self.root, rows)
        return dataclasses.replace(drawn, rows=rows, splits={**drawn.splits, "train": train}, space=space)

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files with the actions, without those that are not read."""
        return (*self._drawn.tables, *self._tracked.tables)

    def video(self, name: str) -> Path:
        """The file of a video or the folder of its frames. Raises InputError if it is missing."""
        return self._part(name).video(name)

    def labels(self, name: str) -> Mapping[int, Path | LabelledFrame]:
        """The labels of a video by frame, counted from 0, in order."""
        return self._part(name).labels(name)

    def regions(self, name: str, frame: int, label: Path | LabelledFrame) -> Regions:
        """Reads the label of a frame of a video."""
        if isinstance(label, Path):
            return read_regions(label, self.frame_number(name, frame), name, self.table)
        return instance_regions(label.draw(), label.number, self.table.rows[name], self.space)

    def frame_number(self, name: str, frame: int) -> int:
        """The number that rows and messages give to a frame of a video."""
        return self._part(name).frame_number(name, frame)

    def span_warnings(self, name: str, frames: int) -> list[str]:
        """Warnings: rows of a video whose `first` or `last` is no frame of it."""
        return self._part(name).span_warnings(name, frames)

    def nothing_to_learn(self, name: str, codes: Collection[int]) -> str:
        """Why labels of a video that show only these ignored regions must not be built."""
        return self._part(name).nothing_to_learn(name, codes)

    def fingerprint(self) -> str:
        """Eight hex digits that change with the files that are read, and with what `first` and `last` mean."""
        return folder_files.fingerprint(self.root, self.tables, self._drawn.renumbered())

    def instance_name(self, name: str, code: int) -> str:
        """What messages call an instance of a video."""
        return self._part(name).instance_name(name, code)

    def unseen_rows(self, name: str, regions: Mapping[int, Regions]) -> list[str]:
        """Problems: rows of a video that none of its labelled frames shows."""
        return self._part(name).unseen_rows(name, regions)

    def warnings(self) -> list[str]:
        """What is left out on purpose and may be a mistake."""
        both, read = sorted(self._tracks.keys() & self._drawn.table.rows.keys()), list(self._tracked.rows)
        return [
            *folder_table.class_warnings(self.root, self.table, _SPLIT_ADVICE),
            *self._drawn.file_warnings(),
            *self._tracked.unlabelled_warnings(),
            *([f"{self.root}: {TRACKS} of {list_videos(read)}: trained on, never scored"] if read else []),
            *([f"{self.root}: {TRACKS} of {list_videos(both)}, not read: {TABLE} names the same"] if both else []),
        ]


def _span(row: Row) -> str:
    """The frames that a row is about, in words; nothing for all frames."""
    if row.last is None:
        return f" from {row.first} on" if row.first else ""
    return f" from {row.first} to {row.last}"
