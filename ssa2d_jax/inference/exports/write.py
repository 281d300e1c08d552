"""Writes the tracks of a video for labelling tools: beside a prediction, from a tracks.json, or from Python."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ssa2d_jax.data.export_formats import EXPORT_FORMATS, EXPORT_SHAPES, FORMATS_RULE, unknown_format
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.exports import coco, cvat, labelme, youtube_vis
from ssa2d_jax.inference.exports.clip import read_clip
from ssa2d_jax.inference.exports.options import DEFAULT_EXPORT, ExportOptions
from ssa2d_jax.inference.exports.output_folder import SUMMARY, check_unchanged, checksum, read_summary, replace_outputs
from ssa2d_jax.inference.track_files import TRACKS_JSON, TrackFiles
from ssa2d_jax.inference.tracks import Track
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.pictures import list_pictures
from ssa2d_jax.video.reader import read_frames

_FILES = {
    "cvat": (cvat.CVAT_XML, cvat.CVAT_LABELS),
    "coco": (coco.COCO_JSON,),
    "youtube_vis": (youtube_vis.YOUTUBE_VIS_JSON,),
    "labelme": (labelme.LABELME,),
}
# Files and folders of exports, which people correct, and the keys of the summary that have their checksums.
EXPORT_CHECKSUMS = {name: f"{name.replace('.', '_')}_crc32" for names in _FILES.values() for name in names}


def check_formats(formats: Sequence[str], options: ExportOptions, space: LabelSpace | None = None) -> None:
    """Checks an export before anything is labelled.

    Raises:
        InputError: a format or an option has a value that is not allowed, or a format can't hold the classes' names.
    """
    unknown = [name for name in formats if name not in EXPORT_FORMATS]
    if unknown or len(set(formats)) < len(formats):
        text = ",".join(formats)
        raise InputError(f"formats are {text!r}{unknown_format(text)}; allowed: {FORMATS_RULE}")
    if options.shapes not in EXPORT_SHAPES:
        raise InputError(f"shapes are {options.shapes!r}; allowed: {' or '.join(map(repr, EXPORT_SHAPES))}")
    if not 0 <= options.iou <= 1 or options.step < 1:
        raise InputError(f"iou is {options.iou} and step is {options.step}; allowed: 0 to 1, and 1 or more")
    if space is not None and formats:
        _check_names(formats, space.actors[1:], space.actions[1:], multilabel=space.multilabel)


def _check_names(
    formats: Sequence[str], actors: tuple[str, ...], actions: tuple[str, ...], *, multilabel: bool
) -> None:
    for name in (*actors, *actions):
        if not name.isprintable():
            raise InputError(f"the class name {name!r} has characters that can't be printed, which no tool reads back")
    if "cvat" in formats:
        cvat.check_cvat_names(actors, actions, multilabel=multilabel)
    if "coco" in formats and multilabel and "track_id" in actions:
        raise InputError("coco: an action is named 'track_id', which has another meaning there; rename the action")


def write_formats(
    tracks_json: Path,
    folder: Path,
    formats: Sequence[str],
    options: ExportOptions = DEFAULT_EXPORT,
    *,
    pictures: Sequence[Path] | None = None,
    out_folder: Path | None = None,
) -> None:
    """Writes the tracks of a tracks.json in `formats` into `folder`; a line for each says what it holds.

    Args:
        tracks_json: the file.
        folder: an existing one; files of the same names are overwritten.
        formats: names of `EXPORT_FORMATS`.
        options: what is written.
        pictures: the frames' files, if the video is a folder of pictures.
        out_folder: where the files will go, if they are written in another place first.

    Raises:
        InputError: the file can't be used, or a format can't hold what is in it.
    """
    check_formats(formats, options)
    clip = read_clip(tracks_json, pictures)
    _check_names(formats, clip.actors, clip.actions, multilabel=clip.multilabel)
    writers = {
        "cvat": lambda: cvat.write_cvat(clip, folder, options),
        "coco": lambda: coco.write_coco(clip, folder, options),
        "youtube_vis": lambda: youtube_vis.write_youtube_vis(clip, folder, options),
        "labelme": lambda: labelme.write_labelme(clip, folder, out_folder or folder, options),
    }
    for name in formats:
        remarks = [plural(len(clip.entries), "track"), *writers[name]()]
        if options.step > 1 and name != "youtube_vis" and not (name == "cvat" and options.shapes == "polygons"):
            remarks.append(f"one frame in {options.step}")
        log(f"{clip.name}: {EXPORT_FORMATS[name]}: {', '.join(remarks)}")


def picture_writer(
    folder: Path, video: str, formats: Sequence[str], options: ExportOptions
) -> Callable[[int, UInt8[np.ndarray, "H W 3"]], None]:
    """What writes frames, given their numbers, as the pictures that labelme shows, if they are wanted and not there.

    Args:
        folder: where `write_beside` writes the labels.
        video: the path of the video or of the folder of pictures.
        formats: names of `EXPORT_FORMATS`.
        options: what is written.
    """
    is_needed = "labelme" in formats and options.pictures and not Path(video).is_dir()

    def write(number: int, rgb: UInt8[np.ndarray, "H W 3"]) -> None:
        if is_needed and number % options.step == 0:
            labelme.write_picture(folder, number, rgb)

    return write


def write_beside(folder: Path, formats: Sequence[str], options: ExportOptions, *, video: str, out_folder: Path) -> None:
    """Writes the tracks.json in `folder` in `formats` beside it; for `out_folder` see `write_formats`.

    `video` is the path of the video or of the folder of pictures. Pictures that show no track are removed.
    """
    if formats:
        pictures = list_pictures(Path(video)) if Path(video).is_dir() else None
        write_formats(folder / TRACKS_JSON, folder, formats, options, pictures=pictures, out_folder=out_folder)
        labelme.remove_pictures_without_labels(folder)


@contextlib.contextmanager
def _new_files(out_folder: Path, formats: Sequence[str]) -> Iterator[Path]:
    """A folder for the files of `formats`, which go to `out_folder` at the end, with their checksums in its summary.

    Raises:
        InputError: one of these files is there and was changed by hand.
    """
    names = [name for key in formats for name in _FILES[key]]
    check_unchanged(out_folder, {name: EXPORT_CHECKSUMS[name] for name in names})
    out_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out_folder) as unfinished:
        folder = Path(unfinished)
        yield folder
        summary = read_summary(out_folder) | {EXPORT_CHECKSUMS[name]: checksum(folder / name) for name in names}
        replace_outputs(folder, out_folder, names)
        replace_text(out_folder / SUMMARY, json.dumps(summary, indent=2, allow_nan=False) + "\n")


def write_clip(
    tracks: Iterable[Track],
    space: LabelSpace,
    frames: Sequence[UInt8[np.ndarray, "H W 3"]],
    folder: Path,
    formats: Sequence[str],
    options: ExportOptions,
    video: str,
) -> None:
    """Writes the tracks of a clip in `formats` into `folder`; for the arguments see `Result.write_labels`."""
    check_formats(formats, options, space)
    height, width = frames[0].shape[:2]
    with _new_files(folder, formats) as place:
        with TrackFiles(place, space, video={"file_name": Path(video).name, "height": height, "width": width}) as files:
            files.add(tracks)
            files.end(len(frames))
        write_picture = picture_writer(place, video, formats, options)
        for number, frame in enumerate(frames):
            write_picture(number, frame)
        write_beside(place, formats, options, video=video, out_folder=folder)


def convert_tracks(
    tracks_json: Path, out_folder: Path, formats: Sequence[str], options: ExportOptions = DEFAULT_EXPORT
) -> None:
    """Writes a tracks.json, of an earlier prediction and perhaps corrected, in `formats` into `out_folder`.

    The video is found by the summary.json beside the tracks; without it, frames are named as those of a video file.

    Raises:
        InputError: the file can't be used, a format can't hold it, the pictures that are wanted can't be had, or a file
            in `out_folder` was changed by hand.
    """
    if not formats:
        raise InputError(f"{tracks_json}: choose a format to write it in: {FORMATS_RULE}")
    check_formats(formats, options)
    video = Path(str(read_summary(tracks_json.parent).get("video", "")))
    pictures = list_pictures(video) if video.name and video.is_dir() else None
    needs_video = "labelme" in formats and options.pictures and not pictures
    if needs_video and not video.is_file():
        raise InputError(f"{tracks_json}: the pictures need the video, which is not at {video}; predict it again")
    with _new_files(out_folder, formats) as folder:
        write_formats(tracks_json, folder, formats, options, pictures=pictures, out_folder=out_folder)
        if needs_video:
            for frame in read_frames(video):
                if labelme.label_path(folder, frame.number).exists():
                    labelme.write_picture(folder, frame.number, frame.rgb)
