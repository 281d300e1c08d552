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

import functools
import hashlib
from pathlib import Path

from input_pipeline.releases import folder_table
from input_pipeline.releases.folder_files import (
    LABEL_FOLDERS,
    VIDEO_FOLDERS,
    _label_folders,
    _listed,
    frames_path,
    labelled_frames,
)
from input_pipeline.releases.folder_instances import instance_regions, read_instances
from input_pipeline.releases.folder_table import TABLE, Row, Splits, Table
from input_pipeline.releases.regions import Regions
from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural


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
        more = f" (and {plural(len(rows) - 1, 'more line')})" if len(rows) > 1 else ""
        return frames_path(self.root, name, rows[0].place + more, self._whole.table.rows)

    def labelled(self, name: str) -> dict[int, Path]:
        """Labelled frames of a video: number from 0, ascending -> its PNG."""
        return labelled_frames(self.root, name, self.video(name))

    def regions(self, name: str, frame: int, label: Path) -> Regions:
        """What `label` says of frame `frame` of a video."""
        rows = self.table.rows[name]
        found = instance_regions(read_instances(label), frame, rows, self.space)
        unknown = sorted(set(found.codes.tolist()) - {IGNORE, *(row.instance for row in rows)})
        if unknown:
            raise InputError(f"{label}: instance {unknown[0]} is not in {TABLE} (video {name})")
        return found

    def instance_name(self, name: str, code: int) -> str:
        """What to call an instance of a video."""
        return str(code)

    def unseen_rows(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """Rows of a video, given its labelled frames, that none of these shows: a number may be wrong."""
        return [
            f"{row.place}: nobody drew instance {row.instance} of {name} in {_when(row)}; draw it, or delete this line"
            for row in self.table.rows[name]
            if not any(row.instance in one.codes and row.holds(frame) for frame, one in regions.items())
        ]

    def dataset_problems(self) -> list[str]:
        """What is wrong with more than a video: classes that differ in case alone."""
        return [f"{self.root}: {problem}" for problem in folder_table.alike(self.space)]

    def warnings(self) -> list[str]:
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


def _when(row: Row) -> str:
    """The labelled frames that a row is of, in words."""
    if row.last is None:
        return f"a labelled frame from {row.first} on" if row.first else "any labelled frame"
    return f"a labelled frame from {row.first} to {row.last}"
