"""Reads your own data: videos or folders of frames, and where every instance is and what it does.

    videos/<video>.mp4              or videos/<video>/*.jpg, one picture per frame, in the order of their names
    labels.csv                      video, instance, actor, action [, first, last] [, split]
    labels/<video>/<frame>.png      an instance number per pixel, 0 = background, 255 = ignore unless it is an instance

A DAVIS folder needs only a labels.csv besides JPEGImages/480p/<video>/ and Annotations/480p/<video>/ (or both without
480p). Frames are counted from 0, as in the names of DAVIS's files. If frames are pictures, a label belongs to the
picture with the same name. A row is about the frames from `first` to `last`, both included; without them it is about
all frames. `split` is train or test, the same in all rows of a video. Without that column, every fourth video, by name,
is for the test; a single video is for both.

Instead of labels.csv and PNGs, JSON as youtube_vis.py describes it:

    train.json, test.json           or only instances.json, in which every fourth video is for the test
    labels/<video>/tracks.json      or one file per video, as predict writes them; also besides labels.csv
"""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from input_pipeline.releases import folder_files, folder_table
from input_pipeline.releases.folder_base import FolderRelease, instance_regions, read_instances
from input_pipeline.releases.folder_files import TRACKS, list_videos
from input_pipeline.releases.folder_json import JsonRelease
from input_pipeline.releases.folder_table import TABLE, Table
from input_pipeline.releases.regions import Regions, UnknownInstances
from input_pipeline.releases.tables.rows import IGNORED_ACTOR, Row
from input_pipeline.releases.tables.video_names import composed
from input_pipeline.releases.youtube_vis import LabelledFrame
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.text import plural

_SPLIT_ADVICE = f"to choose others, add a column split (train or test) to {TABLE}"


def read_regions(label: Path, frame: int, video: str, table: Table) -> Regions:
    """Reads the PNG that labels a frame of a video of `table`."""
    rows, ignored = table.rows[video], table.ignored_numbers(video, frame)
    instances = read_instances(label)
    if ignored:
        instances = np.where(np.isin(instances, sorted(ignored)), IGNORE, instances)
    regions = instance_regions(instances, frame, rows, table.space)
    unknown = sorted(set(regions.codes.tolist()) - {IGNORE, *(row.instance for row in rows)})
    if unknown:
        remedy = f"to ignore a number as {IGNORE}, add a row of it with the actor {IGNORED_ACTOR} and no action"
        raise UnknownInstances(label, unknown, f"not in {TABLE} (video {video}); {remedy}")
    return regions


class TableRelease(FolderRelease):
    """Your own data with labels.csv and PNGs."""

    ignored = f"instances without a row in {TABLE} for that frame, and 255"

    def __init__(self, root: Path, other_videos: Collection[str] = ()) -> None:
        """`other_videos` are known, too, but not in the table."""
        super().__init__(root)
        self._other_videos = other_videos

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
        rows = self.table.rows[name]
        more = f" (and {plural(len(rows) - 1, 'more line')})" if len(rows) > 1 else ""
        return folder_files.frames_path(self.root, name, rows[0].place + more, self._known)

    def labels(self, name: str) -> dict[int, Path]:
        """The PNGs of a video by frame, counted from 0, in order."""
        return folder_files.labelled_frames(self.root, name, self.video(name))

    def regions(self, name: str, frame: int, label: Path) -> Regions:
        """Reads the PNG of a frame of a video."""
        return read_regions(label, frame, name, self.table)

    def instance_name(self, name: str, code: int) -> str:
        """What messages call an instance of a video."""
        return str(code)

    def unseen_rows(self, name: str, regions: Mapping[int, Regions]) -> list[str]:
        """Problems: rows of a video that none of its labelled frames shows; a number may be wrong."""
        masks = regions and all(label.codes.tolist() == [IGNORE] for label in regions.values())
        remedy = (
            f"its PNGs hold 0 and {IGNORE} alone, and {IGNORE} is ignored: write the number of the instance instead"
            if masks
            else "draw it, or delete this line"
        )
        return [
            f"{row.place}: instance {row.instance} of {name} is drawn in no labelled frame{_span(row)}; {remedy}"
            for row in self.table.rows[name]
            if not any(row.instance in label.codes and row.covers(frame) for frame, label in regions.items())
        ]

    def warnings(self) -> list[str]:
        """What is left out on purpose and may be a mistake."""
        return [*folder_table.class_warnings(self.root, self.table, _SPLIT_ADVICE), *self.stray_label_warnings()]

    def stray_label_warnings(self) -> list[str]:
        """Warns of PNGs of videos that the table does not name."""
        labelled = {
            composed(path.parent.name)
            for folder in folder_files.label_folders(self.root)
            for path in folder.glob("*/*.png")
        }
        strays = sorted(labelled - self.table.rows.keys())
        return [f"{self.root}: instance PNGs of {list_videos(strays)} that {TABLE} does not name"] if strays else []


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
            return read_regions(label, frame, name, self.table)
        return instance_regions(label.draw(), label.number, self.table.rows[name], self.space)

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
            *self._drawn.stray_label_warnings(),
            *self._tracked.unlabelled_warnings(),
            *([f"{self.root}: {TRACKS} of {list_videos(read)}: trained on, never scored"] if read else []),
            *([f"{self.root}: {TRACKS} of {list_videos(both)}, not read: {TABLE} names the same"] if both else []),
        ]


def _span(row: Row) -> str:
    """The frames that a row is about, in words; nothing for all frames."""
    if row.last is None:
        return f" from {row.first} on" if row.first else ""
    return f" from {row.first} to {row.last}"
