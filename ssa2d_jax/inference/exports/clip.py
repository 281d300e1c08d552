"""The tracks of a video as the exports read them: from a tracks.json, one track at a time."""

import bisect
import collections
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco

from ssa2d_jax.data import run_lengths
from ssa2d_jax.data.box import Box
from ssa2d_jax.inference.tracks import RunLengths
from ssa2d_jax.utils.errors import InputError

_FIRST_LINE = b'{"annotations": [\n'  # of a tracks.json as `TrackFiles` writes it: then a line for each track
_LAST_LINE = b"], "
_MOST_FRAMES = 1 << 24  # a week
_MOST_PIXELS, _MOST = 1 << 28, (1 << 31) - 1


@dataclasses.dataclass(frozen=True)
class ClipTrack:
    """A track. `frames`, `masks`, `boxes`, `areas` and `actions` have an entry for each frame that shows it.

    Attributes:
        number: of the track.
        actor: the name of its class.
        score: mean probability of the actor class, 0 to 1.
        frames: numbers from 0, ascending.
        masks: of the whole frame.
        boxes: x, y, width, height in pixels, the smallest that hold the masks.
        areas: in pixels.
        actions: the names of what it does; several only in multi-label clips.
    """

    number: int
    actor: str
    score: float
    frames: Sequence[int]
    masks: Sequence[RunLengths]
    boxes: Sequence[Box]
    areas: Sequence[int]
    actions: Sequence[tuple[str, ...]]

    def crop(self, i: int) -> Bool[np.ndarray, "height width"]:
        """The mask in the `i`-th of the track's frames, inside its box."""
        x, y, width, height = self.boxes[i]
        whole = coco.decode(self.masks[i])  # type: ignore[arg-type]  # the stubs want a private type
        return whole[y : y + height, x : x + width].astype(bool)


class _Entry(NamedTuple):
    """Where an entry of `annotations` is: the number of its first byte in the file, or the entry itself."""

    first: int  # its first frame
    place: str
    content: int | dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Clip:
    """A video with its tracks in a file, which are read when they are needed.

    Attributes:
        tracks_json: the file.
        name: of the video file, or of the folder of its pictures.
        height, width: of the frames, in pixels.
        length: the number of frames.
        actors, actions: names of the classes, without the background.
        multilabel: whether a track may do several actions at once.
        entries: where the tracks are in the file.
        pictures: the files of the frames, if the video is a folder of pictures.
    """

    tracks_json: Path
    name: str
    height: int
    width: int
    length: int
    actors: tuple[str, ...]
    actions: tuple[str, ...]
    multilabel: bool
    entries: tuple[_Entry, ...]
    pictures: tuple[Path, ...] | None = None

    def __iter__(self) -> Iterator[ClipTrack]:
        """Yields the tracks in the order of the file; only one is in memory."""
        with _open(self.tracks_json) as file:
            yield from (self._read(file, entry) for entry in self.entries)

    def by_frame(self, step: int = 1) -> Iterator[tuple[int, list[tuple[ClipTrack, int]]]]:
        """Yields every `step`-th frame with the tracks that it shows, each with its place in the track's lists.

        They are in the order of the file, in which the later one covers the earlier. In memory are the tracks that have
        begun and not yet ended.
        """
        waiting = collections.deque(sorted(enumerate(self.entries), key=lambda entry: entry[1].first))
        present: list[tuple[int, ClipTrack, int]] = []
        with _open(self.tracks_json) as file:
            for frame in range(0, self.length, step):
                while waiting and waiting[0][1].first <= frame:
                    place, entry = waiting.popleft()
                    present.append((place, self._read(file, entry), 0))
                present = [
                    (place, track, bisect.bisect_left(track.frames, frame, start))
                    for place, track, start in sorted(present, key=lambda entry: entry[0])
                    if track.frames[-1] >= frame
                ]
                yield frame, [(track, i) for _, track, i in present if track.frames[i] == frame]

    def picture_name(self, frame: int) -> str:
        """The name of a frame's picture without its suffix: that of its file, or "frame_000012" as CVAT names it."""
        return self.pictures[frame].stem if self.pictures else f"frame_{frame:06d}"

    def _read(self, file: BinaryIO, entry: _Entry) -> ClipTrack:
        content = entry.content
        if isinstance(content, int):
            file.seek(content)
            content = _parse_line(self.tracks_json, file.readline())
        return _read_track(self.tracks_json, entry.place, content, (self.height, self.width, self.length))


def read_clip(tracks_json: Path, pictures: Sequence[Path] | None = None) -> Clip:
    """Reads what a tracks.json says about its video and its classes, and checks its tracks.

    A file of an older version does not list the actions; then they are those that occur.

    Args:
        tracks_json: the file, as `predict` wrote it or corrected by hand.
        pictures: the files of the frames, if the video is a folder of pictures.

    Raises:
        InputError: it is no tracks.json of one video, or `pictures` are not as many as the video's frames.
    """
    entries, rest = _index(tracks_json)
    try:
        (video,) = rest["videos"]
        height, width = (_number(video[key], 1, _MOST) for key in ("height", "width"))
        length = _number(video["length"], 1, _MOST_FRAMES)
        actors = tuple(_text(category["name"]) for category in rest["categories"])
        listed = tuple(_text(action) for action in rest.get("actions", ()))
        name = _text(video["file_name"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        expected = "one video with file_name, height, width and length, and categories with names"
        raise InputError(f"{tracks_json}: not the tracks.json of a video; expected {expected}") from error
    if height * width > _MOST_PIXELS:
        raise InputError(f"{tracks_json}: {width}x{height} pixels are too many; at most {_MOST_PIXELS} are allowed")
    if pictures is not None and len(pictures) != length:
        raise InputError(f"{tracks_json}: has {length} frames, but the folder has {len(pictures)} pictures")
    checked, actions, several = list[_Entry](), dict.fromkeys(listed), rest.get("multilabel") is True
    files, numbers = tuple(pictures) if pictures else None, set[int]()
    clip = Clip(tracks_json, name, height, width, length, actors, (), False, tuple(entries), files)
    for entry, track in zip(entries, clip, strict=True):
        if track.actor not in actors:
            raise InputError(f"{tracks_json}: {entry.place}: category {track.actor!r} is not among the categories")
        if track.number in numbers:
            raise InputError(f"{tracks_json}: {entry.place}: another track has the id {track.number}, too")
        numbers.add(track.number)
        actions.update(dict.fromkeys(action for names in track.actions for action in names))
        several |= any(len(names) > 1 for names in track.actions)
        if track.frames:
            checked.append(entry._replace(first=track.frames[0]))
    return dataclasses.replace(clip, actions=tuple(actions), multilabel=several, entries=tuple(checked))


def _index(path: Path) -> tuple[list[_Entry], Mapping[str, Any]]:
    """Where the entries of `annotations` are, and what else the file says."""
    with _open(path) as file:
        if file.readline() != _FIRST_LINE:
            file.seek(0)
            content = _parse(path, file.read())
            if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
                raise InputError(f"{path}: has no list 'annotations'; a tracks.json is expected")
            return [_Entry(0, f"annotations[{i}]", item) for i, item in enumerate(content["annotations"])], content
        entries: list[_Entry] = []
        start = file.tell()
        while line := file.readline():
            if line.startswith(_LAST_LINE):
                content = _parse(path, b"{" + line.removeprefix(_LAST_LINE))
                return entries, content if isinstance(content, dict) else {}
            if line.strip():
                entries.append(_Entry(0, f"line {len(entries) + 2}", start))
            start = file.tell()
    raise InputError(f"{path}: breaks off before its end")


def _open(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error


def _parse(path: Path, text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON in UTF-8 ({error})") from error


def _parse_line(path: Path, line: bytes) -> Any:
    return _parse(path, line.rstrip().rstrip(b","))


def _read_track(path: Path, place: str, entry: Any, size: tuple[int, int, int]) -> ClipTrack:
    """An entry of `annotations`; `size` is the video's height, width and length. InputError names the place."""
    try:
        return _track(entry, *size)
    except KeyError as error:
        raise InputError(f"{path}: {place}: has no {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: {place}: {error}") from error


def _track(entry: Any, height: int, width: int, length: int) -> ClipTrack:
    frames = [_number(frame, 0, length - 1) for frame in entry["frames"]]
    if any(first >= second for first, second in itertools.pairwise(frames)):
        raise ValueError("its frames are not ascending")
    masks = [_read_mask(mask, height, width) for mask in entry["segmentations"]]
    if len(masks) != len(frames):
        raise ValueError(f"has {len(masks)} segmentations, but {len(frames)} frames")
    areas = [int(coco.area(mask)) for mask in masks]  # type: ignore[arg-type]
    kept = [i for i, area in enumerate(areas) if area]  # an empty mask is nothing to be drawn
    actions = _frame_actions(entry["actions"], frames, length)
    boxes = [coco.toBbox(masks[i]).astype(int).tolist() for i in kept]  # type: ignore[arg-type]
    return ClipTrack(
        number=_number(entry["id"], 0, _MOST),
        actor=_text(entry["category"]),
        score=_score(entry.get("score", 1.0)),
        frames=[frames[i] for i in kept],
        masks=[masks[i] for i in kept],
        boxes=[(x, y, w, h) for x, y, w, h in boxes],
        areas=[areas[i] for i in kept],
        actions=[actions[i] for i in kept],
    )


def _frame_actions(segments: Any, frames: Sequence[int], length: int) -> list[tuple[str, ...]]:
    """The actions in each of the frames, from entries with first and last frame."""
    names: list[dict[str, None]] = [{} for _ in frames]
    for segment in segments:
        action = _text(segment["action"])
        first, last = (_number(segment[key], 0, length - 1) for key in ("first", "last"))
        for i in range(bisect.bisect_left(frames, first), bisect.bisect_right(frames, last)):
            names[i][action] = None
    return [tuple(actions) for actions in names]


def _read_mask(mask: Any, height: int, width: int) -> RunLengths:
    """Checks run lengths, which pycocotools takes unchecked."""
    if list(mask["size"]) != [height, width]:
        raise ValueError(f"a segmentation has size {mask['size']}, but the video {[height, width]}")
    counts = _text(mask["counts"])
    try:
        run_lengths.check_runs(run_lengths.decompress(counts), (height, width))
    except InputError as error:
        raise ValueError(f"a segmentation: {error}") from error
    return {"size": [height, width], "counts": counts.encode("ascii")}


def _number(value: Any, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError(f"{value!r} is no whole number from {lowest} to {highest}")
    return value


def _score(value: Any) -> float:
    if type(value) not in (int, float) or not -0.01 <= value <= 1.01:  # a mean may be rounded beyond
        raise ValueError(f"score is {value!r}; expected a number from 0 to 1")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value
