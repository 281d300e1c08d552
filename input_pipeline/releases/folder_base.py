"""What all forms of your own data have in common: what follows from their rows, and from maps of instance numbers."""

import abc
import functools
from collections.abc import Collection
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt16

from input_pipeline.releases import folder_files, folder_table
from input_pipeline.releases.folder_table import Table
from input_pipeline.releases.regions import Regions, Splits
from input_pipeline.releases.tables.rows import Row
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.text import first_few

_MOST_COUNTED = 1 << 16  # the numbers of a PNG are smaller


class FolderRelease(abc.ABC):
    """A release in a form of your own data."""

    first_number = 0
    ignored: str  # description of the regions that are ignored

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    @abc.abstractmethod
    def tables(self) -> tuple[Path, ...]:
        """The files with the actions, without those that are not read."""

    @abc.abstractmethod
    def read_table(self) -> Table:
        """Reads the rows of all videos, and the splits and classes that follow from them."""

    @functools.cached_property
    def table(self) -> Table:
        """The table, which is read only once."""
        return self.read_table()

    @property
    def space(self) -> LabelSpace:
        """The classes that the rows name."""
        return self.table.space

    @property
    def splits(self) -> Splits:
        """The videos of every split, in order."""
        return self.table.splits

    def frame_number(self, name: str, frame: int) -> int:
        """The number of a frame of a video, counted from 0."""
        return frame

    def nothing_to_learn(self, name: str, codes: Collection[int]) -> str:
        """Why labels of a video that show only these ignored regions must not be built."""
        numbers = first_few([str(code) for code in sorted(codes)])
        return f"the labels of {name} show nothing that could be learned, only {numbers}: {self.ignored}"

    def span_warnings(self, name: str, frames: int) -> list[str]:
        """No warnings: the file's reader has compared the frames with the length of the video."""
        return []

    def dataset_problems(self) -> list[str]:
        """Problems: classes whose names differ only in case."""
        return folder_table.case_conflicts(self.root, self.space)

    def fingerprint(self) -> str:
        """Eight hex digits that change with the files that are read and with name or size of a video or PNG."""
        return folder_files.fingerprint(self.root, self.tables)


def instance_regions(
    instances: Int64[np.ndarray, "H W"], frame: int, rows: tuple[Row, ...], space: LabelSpace
) -> Regions:
    """One region for every instance of a labelled frame; 0 is the background.

    Instances without a row for this frame are ignored.
    """
    codes, region_map = _number_regions(instances)
    row_of = {row.instance: row for row in rows if row.covers(frame)}
    actions = np.zeros((len(codes), len(space.actions)), bool)
    actor, ignore = np.zeros(len(codes), np.int64), np.ones(len(codes), bool)
    for region, code in enumerate(codes):
        row = row_of.get(int(code))
        if row:
            actor[region], ignore[region] = space.actors.index(row.actor), False
            actions[region, space.actions.index(row.action)] = True
    return Regions(region_map, actor, actions, ignore, codes)


def _number_regions(
    instances: Int64[np.ndarray, "H W"],
) -> tuple[Int64[np.ndarray, " R"], UInt16[np.ndarray, "H W"]]:
    """The different numbers above 0, ascending, and for every pixel the place of its number among them, from 1."""
    highest = int(instances.max())
    if highest < _MOST_COUNTED:  # many times faster than sorting the pixels
        codes = np.flatnonzero(np.bincount(instances.ravel()))
        codes = codes[codes > 0]
        places = np.zeros(highest + 1, np.uint16)
        places[codes] = np.arange(1, len(codes) + 1)
        return codes, places[instances]
    codes = np.unique(instances)
    codes = codes[codes > 0]
    return codes, np.searchsorted(codes, instances, side="right").astype(np.uint16)
