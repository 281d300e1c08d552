"""Reads YouTube-VIS's JSON with an action for every annotation, and the tracks.json that predict writes.

    videos       id, height, width, and `file_names`, ["<video>/00000.jpg", ...], or `file_name` and `length`
    categories   id, name: the actors
    annotations  id, video_id, category_id, `segmentations`, run lengths or null for every frame; `iscrowd`
                 `action`: a text, or a list with a text or null for every frame
                 `actions`, instead of it: [{"action", "first", "last"}, ...]
                 `frames`: the numbers of the frames in the lists, if these are not all frames

Frames are counted from 0. Masks are drawn in the order of the file, a later one over an earlier one. Crowds, and frames
in which `action` is null, are ignored. A frame without any mask is not labelled. An instance does one action at a time:
a tracks.json of a multi-label run, whose actions overlap, is refused. So are videos whose names have other characters
than letters, digits, -, _, spaces and single dots.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from input_pipeline.releases import coco_rle
from input_pipeline.releases.coco_rle import Mask
from input_pipeline.releases.folder_table import CLASS_NAME_RULE, Row, find_conflicts, is_class_name
from input_pipeline.releases.json_fields import Entry, error_place, read_field, read_json, read_number, shorten
from input_pipeline.releases.regions import is_plain_name
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
    """A video: its labelled frames in order, what its instances do, and what messages call them, by number."""

    frames: tuple[LabelledFrame, ...]
    rows: tuple[Row, ...]
    names: Mapping[int, str]
    has_pictures: bool


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


class _Span(NamedTuple):
    action: str
    first: int
    last: int


class _Reader:
    """Reads one file; `problems` collects what is wrong with its parts."""

    def __init__(self, path: Path, name: str | None) -> None:
        self.path, self.name = path, name
        self.problems: list[str] = []
        content = read_json(path)
        self.content: Entry = content if isinstance(content, dict) else {}
        for key in ("videos", "annotations", "categories"):
            if not isinstance(self.content.get(key), list):
                raise InputError(f"{path}: has no list {key!r}; expected videos, annotations and categories")

    def read(self) -> dict[str, Video]:
        """The videos by name."""
        entries: dict[int, _VideoEntry | None] = {}
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
                videos[video.name] = Video(frames, tuple(video.rows), video.names, video.pictures is not None)
        return videos

    @contextlib.contextmanager
    def _collect_problem(self, place: str) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.problems.append(f"{self.path}: {place}: {error}")

    def _entries(self, key: str) -> dict[int, tuple[str, Entry]]:
        """The entries of a list by id, each with its place in the file."""
        entries: dict[int, tuple[str, Entry]] = {}
        for i, entry in enumerate(self.content[key]):
            with self._collect_problem(f"{key}[{i}]"):
                if not isinstance(entry, dict) or type(entry.get("id")) is not int:
                    raise InputError("has no id that is a whole number")
                if entry["id"] in entries:
                    raise InputError(f"another entry has the same id {entry['id']}")
                entries[entry["id"]] = f"{key}[{i}] (id {entry['id']})", entry
        return entries

    def _add_annotation(
        self, place: str, entry: Entry, videos: Mapping[int, _VideoEntry | None], categories: Mapping[int, Entry]
    ) -> None:
        key = read_field(entry, "video_id", int)
        if key not in videos:
            raise InputError(f"video_id is {key}, but no video has that id")
        video = videos[key]
        if video is None:
            return  # its own entry is a problem already
        crowd = entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise InputError(f"iscrowd is {shorten(crowd)}; allowed: 0 or 1")
        actor = _read_actor(entry, categories)
        frames, masks = _read_masks(entry, video)
        spans, without_action = ([], set()) if crowd else _read_actions(entry, frames, video.length)
        code = len(video.names) + 1
        code += code >= IGNORE
        annotation = video.names[code] = f"annotation {entry['id']}, {actor}"
        rows = []
        for i, span in enumerate(spans):
            row_place = f"{self.path}: {place}" + (f", actions[{i}]" if "actions" in entry else "")
            rows.append(Row(row_place, video.name, code, actor, *span))
        self.problems += find_conflicts(rows)
        video.rows += rows
        for frame, mask in zip(frames, masks, strict=True):
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
    pictures = None
    if entry.get("file_names") is None:
        file = read_field(entry, "file_name", str, 'or file_names, ["<video>/<picture>", ...]')
        name = file if "/" in file or file == expected_name else Path(file).stem
        length = read_number(entry, "length", 1)
    else:
        name, pictures = _read_pictures(entry)
        length = len(pictures)
    if expected_name not in (None, name):
        raise InputError(f"is video {shorten(name)}, but the file is in the folder of video {expected_name}")
    if not is_plain_name(name):
        before = " before predicting" if expected_name else ""
        allowed = "letters, digits, -, _, spaces, single dots"
        raise InputError(f"{shorten(name)} is not a plain video name ({allowed}); rename the video{before}")
    return _VideoEntry(name, size, length, pictures)


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
    if entry.get("length", len(pictures)) != len(pictures):
        raise InputError(f"length is {shorten(entry['length'])}, but there are {plural(len(pictures), 'file_name')}")
    return pairs[0][0], pictures


def _read_actor(entry: Entry, categories: Mapping[int, Entry]) -> str:
    key = read_field(entry, "category_id", int)
    if key not in categories:
        raise InputError(f"category_id is {key}, but no category has that id; add it to categories")
    name = categories[key].get("name")
    if not isinstance(name, str) or not is_class_name(name):
        raise InputError(f"the name of its category {key} is {shorten(name)}; {CLASS_NAME_RULE}")
    if entry.get("category", name) != name:
        raise InputError(f"category is {shorten(entry['category'])}, but category_id {key} is {name!r}")
    return name


def _read_masks(entry: Entry, video: _VideoEntry) -> tuple[list[int], list[object]]:
    """Frame numbers, and for each its run lengths or None."""
    masks = read_field(entry, "segmentations", list)
    if "frames" not in entry:
        if len(masks) != video.length:
            length = plural(video.length, "frame")
            raise InputError(f"has {plural(len(masks), 'segmentation')}, but video {video.name} has {length}")
        return list(range(video.length)), masks
    frames = read_field(entry, "frames", list)
    valid = all(type(number) is int and 0 <= number < video.length for number in frames)
    if not valid or any(number >= following for number, following in itertools.pairwise(frames)):
        raise InputError(f"frames must be ascending numbers from 0 to {video.length - 1}")
    if len(masks) != len(frames):
        raise InputError(f"has {plural(len(masks), 'segmentation')}, but {plural(len(frames), 'frame')}")
    return frames, masks


def _read_actions(entry: Entry, frames: list[int], length: int) -> tuple[list[_Span], set[int]]:
    """What an annotation does when, and the frames that have null for an action."""
    if "action" in entry and "actions" in entry:
        raise InputError("has both action and actions; keep one of them")
    if "actions" in entry:
        return [_read_span(i, span, length) for i, span in enumerate(read_field(entry, "actions", list))], set()
    action = entry.get("action")
    if action is None:
        raise InputError("action is missing; expected a text, or a list with a text or null for every frame")
    if not isinstance(action, list):
        return [_Span(_read_action("action", action), 0, length - 1)], set()
    if len(action) != len(frames):
        raise InputError(f"has {plural(len(action), 'action')}, but {plural(len(frames), 'segmentation')}")
    names = [None if name is None else _read_action(f"action[{i}]", name) for i, name in enumerate(action)]
    masks = zip(frames, names, entry["segmentations"], strict=True)
    masked = [(frame, name) for frame, name, mask in masks if mask is not None]
    spans = []
    for name, group in itertools.groupby(masked, lambda pair: pair[1]):
        numbers = [frame for frame, _ in group]
        if name is not None:
            spans.append(_Span(name, numbers[0], numbers[-1]))
    return spans, {frame for frame, name in masked if name is None}


def _read_action(place: str, name: object) -> str:
    if not isinstance(name, str) or not is_class_name(name):
        raise InputError(f"{place} is {shorten(name)}; {CLASS_NAME_RULE}")
    return name


def _read_span(i: int, span: object, length: int) -> _Span:
    first, last, name = (span.get(key) if isinstance(span, dict) else None for key in ("first", "last", "action"))
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < length:
        expected = f'{{"action", "first", "last"}} with frames from 0 to {length - 1}'
        raise InputError(f"actions[{i}] is {shorten(span)}; expected {expected}")
    if name is None:
        raise InputError(f"actions[{i}] has no action")
    return _Span(_read_action(f"actions[{i}]", name), first, last)


def _is_file_name(text: str) -> bool:
    return text not in ("", ".", "..") and text.isprintable()
