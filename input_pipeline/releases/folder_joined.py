"""Your own data with labels.csv for some videos and tracks.json for others."""

import functools
from pathlib import Path
from typing import Any

from input_pipeline.releases import folder_table
from input_pipeline.releases.folder import Release
from input_pipeline.releases.folder_files import TRACKS, _listed
from input_pipeline.releases.folder_json import JsonRelease
from input_pipeline.releases.folder_table import TABLE, Table
from input_pipeline.releases.regions import Regions


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

    def instance_name(self, name: str, code: int) -> str:
        """What to call an instance of a video."""
        return self._part(name).instance_name(name, code)

    def unseen_rows(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """What instances of a video do while no labelled frame shows them."""
        return self._part(name).unseen_rows(name, regions)

    def warnings(self) -> list[str]:
        """What is left out on purpose and may be meant otherwise."""
        both, read = sorted(self._tracks.keys() & self._named.table.rows.keys()), list(self._tracked.rows)
        return [
            *self._class_remarks(),
            *self._named.warnings(),
            *self._tracked.warnings(),
            *([f"{self.root}: {TRACKS} of {_listed(read)}: trained on, never scored"] if read else []),
            *([f"{self.root}: {TRACKS} of {_listed(both)}, not read: {TABLE} tells of the same"] if both else []),
        ]
