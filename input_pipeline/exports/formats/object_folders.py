"""Reads masks of SAM 2 with a folder for each object: <video>/<object>/<frame>.png, as --per_obj_png_file writes them.

SA-V has the same layout, and so have videos that are called 001, 002 and show one object each: nothing in the files
tells them apart. Masks may overlap; SAM 2 joins them with the lowest number on top.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Bool

from input_pipeline.exports import drawing
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.picture_names import group_pictures, name_of
from input_pipeline.exports.formats.doers import Doers
from input_pipeline.exports.formats.mask_formats import find_pngs
from input_pipeline.exports.formats.png_masks import decode_numbers
from input_pipeline.exports.labelled import Export, LabelledVideo, ReadOptions, Shape, Size
from input_pipeline.exports.splits import split_of
from input_pipeline.exports.tracks import TrackBuilder
from ssa2d_jax.utils.errors import InputError

TOOL = "PNGs in a folder for each object, as of SAM 2"
_NAME = re.compile(r"(?:(?P<video>.+)/)?(?P<object>\d{3})/(?P<frame>[^/]+)")
Mask = Bool[np.ndarray, "H W"]


def find_objects(archive: Archive) -> list[str]:
    """The PNGs, if their folders may be objects: all are called by three digits, and no PNG holds several objects."""
    return list(_split_names(archive))


def _split_names(archive: Archive) -> dict[str, tuple[str, int]]:
    """The picture of the frame, <video>/<frame>, and the object's number of every PNG."""
    files = find_pngs(archive)
    names = {name: _NAME.fullmatch(name) for name in files}
    if not all(names.values()) or any(_has_several(archive, name) for name in files):
        return {}
    split = {name: (found["video"], found["frame"], int(found["object"])) for name, found in names.items() if found}
    return {name: (f"{video}/{frame}" if video else frame, number) for name, (video, frame, number) in split.items()}


def _has_several(archive: Archive, name: str) -> bool:
    try:
        values = np.unique(decode_numbers(archive.read(name)))
    except InputError as error:
        raise InputError(f"{archive.place(name)}: {error}") from error
    return bool((values > 0).sum() > 1)


def read_objects(archive: Archive, options: ReadOptions) -> Export:
    """Reads the PNGs, and who does what from the table that the user names."""
    doers, names = Doers(options), _split_names(archive)
    groups = group_pictures([picture for picture, _ in names.values()], str(archive.path), name_of(archive.path))
    of_picture: dict[str, dict[int, str]] = {}
    for name, (picture, number) in names.items():
        of_picture.setdefault(picture, {})[number] = name
    videos = []
    for video, pictures in groups.items():
        masks = {frame: of_picture[picture] for frame, picture in pictures.items()}
        stems = {frame: str(PurePosixPath(picture).with_suffix("")) for frame, picture in pictures.items()}
        labelled = _read_video(archive, video, masks, doers)
        videos.append(dataclasses.replace(labelled, pictures=stems, label_files=tuple(names)))
    remark = "where objects overlap, the one with the lower number is on top, as SAM 2 joins them"
    return doers.export(str(archive.path), TOOL, videos, [remark])


def _read_video(archive: Archive, video: str, masks: Mapping[int, Mapping[int, str]], doers: Doers) -> LabelledVideo:
    """Reads the PNGs of a video, by frame and object."""
    tracks, empty, sizes = TrackBuilder(), [], set[Size]()
    for frame, of_object in masks.items():
        shown = 0
        for number, name in of_object.items():
            mask = _read_mask(archive, name)
            sizes.add((mask.shape[0], mask.shape[1]))
            if mask.any():
                actor, action = doers.find(video, frame, number)
                tracks.add(frame, actor, Shape(functools.partial(_draw, archive, name), action, (-number,)), number)
                shown += 1
        empty += [frame] if not shown else []
    if len(sizes) > 1:
        raise InputError(f"{archive.path}: the PNGs of {video} have several sizes")
    split = split_of(next(iter(masks[min(masks)].values())))
    return LabelledVideo(video, str(archive.path), tracks.tracks(), sizes.pop(), empty=empty, split=split)


def _read_mask(archive: Archive, name: str) -> Mask:
    try:
        return decode_numbers(archive.read(name)) > 0
    except InputError as error:
        raise InputError(f"{archive.place(name)}: {error}") from error


def _draw(archive: Archive, name: str, size: Size) -> Mask:
    return drawing.draw_whole(_read_mask(archive, name), size)
