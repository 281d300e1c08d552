"""Reads MOTS as text: a file for each video, a line for each instance in a frame, with COCO's run lengths."""

import functools
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.formats.doers import Doers
from input_pipeline.exports.formats.mask_formats import mots_class, mots_classes
from input_pipeline.exports.labelled import MOST_FRAMES, Export, LabelledVideo, ReadOptions, Shape, Size
from input_pipeline.exports.splits import split_of
from input_pipeline.exports.tracks import TrackBuilder
from input_pipeline.releases import coco_rle
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.video.frame import MAX_PIXELS

TOOL = "MOTS txt"
_LINE = re.compile(r"(?P<frame>\d{1,9}) (?P<id>\d{1,9}) (?P<kind>\d{1,9}) (?P<height>\d{1,6}) (?P<width>\d{1,6}) (\S+)")


def find_mots_text(archive: Archive) -> list[str]:
    """The text files whose first line is one of MOTS: time_frame id class_id img_height img_width rle."""
    found = []
    for name in archive.ending_with(".txt"):
        first = archive.read(name).lstrip().split(b"\n", 1)[0]
        found += [name] if _LINE.fullmatch(first.decode("utf-8", errors="replace").strip()) else []
    return found


def read_mots_text(archive: Archive, options: ReadOptions) -> Export:
    """Reads the text files of an export.

    Raises:
        InputError: They can't be used.
        Problems: Lines can't be used.
    """
    doers, classes = Doers(options), mots_classes(archive)
    files = find_mots_text(archive)
    names = {name: PurePosixPath(name).stem for name in files}
    if len(set(names.values())) < len(files):
        raise InputError(f"{archive.path}: two files are called alike, so that they are about one video; keep one")
    videos = [_read_video(archive, name, video, classes, doers) for name, video in names.items()]
    return doers.export(archive.places(files), TOOL, videos)


def _read_video(archive: Archive, name: str, video: str, classes: Mapping[int, str], doers: Doers) -> LabelledVideo:
    place = archive.place(name)
    try:
        lines = archive.read(name).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not a text in UTF-8") from error
    tracks, problems = TrackBuilder(), list[str]()
    seen: set[tuple[int, int]] = set()
    sizes: set[Size] = set()
    for index, line in enumerate(lines, 1):
        try:
            fields = _LINE.fullmatch(line.strip())
            if fields is None and line.strip():
                raise InputError(f"is {line[:60]!r}; expected time_frame id class_id img_height img_width rle")
            if fields is not None:
                sizes.add(_read_line(fields, video, classes, doers, tracks, seen))
        except InputError as error:
            problems.append(f"{place}, line {index}: {error}")
    if len(sizes) > 1:
        problems.append(f"{place}: its frames have several sizes")
    if problems:
        raise Problems(*problems)
    last = max(frame for frame, _ in seen)
    pictures = {frame: f"{video}/{frame:06}" for frame in range(last + 1)}
    return LabelledVideo(video, place, tracks.tracks(), sizes.pop(), pictures, split=split_of(name))


def _read_line(
    fields: re.Match[str],
    video: str,
    classes: Mapping[int, str],
    doers: Doers,
    tracks: TrackBuilder,
    seen: set[tuple[int, int]],
) -> Size:
    """Adds the instance of a line, and returns the size of its frame."""
    frame, number, kind, height, width = (int(fields[name]) for name in ("frame", "id", "kind", "height", "width"))
    if frame >= MOST_FRAMES or not 0 < height * width <= MAX_PIXELS:
        raise InputError(
            f"frame {frame} has {width}x{height} pixels; at most {MAX_PIXELS} in {MOST_FRAMES} frames are read"
        )
    if (frame, number) in seen:
        raise InputError(f"id {number} is in frame {frame} twice")
    seen.add((frame, number))
    actor = mots_class(classes, kind, f"class_id {kind}")
    done = None
    if actor is not None:
        actor, done = doers.find(video, frame, number, actor)
    outline = {"size": [height, width], "counts": fields[6]}
    tracks.add(frame, actor, Shape(functools.partial(coco_rle.decode, outline), done), number)
    return height, width
