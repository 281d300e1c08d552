"""Reads a release in VidOR's layout: JSON annotations of boxes and relations, as regions of labelled frames."""

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Int64

from input_pipeline.releases.json_fields import Entry, error_place, read_field, read_json, shorten
from input_pipeline.releases.regions import Regions
from ssa2d_jax.data.vidor_classes import ACTIONS, OBJECTS, SPATIAL, SPLIT_FOLDERS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_clutter
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.reader import MAX_PIXELS

_MAX_FRAMES = 1_000_000

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom are outside the box


@dataclasses.dataclass(frozen=True)
class Relation:
    """`subject` (a tid) does `predicate` (index into the predicates) in frames `begin` to `end` - 1, from 0."""

    subject: int
    predicate: int
    begin: int
    end: int


@dataclasses.dataclass(frozen=True)
class Annotation:
    """The annotation of one video.

    Attributes:
        video_id: Name of the video.
        video: Its file.
        size: Height and width.
        objects: Object class by tid, from 1; 0 is the background.
        boxes: For every frame, box by tid in the order of the file; a later box covers an earlier one.
        relations: Who does what when.
    """

    video_id: str
    video: Path
    size: tuple[int, int]
    objects: Mapping[int, int]
    boxes: Sequence[Mapping[int, Box]]
    relations: Sequence[Relation]


def predicates(spatial: bool) -> tuple[str, ...]:
    """The 42 actions and, if `spatial`, the 8 spatial predicates after them."""
    return ACTIONS + (SPATIAL if spatial else ())


def annotation_files(root: Path, split: str) -> list[Path]:
    """The annotation files of a split, sorted. Raises InputError if `root` is not in VidOR's layout."""
    folder = root / "annotation" / SPLIT_FOLDERS[split]
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; config.data.root must be a release in VidOR's layout")
    files = sorted(path for path in folder.glob("*/*.json") if not is_clutter(path.name))
    if not files:
        raise InputError(f"{folder}: contains no annotation (<4 digits>/<video id>.json)")
    return files


def fingerprint(root: Path) -> str:
    """Eight hex digits that change with name or size of an annotation or video."""
    digest = hashlib.sha256()
    for pattern in ("annotation/*/*/*.json", "video/*/*"):
        for path in sorted(root.glob(pattern)):
            digest.update(f"{path.relative_to(root).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()[:8]


def read_annotation(path: Path, root: Path, *, spatial: bool = False) -> Annotation:
    """Reads the annotation in `path` of the release in `root`.

    Relations with a spatial predicate are left out unless `spatial`. Relations are cut after the last frame and boxes
    at the border of the frame; what is wholly outside is left out.

    Raises:
        InputError: The annotation cannot be used; the message names file and place.
    """
    entry = read_json(path)
    with error_place(str(path)):
        if not isinstance(entry, dict):
            raise InputError(f"expected an object with the annotation of a video, found a {type(entry).__name__}")
        return _read_annotation(path, root, entry, predicates(spatial))


def _read_annotation(path: Path, root: Path, entry: Entry, names: Sequence[str]) -> Annotation:
    count, height, width = (read_field(entry, key, int) for key in ("frame_count", "height", "width"))
    if not (0 < count <= _MAX_FRAMES and height > 0 and width > 0 and height * width <= MAX_PIXELS):
        raise InputError(
            f"has {plural(count, 'frame')} of {width}x{height}; allowed: 1 to {_MAX_FRAMES} frames of at most "
            f"{MAX_PIXELS} pixels"
        )
    objects = _read_objects(read_field(entry, "subject/objects", list))
    trajectories = read_field(entry, "trajectories", list)
    if len(trajectories) != count:
        raise InputError(f"frame_count is {count}, but trajectories has {plural(len(trajectories), 'frame')}")
    boxes = []
    for number, frame in enumerate(trajectories):
        with error_place(f"trajectories, frame {number}"):
            boxes.append(_read_boxes(frame, objects, (height, width)))
    relations = []
    for number, item in enumerate(read_field(entry, "relation_instances", list)):
        with error_place(f"relation_instances {number}"):
            relation = _read_relation(item, objects, count, names)
            relations += [relation] if relation else []
    video_id = read_field(entry, "video_id", str)
    if not re.fullmatch(r"[\w\-]+", video_id):
        raise InputError(f"video_id is {video_id!r}, which is not a plain name")
    video = _video_path(root, entry.get("video_path", f"{path.parent.name}/{video_id}.mp4"))
    return Annotation(video_id, video, (height, width), objects, boxes, relations)


def regions(annotation: Annotation, frame: int, actions: int) -> Regions:
    """The regions of a labelled frame: every box is filled, and overlaps of boxes are regions of their own.

    The actor of a region is its last box. Its actions are those that the object of any of its boxes does in this frame.
    Pixels outside all boxes are background.

    Args:
        annotation: The annotation of the video.
        frame: Frame number from 0.
        actions: Number of predicates.
    """
    doing: dict[int, set[int]] = {}
    for relation in annotation.relations:
        if relation.begin <= frame < relation.end:
            doing.setdefault(relation.subject, set()).add(relation.predicate)
    region_map = np.zeros(annotation.size, np.int32)
    members: list[tuple[int, ...]] = [()]  # tids of every region so far
    for tid, (left, top, right, bottom) in annotation.boxes[frame].items():
        inside = region_map[top:bottom, left:right]
        below, place = _renumber(inside)
        inside[...] = len(members) + place
        members += [(*members[region], tid) for region in below]
    remaining, region_map = _renumber(region_map)
    tids = [members[region] for region in remaining if region]
    table = np.zeros((len(tids), actions), bool)
    for row, tids_of_region in enumerate(tids):
        table[row, sorted(set[int]().union(*(doing.get(tid, ()) for tid in tids_of_region)))] = True
    region_map = region_map + (0 if remaining[0] == 0 else 1)
    actor = np.array([annotation.objects[tids_of_region[-1]] for tids_of_region in tids], np.int64)
    zeros = np.zeros(len(tids), np.int64)
    return Regions(region_map.astype(np.uint16), actor, table, zeros.astype(bool), zeros)


def _renumber(values: Int[np.ndarray, "h w"]) -> tuple[Int64[np.ndarray, " N"], Int[np.ndarray, "h w"]]:
    """The different values of a map of small whole numbers, ascending, and the map of their places in that list.

    np.unique does the same, but it sorts all pixels, which would take most of the time.
    """
    different = np.flatnonzero(np.bincount(values.ravel()))
    places = np.zeros(different[-1] + 1, np.int32)
    places[different] = np.arange(len(different))
    return different, places[values]


def _read_objects(items: Sequence[Any]) -> dict[int, int]:
    objects: dict[int, int] = {}
    for i, item in enumerate(items):
        with error_place(f"subject/objects {i}"):
            if not isinstance(item, dict):
                raise InputError("expected an object with tid and category")
            tid, category = read_field(item, "tid", int), read_field(item, "category", str)
            if category not in OBJECTS:
                raise InputError(f"unknown category {category!r}")
            if tid in objects:
                raise InputError(f"tid {tid} is listed twice")
            objects[tid] = 1 + OBJECTS.index(category)
    return objects


def _read_boxes(items: object, objects: Mapping[int, int], size: tuple[int, int]) -> dict[int, Box]:
    """The boxes of a frame, cut at its border."""
    boxes: dict[int, Box] = {}
    if not isinstance(items, list):
        raise InputError("expected a list of boxes")
    for item in items:
        if not isinstance(item, dict):
            raise InputError("expected an object with tid and bbox")
        tid, box = read_field(item, "tid", int), read_field(item, "bbox", dict)
        if tid not in objects:
            raise InputError(f"tid {tid} is not in subject/objects")
        if tid in boxes:
            raise InputError(f"tid {tid} has two boxes")
        left, top, right, bottom = (read_field(box, key, int) for key in ("xmin", "ymin", "xmax", "ymax"))
        if left > right or top > bottom:
            raise InputError(f"tid {tid} has a box from ({left}, {top}) back to ({right}, {bottom})")
        cut = max(left, 0), max(top, 0), min(right, size[1]), min(bottom, size[0])
        if cut[0] < cut[2] and cut[1] < cut[3]:
            boxes[tid] = cut
    return boxes


def _read_relation(item: object, objects: Mapping[int, int], count: int, names: Sequence[str]) -> Relation | None:
    """A relation; None if its predicate is not in `names` or it begins after the last of `count` frames."""
    if not isinstance(item, dict):
        raise InputError("expected an object")
    predicate = read_field(item, "predicate", str)
    if predicate not in ACTIONS + SPATIAL:
        raise InputError(f"unknown predicate {predicate!r}")
    subject, other, begin, end = (
        read_field(item, key, int) for key in ("subject_tid", "object_tid", "begin_fid", "end_fid")
    )
    for tid in (subject, other):
        if tid not in objects:
            raise InputError(f"tid {tid} is not in subject/objects")
    if not 0 <= begin < end:
        raise InputError(f"begin_fid is {begin} and end_fid is {end}; expected 0 <= begin_fid < end_fid")
    if predicate not in names or begin >= count:
        return None
    return Relation(subject, names.index(predicate), begin, min(end, count))


def _video_path(root: Path, name: object) -> Path:
    """The file of a video. Raises InputError if it would be outside the release."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise InputError(f"video_path is {shorten(name)}; expected a text")
    try:
        folder = (root / "video").resolve()
        video = (folder / name).resolve()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (folder / name).stat()  # from Python 3.13 on, resolving a link to itself is no error
    except (OSError, ValueError, RuntimeError) as error:  # a text that cannot be a file name; a link to itself
        raise InputError(f"video_path {shorten(name)} names no file ({type(error).__name__})") from error
    if not video.is_relative_to(folder):
        raise InputError(f"video_path {name!r} leads out of {root / 'video'}")
    return video
