"""Reads a release in VidOR's layout: JSON annotations of boxes and relations, into regions of labelled frames."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.releases.regions import Regions
from ssa2d_jax.data.vidor_classes import ACTIONS, OBJECTS, SPATIAL
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import MAX_PIXELS

FOLDERS = {"train": "training", "test": "validation"}  # the official test split has no public boxes
_MAX_FRAMES = 1_000_000
_NUMBER = {int: "a whole number", str: "text", list: "a list", dict: "an object"}

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom are past the box


@dataclasses.dataclass(frozen=True)
class Relation:
    """`subject` (a tid) does `predicate` (index into the predicates) in frames `begin` to `end` - 1, from 0."""

    subject: int
    predicate: int
    begin: int
    end: int


@dataclasses.dataclass(frozen=True)
class Annotation:
    """One video's annotation. `boxes`: for every frame, tid -> box, in the file's order; a later one covers."""

    video_id: str
    video: Path
    size: tuple[int, int]  # height, width
    objects: Mapping[int, int]  # tid -> object class from 1 (0 is the background)
    boxes: Sequence[Mapping[int, Box]]
    relations: Sequence[Relation]


def predicates(spatial: bool) -> tuple[str, ...]:
    """The 42 actions, with `spatial` the 8 spatial predicates after them."""
    return ACTIONS + (SPATIAL if spatial else ())


def annotation_files(release: Path, split: str) -> list[Path]:
    """The annotation files of a split, sorted. InputError when `release` is not in VidOR's layout."""
    folder = release / "annotation" / FOLDERS[split]
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; config.data.root has to be a release in VidOR's layout")
    files = sorted(folder.glob("*/*.json"))
    if not files:
        raise InputError(f"{folder}: holds no annotation (<4 digits>/<video id>.json)")
    return files


def fingerprint(release: Path) -> str:
    """Eight hex digits that change when name or size of an annotation or video does."""
    digest = hashlib.sha256()
    for pattern in ("annotation/*/*/*.json", "video/*/*"):
        for path in sorted(release.glob(pattern)):
            digest.update(f"{path.relative_to(release).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()[:8]


def read_annotation(path: Path, release: Path, *, spatial: bool = False) -> Annotation:
    """The annotation in `path`. InputError names the file and what in it can't be used.

    Relations with a spatial predicate are left out unless `spatial`. A relation that goes past the last frame ends
    with it, one that begins after it is left out; a box that goes over the frame's border is cut there, and left out
    where nothing remains.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON that can be read ({error})") from error
    if not isinstance(whole, dict):
        raise InputError(f"{path}: holds no annotation of a video, but {type(whole).__name__}")
    count, height, width = (_field(path, whole, key, int) for key in ("frame_count", "height", "width"))
    if not (0 < count <= _MAX_FRAMES and height > 0 and width > 0 and height * width <= MAX_PIXELS):
        raise InputError(
            f"{path}: {count} frames of {width}x{height}; allowed are 1 to {_MAX_FRAMES} frames of at most "
            f"{MAX_PIXELS} pixels"
        )
    objects = _objects(path, _field(path, whole, "subject/objects", list))
    trajectories = _field(path, whole, "trajectories", list)
    if len(trajectories) != count:
        raise InputError(f"{path}: frame_count is {count}, but trajectories has {len(trajectories)} frames")
    boxes = [_boxes(path, i, frame, objects, (height, width)) for i, frame in enumerate(trajectories)]
    names = predicates(spatial)
    relations = [
        relation
        for i, one in enumerate(_field(path, whole, "relation_instances", list))
        if (relation := _relation(path, i, one, objects, count, names)) is not None
    ]
    video_id = _field(path, whole, "video_id", str)
    if not re.fullmatch(r"[\w\-]+", video_id):
        raise InputError(f"{path}: video_id is {video_id!r}, not a plain name")
    video = _video(path, release, whole.get("video_path", f"{path.parent.name}/{video_id}.mp4"))
    return Annotation(video_id, video, (height, width), objects, boxes, relations)


def regions(annotation: Annotation, frame: int, actions: int) -> Regions:
    """What labelled frame `frame` (from 0) says: every box filled, overlapping boxes as regions of their own.

    A region's actor is the last of its boxes; its actions, of `actions` predicates, are those that any of its boxes'
    subjects does in this frame. All pixels outside boxes are background.
    """
    doing: dict[int, set[int]] = {}
    for relation in annotation.relations:
        if relation.begin <= frame < relation.end:
            doing.setdefault(relation.subject, set()).add(relation.predicate)
    number = np.zeros(annotation.size, np.int32)
    members: list[tuple[int, ...]] = [()]  # tids of each region so far
    for tid, (left, top, right, bottom) in annotation.boxes[frame].items():
        inside = number[top:bottom, left:right]
        below, place = _renumbered(inside)
        inside[...] = len(members) + place
        members += [(*members[region], tid) for region in below]
    kept, final = _renumbered(number)
    tids = [members[region] for region in kept if region]
    table = np.zeros((len(tids), actions), bool)
    for line, names in enumerate(tids):
        table[line, sorted(set().union(*(doing.get(tid, ()) for tid in names)))] = True
    map_ = final + (0 if kept[0] == 0 else 1)
    actor = np.array([annotation.objects[names[-1]] for names in tids], np.int64)
    nothing = np.zeros(len(tids), np.int64)
    return Regions(map_.astype(np.uint16), actor, table, nothing.astype(bool), nothing)


def _renumbered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values of a map of small whole numbers, ascending, and the map of their places in that list.

    np.unique does the same by sorting all pixels, which takes most of the time there is.
    """
    found = np.flatnonzero(np.bincount(values.ravel()))
    table = np.zeros(found[-1] + 1, np.int32)
    table[found] = np.arange(len(found))
    return found, table[values]


def _field(path: Path, where: Mapping[str, Any], key: str, kind: type, what: str = "") -> Any:
    """`where[key]`, which has to be there and of `kind`."""
    value = where.get(key)
    if key not in where or not isinstance(value, kind) or isinstance(value, bool):
        found = f"is {value!r:.40}" if key in where else "is missing"
        raise InputError(f"{path}: {what}{key} {found}; it has to be {_NUMBER[kind]}")
    return value


def _objects(path: Path, listed: list[Any]) -> dict[int, int]:
    objects: dict[int, int] = {}
    for i, one in enumerate(listed):
        what = f"subject/objects {i}: "
        if not isinstance(one, dict):
            raise InputError(f"{path}: {what}not an object with tid and category")
        tid, category = _field(path, one, "tid", int, what), _field(path, one, "category", str, what)
        if category not in OBJECTS:
            raise InputError(f"{path}: {what}unknown category {category!r}")
        if tid in objects:
            raise InputError(f"{path}: {what}tid {tid} is listed twice")
        objects[tid] = 1 + OBJECTS.index(category)
    return objects


def _boxes(path: Path, number: int, listed: Any, objects: Mapping[int, int], size: tuple[int, int]) -> dict[int, Box]:
    what, boxes = f"trajectories, frame {number}: ", {}
    if not isinstance(listed, list):
        raise InputError(f"{path}: {what}not a list of boxes")
    for one in listed:
        if not isinstance(one, dict):
            raise InputError(f"{path}: {what}not an object with tid and bbox")
        tid, box = _field(path, one, "tid", int, what), _field(path, one, "bbox", dict, what)
        if tid not in objects:
            raise InputError(f"{path}: {what}tid {tid} is not among the subject/objects")
        if tid in boxes:
            raise InputError(f"{path}: {what}tid {tid} has two boxes")
        left, top, right, bottom = (_field(path, box, key, int, what) for key in ("xmin", "ymin", "xmax", "ymax"))
        if left > right or top > bottom:
            raise InputError(f"{path}: {what}tid {tid} has a box from ({left}, {top}) back to ({right}, {bottom})")
        cut = max(left, 0), max(top, 0), min(right, size[1]), min(bottom, size[0])
        if cut[0] < cut[2] and cut[1] < cut[3]:
            boxes[tid] = cut
    return boxes


def _relation(
    path: Path, number: int, one: Any, objects: Mapping[int, int], count: int, names: Sequence[str]
) -> Relation | None:
    """None for a spatial predicate that is not among `names`, and past the last frame."""
    what = f"relation_instances {number}: "
    if not isinstance(one, dict):
        raise InputError(f"{path}: {what}not an object")
    predicate = _field(path, one, "predicate", str, what)
    if predicate not in ACTIONS + SPATIAL:
        raise InputError(f"{path}: {what}unknown predicate {predicate!r}")
    subject, other, begin, end = (
        _field(path, one, key, int, what) for key in ("subject_tid", "object_tid", "begin_fid", "end_fid")
    )
    for tid in (subject, other):
        if tid not in objects:
            raise InputError(f"{path}: {what}tid {tid} is not among the subject/objects")
    if not 0 <= begin < end:
        raise InputError(f"{path}: {what}begin_fid is {begin}, end_fid {end}; needed is 0 <= begin < end")
    if predicate not in names or begin >= count:
        return None
    return Relation(subject, names.index(predicate), begin, min(end, count))


def _video(path: Path, release: Path, named: Any) -> Path:
    if not isinstance(named, str) or not named or "\0" in named:
        raise InputError(f"{path}: video_path is {named!r:.60}; it has to be text")
    try:
        folder = (release / "video").resolve()
        video = (folder / named).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # no text that can name a file; a link that leads to itself
        raise InputError(f"{path}: video_path {named!r:.60} names no file ({type(error).__name__})") from error
    if not video.is_relative_to(folder):
        raise InputError(f"{path}: video_path {named!r} leaves {release / 'video'}")
    return video
