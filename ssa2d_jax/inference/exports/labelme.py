"""labelme's JSON, a file for each frame that shows a track."""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from ssa2d_jax.data.export_formats import LABELME_MARK, LABELME_VIDEO, mark_labelme
from ssa2d_jax.inference.exports.clip import Clip, ClipTrack
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.images import encode_jpeg, encode_png
from ssa2d_jax.utils.text import plural

LABELME = "labelme"  # the folder
PICTURE_SUFFIX, _QUALITY = ".jpg", 95
_TOLERANCES = (8, 6, 4, 3, 2, 1.5, 1, 0.7, 0)
_VERSION = "5.4.1"  # of labelme, the first whose masks these are


def write_labelme(clip: Clip, folder: Path, out_folder: Path, options: ExportOptions) -> list[str]:
    """Writes labelme/<picture>.json into `folder`, from where it will go to `out_folder`.

    The label is the actor, `group_id` the track's number; `flags` has every action, true if the track does it.
    `imagePath` is the picture of the frame: of a folder of pictures its own, else a JPEG beside the JSON, which is
    there with `options.pictures`. labelme keeps fields that it doesn't know: one names the video, and one marks a shape
    as a prediction by a checksum, which is right until somebody changes it.
    """
    place = folder / LABELME
    place.mkdir(exist_ok=True)
    names = {path.stem for path in clip.pictures or ()}
    if clip.pictures and len(names) < len(clip.pictures):
        raise InputError(
            f"{clip.name}: labelme: two pictures differ only in their suffix, so that their labels would be one file; "
            "rename them"
        )
    files = poor = covered = 0
    for frame, shown in clip.by_frame(options.step):
        if not shown:
            continue
        name = clip.picture_name(frame)
        picture = f"{name}{PICTURE_SUFFIX}"
        if clip.pictures:
            picture = _relative(clip.pictures[frame], out_folder / LABELME)
        if options.shapes == "polygons":  # they have no holes: what lies in one comes later, and so on top
            shown = sorted(shown, key=lambda entry: entry[0].boxes[entry[1]][2] * entry[0].boxes[entry[1]][3])[::-1]
        shapes = [_shape(clip, track, i, options) for track, i in shown]
        poor += sum(low for _, low in shapes)
        covered += _count_covered(clip, shown, [shape for shape, _ in shapes], options)
        content: dict[str, object] = {
            "version": _VERSION,
            "flags": {},
            "shapes": [shape for shape, _ in shapes],
            "imagePath": picture,
            "imageData": None,
            "imageHeight": clip.height,
            "imageWidth": clip.width,
            LABELME_VIDEO: clip.name,
        }
        (place / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        files += 1
    remarks = [plural(files, "file")]
    if poor:
        remarks.append(f"{plural(poor, 'polygon')} have an IoU below {options.iou:g} with the mask")
    if covered:
        share = f"more than {1 - options.iou:.0%} of " if options.shapes == "polygons" else ""
        remarks.append(
            f"in labelme {share}{plural(covered, 'mask')} of tracks lie under others: shapes that come later in a file "
            "are on top there"
        )
    if not clip.pictures and not options.pictures:
        remarks.append("the frames' pictures are not written (--config.predict.export_pictures=True)")
    return remarks


def label_path(folder: Path, frame: int) -> Path:
    """The file of a frame of a video in `folder`/labelme."""
    return folder / LABELME / f"frame_{frame:06d}.json"


def write_picture(folder: Path, frame: int, rgb: UInt8[np.ndarray, "H W 3"]) -> None:
    """Writes a frame of a video as a JPEG beside its labels in `folder`/labelme."""
    path = label_path(folder, frame).with_suffix(PICTURE_SUFFIX)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_jpeg(rgb, _QUALITY))


def remove_pictures_without_labels(folder: Path) -> None:
    """Removes the pictures in `folder`/labelme whose frames show no track."""
    for path in (folder / LABELME).glob(f"*{PICTURE_SUFFIX}"):
        if not path.with_suffix(".json").exists():
            path.unlink()


def _shape(clip: Clip, track: ClipTrack, i: int, options: ExportOptions) -> tuple[dict[str, object], bool]:
    """The shape of a track in the `i`-th of its frames, and whether a polygon is too far from the mask."""
    shape: dict[str, object] = {
        "label": track.actor,
        "points": [],
        "group_id": track.number,
        "description": "",
        "shape_type": "mask",
        "flags": {name: name in track.actions[i] for name in clip.actions},
        "mask": None,
    }
    if options.shapes == "polygons":
        points, iou = _polygon(track, i, (1 + options.iou) / 2)
        shape |= {"shape_type": "polygon", "points": points}
        return {**shape, LABELME_MARK: mark_labelme(shape, None)}, iou < options.iou
    x, y, width, height = track.boxes[i]
    crop = track.crop(i)
    mask = base64.b64encode(encode_png(crop.astype(np.uint8))).decode("ascii")
    shape |= {"points": [[x, y], [x + width - 1, y + height - 1]], "mask": mask}
    return {**shape, LABELME_MARK: mark_labelme(shape, crop)}, False


def _count_covered(
    clip: Clip, shown: Sequence[tuple[ClipTrack, int]], shapes: Sequence[dict[str, Any]], options: ExportOptions
) -> int:
    """How many tracks of a frame labelme shows under others: of polygons, by more than the outlines may differ."""
    top = Image.new("I", (clip.width, clip.height))
    draw = ImageDraw.Draw(top)
    for number, ((track, i), shape) in enumerate(zip(shown, shapes, strict=True), 1):
        if shape["shape_type"] == "polygon":
            draw.polygon([tuple(point) for point in shape["points"]], outline=number, fill=number)
        else:
            draw.bitmap(track.boxes[i][:2], Image.fromarray(track.crop(i)), fill=number)
    numbers, limit = np.asarray(top), 1 - options.iou if options.shapes == "polygons" else 0.0
    count = 0
    for number, (track, i) in enumerate(shown, 1):
        x, y, width, height = track.boxes[i]
        seen = numbers[y : y + height, x : x + width][track.crop(i)]
        count += bool(((seen != number) & (seen != 0)).mean() > limit)
    return count


def _polygon(track: ClipTrack, i: int, iou: float) -> tuple[list[list[int]], float]:
    """The outline of the largest part of a mask with few points, and its intersection over union with the mask.

    labelme fills a polygon by Pillow, with the pixels on its edge, so the points are the centres of the mask's pixels
    at the rim, which labelme counts as whole numbers. A mask of one or two pixels becomes a triangle without an area.
    """
    left, top, width, height = track.boxes[i]
    crop = track.crop(i).astype(np.uint8)
    contours, _ = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=lambda points: cv2.contourArea(points) + len(points) / 2)
    for tolerance in _TOLERANCES:  # in pixels
        polygon = cv2.approxPolyDP(contour, tolerance, closed=True).reshape(-1, 2)
        polygon = np.concatenate([polygon, np.repeat(polygon[-1:], max(0, 3 - len(polygon)), 0)])
        picture = Image.new("L", (width, height))
        ImageDraw.Draw(picture).polygon([(int(x), int(y)) for x, y in polygon], outline=1, fill=1)
        filled = np.asarray(picture)
        overlap = float((filled & crop).sum() / (filled | crop).sum())
        if overlap >= iou:
            break
    return (polygon + (left, top)).tolist(), overlap


def _relative(picture: Path, folder: Path) -> str:
    """The picture's path from `folder`, so that both can be moved together; the whole path on another drive."""
    try:
        return Path(os.path.relpath(picture, folder)).as_posix()
    except ValueError:
        return str(picture.resolve())
