"""Reads YouTube-VIS's JSON with an action on each annotation, and the tracks.json that predict writes.

    videos       id, height, width, and `file_names`, ["<video>/00000.jpg", ...], or `file_name` and `length`
    categories   id, name: the actors
    annotations  id, video_id, category_id, `segmentations`, run lengths or null for every frame; `iscrowd`
                 `action`: a text, or one (or null) for every frame
                 `actions`, in place of it: [{"action", "first", "last"}, ...]
                 `frames`: numbers of the frames that the lists are of, where these are not all

Frames are counted from 0. Masks are drawn in the file's order, a later one over an earlier. Crowds, and frames at which
`action` is null, count nowhere. A frame that no annotation has a mask for is not labelled. An instance does one action
at a time, so that tracks.json of a run with several actions a pixel, whose actions overlap, is refused; so are videos
whose names have more than letters, digits, -, _, spaces and single dots.
"""

import dataclasses
import itertools
import json
import reprlib
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.releases import coco_rle
from input_pipeline.releases.a2d import is_plain_name
from input_pipeline.releases.folder_table import CLASS_NAME, Row, clashes, is_class_name
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.reader import MAX_PIXELS

Entry = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Shot:
    """A labelled frame: where it is told of, its number and picture (None: of a video file), and its masks.

    masks   (instance number or IGNORE, which annotation, its run lengths), in the order of drawing
    """

    place: str
    number: int
    picture: str | None
    size: tuple[int, int]
    masks: tuple[tuple[int, str, Any], ...]

    def __str__(self) -> str:
        return self.place

    def drawn(self) -> np.ndarray:
        """Instance numbers int64 [H, W], IGNORE where nothing counts; InputError names annotation and frame."""
        instances = np.zeros(self.size, np.int64)
        for number, annotation, told in self.masks:
            try:
                instances[coco_rle.decode(told, self.size)] = number
            except InputError as error:
                raise InputError(f"{self}: {annotation}: {error}") from error
        return instances


@dataclasses.dataclass(frozen=True)
class Video:
    """A video: its labelled frames in order, what its instances do, and what they are called, by number."""

    shots: tuple[Shot, ...]
    rows: tuple[Row, ...]
    names: dict[int, str]
    has_pictures: bool


def read(path: Path, name: str | None = None) -> dict[str, Video]:
    """The videos that a JSON file tells of, by name; `name`: it has to be of that one alone.

    InputError or Problems for whatever can't be used. Masks are not read before they are drawn.
    """
    reader = _Reader(path, name)
    videos = reader.videos()
    if reader.problems:
        raise Problems(*reader.problems)
    return videos


@dataclasses.dataclass
class _Told:
    """A video's own entry, and what is gathered of its annotations."""

    name: str
    size: tuple[int, int]
    length: int
    pictures: tuple[str, ...] | None
    masks: dict[int, list[tuple[int, str, Any]]] = dataclasses.field(default_factory=dict)
    rows: list[Row] = dataclasses.field(default_factory=list)
    names: dict[int, str] = dataclasses.field(default_factory=dict)


class _Reader:
    def __init__(self, path: Path, name: str | None):
        self.path, self.name, self.problems = path, name, []
        try:
            self.saved = json.loads(path.read_text(encoding="utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: not a JSON file in UTF-8 ({error})") from error
        for key in ("videos", "annotations", "categories"):
            if not isinstance(self.saved, dict) or not isinstance(self.saved.get(key), list):
                raise InputError(f"{path}: has no list {key!r}; needed are videos, annotations and categories")

    def videos(self) -> dict[str, Video]:
        """All of the file; `problems` has what is wrong."""
        videos = {key: self._parsed(self._video, *entry) for key, entry in self._entries("videos").items()}
        categories = {key: entry for key, (_, entry) in self._entries("categories").items()}
        for place, entry in self._entries("annotations").values():
            self._parsed(self._annotation, place, entry, videos, categories)
        found: dict[str, Video] = {}
        for one in videos.values():
            if one and one.name in found:
                self.problems.append(f"{self.path}: video {one.name} is there twice")
            elif one:
                found[one.name] = Video(self._shots(one), tuple(one.rows), one.names, one.pictures is not None)
        return found

    def _parsed(self, parse: Any, place: str, *args: Any) -> Any:
        try:
            return parse(place, *args)
        except InputError as error:
            self.problems.append(f"{self.path}: {place}: {error}")
            return None

    def _entries(self, key: str) -> dict[int, tuple[str, Entry]]:
        """id -> (what to call it, the entry)."""
        found: dict[int, tuple[str, Entry]] = {}
        for i, entry in enumerate(self.saved[key]):
            place = f"{key}[{i}]"
            if not isinstance(entry, dict) or type(entry.get("id")) is not int:
                self.problems.append(f"{self.path}: {place}: has no id, a whole number")
            elif entry["id"] in found:
                self.problems.append(f"{self.path}: {place}: its id {entry['id']} is that of another one, too")
            else:
                found[entry["id"]] = f"{place} (id {entry['id']})", entry
        return found

    def _video(self, place: str, entry: Entry) -> _Told:
        size = _whole(entry, "height", 1), _whole(entry, "width", 1)
        if size[0] * size[1] > MAX_PIXELS:
            raise InputError(f"{size[1]}x{size[0]} pixels; at most {MAX_PIXELS} are read")
        files = entry.get("file_names")
        if files is None:
            file = _typed(entry, "file_name", str, 'or file_names, ["<video>/<picture>", ...]')
            name = file if "/" in file or file == self.name else Path(file).stem
            pictures, length = None, _whole(entry, "length", 1)
        else:
            pairs = [one.split("/") if isinstance(one, str) else () for one in _typed(entry, "file_names", list)]
            wrong = next((i for i, pair in enumerate(pairs) if len(pair) != 2 or not all(map(_is_name, pair))), None)
            if wrong is not None:
                raise InputError(f"file_names[{wrong}] is {_short(files[wrong])}; needed is '<video>/<picture>'")
            name, pictures = pairs[0][0] if pairs else "", tuple(pair[1] for pair in pairs)
            length = len(pictures)
            if len({pair[0] for pair in pairs}) != 1 or len(set(pictures)) < length:
                raise InputError("file_names are not different pictures, one or more, of one folder")
            if entry.get("length", length) != length:
                raise InputError(f"length is {_short(entry['length'])}, but there are {plural(length, 'file_name')}")
        if self.name not in (None, name):
            raise InputError(f"is of {_short(name)}, but lies in the folder of {self.name}")
        if not is_plain_name(name):
            told = f"{_short(name)} is not a plain video name (letters, digits, -, _, space, single dots)"
            raise InputError(told + "; rename the video" + (" before predicting" if self.name else ""))
        return _Told(name, size, length, pictures)

    def _annotation(
        self, place: str, entry: Entry, videos: dict[int, _Told | None], categories: dict[int, Entry]
    ) -> None:
        key = _whole(entry, "video_id")
        if key not in videos:
            raise InputError(f"video_id is {key}, which is no video's")
        video = videos[key]
        if video is None:
            return  # whose own entry is told of
        crowd = entry.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise InputError(f"iscrowd is {_short(crowd)}, allowed: 0 or 1")
        actor = self._actor(entry, categories)
        frames, masks = self._masks(entry, video)
        doing, silent = ([], set()) if crowd else _doing(entry, frames, video.length)
        number = len(video.names) + 1
        number += number >= IGNORE
        annotation = f"annotation {entry['id']}, {actor}"
        video.names[number] = annotation
        place = f"{self.path}: {place}"
        rows = [
            Row(f"{place}, actions[{i}]" if "actions" in entry else place, video.name, number, actor, *one)
            for i, one in enumerate(doing)
        ]
        self.problems += clashes(rows)
        video.rows += rows
        for frame, mask in zip(frames, masks, strict=True):
            if mask is not None:
                drawn = IGNORE if crowd or frame in silent else number
                video.masks.setdefault(frame, []).append((drawn, annotation, mask))

    def _actor(self, entry: Entry, categories: dict[int, Entry]) -> str:
        key = _whole(entry, "category_id")
        if key not in categories:
            raise InputError(
                f"category_id is {key}, which is no category's; a new one needs an entry in categories, too"
            )
        name = categories[key].get("name")
        if not isinstance(name, str) or not is_class_name(name):
            raise InputError(f"the name of its category {key} is {_short(name)}; {CLASS_NAME}")
        if entry.get("category", name) != name:
            raise InputError(f"category is {_short(entry['category'])}, but category_id {key} is {name!r}")
        return name

    def _masks(self, entry: Entry, video: _Told) -> tuple[list[int], list[Any]]:
        """Frame numbers, and for each its run lengths or None."""
        masks = _typed(entry, "segmentations", list)
        if "frames" not in entry:
            if len(masks) != video.length:
                length = plural(video.length, "frame")
                raise InputError(f"{plural(len(masks), 'segmentation')}, but video {video.name} has {length}")
            return list(range(video.length)), masks
        frames = _typed(entry, "frames", list)
        fits = all(type(n) is int and 0 <= n < video.length for n in frames)
        if not fits or any(one >= other for one, other in itertools.pairwise(frames)):
            raise InputError(f"frames are not ascending numbers from 0 to {video.length - 1}")
        if len(masks) != len(frames):
            raise InputError(f"{plural(len(masks), 'segmentation')}, but {plural(len(frames), 'frame')}")
        return frames, masks

    def _shots(self, one: _Told) -> tuple[Shot, ...]:
        shots = []
        for number in sorted(one.masks):
            picture = one.pictures[number] if one.pictures else None
            place = f"{self.path}: {one.name}, frame {number}" + (f" ({picture})" if picture else "")
            shots.append(Shot(place, number, picture, one.size, tuple(one.masks[number])))
        return tuple(shots)


def _doing(entry: Entry, frames: list[int], length: int) -> tuple[list[tuple[str, int, int]], set[int]]:
    """What an annotation does, (action, first frame, last frame), and the frames that have null for an action."""
    if "action" in entry and "actions" in entry:
        raise InputError("has action and actions; give one of them")
    if "actions" in entry:
        segments = _typed(entry, "actions", list)
        return [_segment(i, one, length) for i, one in enumerate(segments)], set()
    action = entry.get("action")
    if isinstance(action, list):
        if len(action) != len(frames):
            raise InputError(f"{plural(len(action), 'action')}, but {plural(len(frames), 'segmentation')}")
        doing = [_action(f"action[{i}]", one) for i, one in enumerate(action)]
        masks = zip(frames, doing, entry["segmentations"], strict=True)
        shown = [(frame, one) for frame, one, mask in masks if mask is not None]
        runs = [list(run) for action, run in itertools.groupby(shown, lambda pair: pair[1]) if action is not None]
        return [(run[0][1], run[0][0], run[-1][0]) for run in runs], {frame for frame, one in shown if one is None}
    if action is None:
        raise InputError("action is missing; needed is a text, or a list with a text or null for every frame")
    return [(_action("action", action), 0, length - 1)], set()


def _action(place: str, action: Any) -> str | None:
    if action is not None and not (isinstance(action, str) and is_class_name(action)):
        raise InputError(f"{place} is {_short(action)}; {CLASS_NAME}")
    return action


def _segment(i: int, one: Any, length: int) -> tuple[str, int, int]:
    first, last = (one.get("first"), one.get("last")) if isinstance(one, dict) else (None, None)
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < length:
        told = f'needed is {{"action", "first", "last"}} with frames from 0 to {length - 1}'
        raise InputError(f"actions[{i}] is {_short(one)}; {told}")
    if one.get("action") is None:
        raise InputError(f"actions[{i}] has no action")
    return _action(f"actions[{i}]", one["action"]), first, last


def _whole(entry: Entry, key: str, least: int | None = None) -> int:
    value = entry.get(key)
    if type(value) is not int or (least is not None and not least <= value < 1 << 31):
        needed = "a whole number" + ("" if least is None else f" from {least} up")
        raise InputError(f"{key} is {_told(entry, key)}; {needed} is needed")
    return value


def _typed(entry: Entry, key: str, kind: type, more: str = "") -> Any:
    if not isinstance(entry.get(key), kind):
        needed = {str: "a text", list: "a list"}[kind] + (f", {more}," if more else "")
        raise InputError(f"{key} is {_told(entry, key)}; {needed} is needed")
    return entry[key]


def _is_name(text: str) -> bool:
    return text not in ("", ".", "..") and text.isprintable()


def _told(entry: Entry, key: str) -> str:
    return _short(entry[key]) if key in entry else "missing"


def _short(value: Any) -> str:
    return reprlib.repr(value)
