"""Your own data with JSON in place of labels.csv and PNGs."""

import functools
from pathlib import Path

from input_pipeline.releases import folder_table, youtube_vis
from input_pipeline.releases.folder import Release
from input_pipeline.releases.folder_files import ONE_JSON, SPLIT_JSON, TRACKS, _listed, frames_path
from input_pipeline.releases.folder_instances import instance_regions
from input_pipeline.releases.folder_table import Table
from input_pipeline.releases.regions import Regions
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.video.reader import list_pictures


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
        numbers = {path.name: number for number, path in enumerate(list_pictures(folder))}
        for shot in shots:
            if shot.picture not in numbers:
                raise InputError(f"{shot}: {folder} doesn't have that picture")
        return dict(sorted((numbers[shot.picture], shot) for shot in shots))

    def regions(self, name: str, frame: int, label: youtube_vis.Shot) -> Regions:
        """What `label` says of its frame of a video."""
        return instance_regions(label.drawn(), label.number, self.rows[name], self.space)

    def instance_name(self, name: str, code: int) -> str:
        """What to call an instance of a video."""
        return self._read[0][name].names[code]

    def unseen_rows(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """What annotations of a video do while no labelled frame shows them."""
        shots = self.labelled(name)
        return [
            f"{row.place}: {row.action}, frames {row.first} to {row.last} of {name}, is seen in none of them"
            for row in self.rows[name]
            if not any(row.instance in one.codes and row.holds(shots[frame].number) for frame, one in regions.items())
        ]

    def warnings(self) -> list[str]:
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
