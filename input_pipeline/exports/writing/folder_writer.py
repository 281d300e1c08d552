"""Writes the folder of your own data: the videos, a PNG for each labelled frame, and labels.csv."""

import dataclasses
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.picture_names import name_of
from input_pipeline.exports.labelled import LabelledVideo, Size
from input_pipeline.exports.writing import fit, media
from input_pipeline.exports.writing.frames import Frames
from input_pipeline.exports.writing.label_maps import FrameLabel, Row, draw_frames, find_rows, number_tracks
from input_pipeline.releases.folder_table import TABLE
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.images import encode_png
from ssa2d_jax.utils.text import SHOWN, csv_text, first_few, plural

_NO_NAME = re.compile(r"[^\w\-]+")
_COLUMNS = ("video", "instance", "actor", "action", "first", "last")


@dataclasses.dataclass
class Written:
    """What a folder holds, for the report.

    Attributes:
        rows: Who does what when, by video.
        frames: The number of labelled frames.
        interpolated: Those in which the tool drew all shapes between those of a person.
        predicted: Those in which a person drew nothing, and a network something.
        boxes: Those with a filled box.
        not_drawn: Frames that aren't labelled because the tool drew all shapes in them.
        not_corrected: Frames that aren't labelled because all shapes in them were predicted and nobody changed them.
        hidden: Tracks that can't be seen in a frame that has them, with the number of frames.
        without_action: Tracks that are ignored in a frame, as their action isn't known, with the number of frames.
        remarks: What was guessed or left out.
        warnings: What may be wrong.
        problems: Frames that could not be labelled.
    """

    rows: dict[str, list[Row]] = dataclasses.field(default_factory=dict)
    frames: int = 0
    interpolated: int = 0
    predicted: int = 0
    boxes: int = 0
    not_drawn: int = 0
    not_corrected: int = 0
    hidden: Counter[str] = dataclasses.field(default_factory=Counter)
    without_action: Counter[str] = dataclasses.field(default_factory=Counter)
    remarks: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)


class FolderWriter:
    """Writes the videos of an export into a new folder, one after another."""

    def __init__(
        self, archive: Archive, root: Path, options: media.MediaOptions, *, interpolated: bool, predicted: bool
    ) -> None:
        """`interpolated`, `predicted`: frames in which the tool, or a network, drew all shapes are labelled, too."""
        self.written = Written()
        self._archive, self._root, self._options = archive, root, options
        self._interpolated, self._predicted = interpolated, predicted
        self._splits: dict[str, str] = {}
        self._files: dict[str | Path, str] = {}  # and the first video that each was used for
        (root / "videos").mkdir()
        (root / "labels").mkdir()

    def add(self, video: LabelledVideo, *, is_only: bool) -> None:
        """Writes a video and its labels. Raises InputError if its frames are missing or don't fit the labels.

        Args:
            video: The video.
            is_only: Whether the export has no other.
        """
        written, frames = self.written, media.find_frames(self._archive, video, self._options, is_only)
        written.remarks += _unused_options(video, frames, self._options)
        written.remarks += [] if frames.other_name else _guessed_name(self._archive.path, video.name)
        video = dataclasses.replace(video, name=frames.other_name or video.name)
        name = _free_name(video.name, written.rows)
        positions = {frame: frames.positions[frame] for frame in video.frames() if frame in frames.positions}
        renamed = [f"the video {video.name!r} is called {name} in the folder"] if name != video.name else []
        file = frames.in_archive or frames.path
        if file and (other := self._files.setdefault(file, name)) != name:
            leak = ", one to train on, one to test on" if self._splits[other] != video.split else ""
            renamed.append(f"{other} and {name} are the same video{leak}")
        written.remarks += [*renamed, *frames.remarks, *_lost(video, positions), *_unknown(video)]
        written.warnings += frames.warnings
        written.rows[name], self._splits[name] = [], video.split
        path = frames.write(self._archive, self._root / "videos", name)
        source = frames.describe(self._archive)
        written.warnings += fit.length_warnings(path, video, source)
        if positions:
            size = fit.check_frames(path, video, positions, source)
            written.rows[name] = self._write_labels(video, name, positions, size)
        if not written.rows[name]:
            del written.rows[name]
            shutil.rmtree(self._root / "labels" / name, ignore_errors=True)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            written.remarks.append(f"{name}: has no frame with an action, so it is left out")

    def _write_labels(self, video: LabelledVideo, name: str, positions: Mapping[int, int], size: Size) -> list[Row]:
        folder = self._root / "labels" / name
        folder.mkdir()
        tracks = number_tracks(video)
        is_deep = max(tracks, default=0) > IGNORE
        actions: dict[int, Mapping[int, str]] = {}
        for label in draw_frames(video, positions.keys(), size, self.written.problems):
            if label.is_predicted and not self._predicted:
                self.written.not_corrected += 1
                continue
            if label.is_interpolated and not self._interpolated:
                self.written.not_drawn += 1
                continue
            self._count(name, label)
            position = positions[label.frame]
            actions[position] = label.actions
            numbers = label.numbers if is_deep else label.numbers.astype("uint8")
            (folder / f"{position:05}.png").write_bytes(encode_png(numbers))
        return find_rows(tracks, actions)

    def _count(self, name: str, label: FrameLabel) -> None:
        written = self.written
        written.frames += 1
        written.predicted += label.is_predicted
        written.interpolated += label.is_interpolated and not label.is_predicted
        written.boxes += label.has_boxes
        written.hidden.update(f"{name}: {track}" for track in label.hidden)
        written.without_action.update(f"{name}: {track}" for track in label.without_action)

    def write_table(self) -> None:
        """Writes labels.csv, with splits if the export divides its videos into both."""
        rows = self.written.rows
        has_splits = {self._splits[name] for name in rows} == {"train", "test"}
        table: list[Sequence[object]] = [(*_COLUMNS, "split") if has_splits else _COLUMNS]
        for name, of_video in rows.items():
            for row in of_video:
                cells = (name, row.number, row.actor, row.action, row.first, row.last)
                table.append((*cells, self._splits[name]) if has_splits else cells)
        replace_text(self._root / TABLE, csv_text(table))


def _guessed_name(export: Path, video: str) -> list[str]:
    """How to give a video another name that is called as the folder of an export with a usual name, as coco.json."""
    if video != name_of(export) or video in (export.name, export.stem):
        return []
    return [f"the export names no video; it is called {video}, as the folder of {export.name}, which you can rename"]


def _unused_options(video: LabelledVideo, frames: Frames, options: media.MediaOptions) -> list[str]:
    """Says that first_frame and frame_step, if they are set, change nothing for this video."""
    if options.has_default_numbers or not (video.has_video_numbers or frames.pictures):
        return []
    why = "the labels count the video's frames" if video.has_video_numbers else "it is a folder of pictures"
    return [f"{video.name}: config.convert.first_frame and frame_step are not used, as {why}"]


def _lost(video: LabelledVideo, positions: Mapping[int, int]) -> list[str]:
    lost = [str(frame) for frame in video.frames() if frame not in positions]
    why = f" ({video.missing_pictures})" if video.missing_pictures else ""
    return [f"{video.name}: frames without a picture, so not labelled: {first_few(lost)}{why}"] if lost else []


def _unknown(video: LabelledVideo) -> list[str]:
    reasons = Counter(video.unknown.values()).most_common()
    shown = [f"{video.name}: {plural(count, 'frame')} not labelled: {why}" for why, count in reasons[:SHOWN]]
    hidden = sum(count for _, count in reasons[SHOWN:])
    return [
        *shown,
        *([f"{video.name}: {plural(hidden, 'more frame')} not labelled, for such reasons"] if hidden else []),
    ]


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    """A name for a video that every file system takes and that no other has."""
    plain = _NO_NAME.sub("_", name).strip("_") or "video"
    free, count = plain, 1
    while free.casefold() in {other.casefold() for other in taken}:
        count += 1
        free = f"{plain}-{count}"
    return free
