"""Reads YouTube-VIS's JSON with an action for every annotation, and the tracks.json that predict writes.

    videos       id, height, width, and `file_names`, ["<video>/00000.jpg", ...], or `file_name` and `length`
    categories   id, name: the actors
    annotations  id, video_id, category_id, `segmentations`, run lengths or null for every frame; `iscrowd`
                 `action`: a text, or a list with a text or null for every frame
                 `actions`, instead of it: [{"action", "first", "last"}, ...]
                 `frames`: the numbers of the frames in the lists, if these are not all frames

Frames are counted from 0. Masks are drawn in the order of the file, a later one over an earlier one. Crowds, and frames
in which `action` is null, are ignored. A frame without any mask is not labelled. An instance does one action at a time:
a tracks.json of a multi-label run, whose actions overlap, is refused. An id is a whole number or a text. null stands
for what is missing.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from input_pipeline.releases import coco_rle
from input_pipeline.releases.coco_rle import Mask
from input_pipeline.releases.json_fields import Entry, error_place, read_field, read_json, read_number, shorten
from input_pipeline.releases.regions import LONGEST_NAME, is_plain_name
from input_pipeline.releases.tables.rows import Row, find_conflicts
from input_pipeline.releases.tables.video_names import composed
from input_pipeline.releases.vis.annotation import read_actions, read_actor, read_crowd, read_id, read_masks
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.reader import MAX_PIXELS


@dataclasses.dataclass(frozen=True)
class LabelledFrame:
    """A frame with masks, in the order of drawing; `picture` is None for a frame of a video file."""

    place: str  # file, video and frame
    number: int
    picture: str | None
    size: tuple[int, int]  # height, width
    masks: tuple[Mask, ...]

    def __str__(self) -> str:
        return self.place

    def draw(self) -> Int64[np.ndarray, "H W"]:
        """Draws the instance numbers: 0 = background, IGNORE = ignored. Raises InputError for a mask that is wrong."""
        with error_place(self.place):
            return coco_rle.draw_masks(self.masks, self.size)


@dataclasses.dataclass(frozen=True)
class Video:
    """A video in a JSON file.

    Attributes:
        frames: Its labelled frames in order.
        rows: What its instances do.
        names: What messages call the instances, by number.
        has_pictures: Whether its frames are pictures.
        crowds: How many crowds have an action, which is not used.
        file: The name of the video file; None for pictures.
    """

    frames: tuple[LabelledFrame, ...]
    rows: tuple[Row, ...]
    names: Mapping[int, str]
    has_pictures: bool
    crowds: int = 0
    file: str | None = None


def read_videos(path: Path, name: str | None = None) -> dict[str, Video]:
    """Reads the videos in a JSON file, by name. Masks are checked only when they are drawn.

    Args:
        path: The JSON file.
        name: The only video that the file may be about.

    Raises:
        InputError: The file cannot be used as a whole.
        Problems: Parts of the file cannot be used.
    """
    reader = _Reader(path, name)
    videos = reader.read()
    if reader.problems:
        raise Problems(*reader.problems)
    return videos


@dataclasses.dataclass
class _VideoEntry:
    """What the file says about a video: its own entry, and what its annotations have added so far."""

    name: str
    size: tuple[int, int]
    length: int
    pictures: tuple[str, ...] | None
    masks: dict[int, list[Mask]] = dataclasses.field(default_factory=dict)
    rows: list[Row] = dataclasses.field(default_factory=list)
    names: dict[int, str] = dataclasses.field(default_factory=dict)
    crowds: int = 0
    file: str | None = None


class _Reader:
    """Reads one file; `problems` collects what is wrong with its parts."""

    def __init__(self, path: Path, name: str | None) -> None:
        self.path, self.name = path, name
        self.problems: list[str] = []
        content = read_json(path)
        self.content: Entry = content if isinstance(content, dict) else {}
        for key in ("videos", "annotations", "categories"):
            if not isinstance(self.content.get(key, ...), list | None):
                raise InputError(f"{path}: has no list {key!r}; expected videos, annotations and categories")

    def read(self) -> dict[str, Video]:
        """The videos by name."""
        entries: dict[str, _VideoEntry | None] = {}
        for key, (place, entry) in self._entries("videos").items():
            entries[key] = None
            with self._collect_problem(place):
                entries[key] = _read_video(entry, self.name)
        categories = {key: entry for key, (_, entry) in self._entries("categories").items()}
        for place, entry in self._entries("annotations").values():
            with self._collect_problem(place):
                self._add_annotation(place, entry, entries, categories)
        videos: dict[str, Video] = {}
        for video in entries.values():
            if video and video.name in videos:
                self.problems.append(f"{self.path}: video {video.name} occurs twice")
            elif video:
                frames = tuple(_labelled_frame(self.path, video, number) for number in sorted(video.masks))
                has_pictures = video.pictures is not None
                rows = tuple(video.rows)
                videos[video.name] = Video(frames, rows, video.names, has_pictures, video.crowds, video.file)
        return videos

    @contextlib.contextmanager
    def _collect_problem(self, place: str) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.problems.append(f"{self.path}: {place}: {error}")

    def _entries(self, key: str) -> dict[str, tuple[str, Entry]]:
        """The entries of a list by id, each with its place in the file; null instead of the list is none."""
        entries: dict[str, tuple[str, Entry]] = {}
        for i, entry in enumerate(self.content[key] or ()):
            with self._collect_problem(f"{key}[{i}]"):
                if not isinstance(entry, dict) or entry.get("id") is None:
                    raise InputError("has no id")
                number = read_id(entry, "id")
                if number in entries:
                    raise InputError(f"another entry has the same id {number}")
                entries[number] = f"{key}[{i}] (id {number})", entry
        return entries

    def _add_annotation(
        self, place: str, entry: Entry, videos: Mapping[str, _VideoEntry | None], categories: Mapping[str, Entry]
    ) -> None:
        key = read_id(entry, "video_id")
        if key not in videos:
            raise InputError(f"video_id is {shorten(entry['video_id'])}, but no video has that id")
        video = videos[key]
        if video is None:
            return  # its own entry is a problem already
        crowd, actor = read_crowd(entry), read_actor(entry, categories)
        masks = read_masks(entry, video.name, video.length)
        spans, without_action = ([], set()) if crowd else read_actions(entry, masks, video.length)
        video.crowds += crowd and (entry.get("action") or entry.get("actions")) is not None
        code = len(video.names) + 1
        code += code >= IGNORE
        annotation = video.names[code] = f"annotation {entry['id']}, {actor}"
        rows = []
        for i, span in enumerate(spans):
            row_place = f"{self.path}: {place}" + (f", actions[{i}]" if "actions" in entry else "")
            rows.append(Row(row_place, video.name, code, actor, *span))
        self.problems += find_conflicts(rows)
        video.rows += rows
        for frame, mask in zip(*masks, strict=True):
            if mask is not None:
                drawn = IGNORE if crowd or frame in without_action else code
                video.masks.setdefault(frame, []).append(Mask(drawn, annotation, mask))


def _labelled_frame(path: Path, video: _VideoEntry, number: int) -> LabelledFrame:
    picture = video.pictures[number] if video.pictures else None
    place = f"{path}: {video.name}, frame {number}" + (f" ({picture})" if picture else "")
    return LabelledFrame(place, number, picture, video.size, tuple(video.masks[number]))


def _read_video(entry: Entry, expected_name: str | None) -> _VideoEntry:
    size = read_number(entry, "height", 1), read_number(entry, "width", 1)
    if size[0] * size[1] > MAX_PIXELS:
        raise InputError(f"has {size[1]}x{size[0]} pixels; at most {MAX_PIXELS} are allowed")
    pictures, file = None, None
    if entry.get("file_names") is None:
        file = composed(read_field(entry, "file_name", str, 'or file_names, ["<video>/<picture>", ...]'))
        # The folder of a tracks.json is named with the ending where two videos differ in nothing else.
        name = file if "/" in file or file == expected_name else Path(file).stem
        length = read_number(entry, "length", 1)
    else:
        name, pictures = _read_pictures(entry)
        name, length = composed(name), len(pictures)
    if expected_name not in (None, name):
        raise InputError(f"is video {shorten(name)}, but the file is in the folder of video {expected_name}")
    if not is_plain_name(name) or not is_plain_name(file or name):
        before = " before predicting" if expected_name else ""
        allowed = f"printable, without / and \\\\, at most {LONGEST_NAME} bytes, no dot at the start"
        raise InputError(f"{shorten(name)} is not a plain video name ({allowed}); rename the video{before}")
    return _VideoEntry(name, size, length, pictures, file=file)


def _read_pictures(entry: Entry) -> tuple[str, tuple[str, ...]]:
    """The folder and the names of the pictures in `file_names`."""
    files = read_field(entry, "file_names", list)
    pairs: list[Sequence[str]] = [file.split("/") if isinstance(file, str) else () for file in files]
    wrong = next((i for i, pair in enumerate(pairs) if len(pair) != 2 or not all(map(_is_file_name, pair))), None)
    if wrong is not None:
        raise InputError(f"file_names[{wrong}] is {shorten(files[wrong])}; expected '<video>/<picture>'")
    pictures = tuple(pair[1] for pair in pairs)
    if len({pair[0] for pair in pairs}) != 1 or len(set(pictures)) < len(pictures):
        raise InputError("file_names must be one or more different pictures in the same folder")
    if entry.get("length") not in (None, len(pictures)):
        raise InputError(f"length is {shorten(entry['length'])}, but there are {plural(len(pictures), 'file_name')}")
    return pairs[0][0], pictures


def _is_file_name(text: str) -> bool:
    return text not in ("", ".", "..") and text.isprintable()
