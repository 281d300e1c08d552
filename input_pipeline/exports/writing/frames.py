"""Where the frames of an export's video come from, and how they are written into a folder of your own data."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from input_pipeline.exports.files.archive import Archive, link_or_copy


@dataclasses.dataclass(frozen=True)
class Frames:
    """Where the frames of a video come from.

    Attributes:
        path: The video's file; None for pictures.
        in_archive: The video's name in the export, in place of `path`.
        pictures: The pictures, in order: names in the export, or paths.
        positions: The position, from 0, of every labelled frame in the video or among the pictures.
        remarks: What was guessed.
        warnings: What may be wrong.
        other_name: Of the video, if the labels have no name for it.
    """

    path: Path | None = None
    in_archive: str = ""
    pictures: Sequence[str | Path] = ()
    positions: Mapping[int, int] = dataclasses.field(default_factory=dict)
    remarks: Sequence[str] = ()
    warnings: Sequence[str] = ()
    other_name: str = ""

    def write(self, archive: Archive, folder: Path, name: str) -> Path:
        """Writes the frames into `folder` under the name of the video; returns the file, or the folder of pictures."""
        if not self.pictures:
            source = PurePosixPath(self.in_archive) if self.in_archive else PurePosixPath(str(self.path))
            target = folder / f"{name}{source.suffix.lower()}"
            if self.in_archive:
                archive.copy(self.in_archive, target)
            elif self.path is not None:
                link_or_copy(self.path, target)
            return target
        pictures = folder / name
        pictures.mkdir()
        for position, picture in enumerate(self.pictures):
            target = pictures / f"{position:05}{PurePosixPath(str(picture)).suffix.lower()}"
            if isinstance(picture, Path):
                link_or_copy(picture, target)
            else:
                archive.copy(picture, target)
        return pictures

    def describe(self, archive: Archive) -> str:
        """What messages call the video."""
        if self.pictures:
            first = self.pictures[0]
            folder = str(first.parent) if isinstance(first, Path) else archive.place(str(PurePosixPath(first).parent))
            return f"the folder of pictures {folder}"
        return archive.place(self.in_archive) if self.in_archive else str(self.path)
