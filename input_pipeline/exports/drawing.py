"""Draws the shapes of labelling tools into a frame, each as its tool does it, to the pixel.

CVAT, datumaro and COCO fill polygons and boxes as pycocotools does; labelme draws with Pillow.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float64
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

from input_pipeline.exports.labelled import Size
from ssa2d_jax.utils.errors import InputError

Points = Float64[np.ndarray, "points 2"]  # x, y in pixels
_FARTHEST = 1 << 20  # pixels from the frame's corner at which a point is surely a mistake
_LEAST = 3  # points of a polygon
_LARGEST_RADIUS = 1 << 15  # Pillow takes time as its square
_LONGEST = 1 << 22  # pixels of a polygon's outline; pycocotools stores five places for each


def as_points(numbers: Sequence[float]) -> Points:
    """x and y in turn as points. Raises InputError for an odd number of values, or one that is no position."""
    values = np.asarray(numbers, np.float64)
    if values.ndim != 1 or len(values) % 2 or not np.isfinite(values).all() or (np.abs(values) > _FARTHEST).any():
        raise InputError("its points are not pairs of x and y in pixels")
    return values.reshape(-1, 2)


def draw_coco_polygons(parts: Sequence[Points], size: Size) -> Bool[np.ndarray, "H W"]:
    """Fills polygons as pycocotools, CVAT and datumaro do; several parts are one area."""
    for part in parts:
        _check_polygon(part)
    runs = coco_mask.frPyObjects([part.ravel().tolist() for part in parts], *size)
    return coco_mask.decode(coco_mask.merge(runs)).astype(bool)


def draw_coco_box(corners: Points, rotation: float, size: Size) -> Bool[np.ndarray, "H W"]:
    """Fills the box between two corners as a polygon, turned clockwise around its middle by `rotation` degrees."""
    (left, top), (right, bottom) = corners
    outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    if rotation:
        middle, angle = outline.mean(0), math.radians(rotation)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        outline = (outline - middle) @ turn + middle
    return draw_coco_polygons([outline], size)


def draw_ellipse(
    centre: tuple[float, float], radii: tuple[float, float], rotation: float, size: Size
) -> Bool[np.ndarray, "H W"]:
    """Fills an ellipse as datumaro does, with OpenCV and whole numbers."""
    middle, axes = tuple(int(value) for value in centre), tuple(int(value) for value in radii)
    if min(axes) < 0:
        raise InputError("its radii are below 0")
    return cv2.ellipse(np.zeros(size, np.uint8), middle, axes, rotation, 0, 360, 1, thickness=-1).astype(bool)


def draw_runs(runs: Sequence[int], left: int, top: int, width: int, height: int, size: Size) -> Bool[np.ndarray, "H W"]:
    """Draws a mask of CVAT: lengths of runs of 0 and 1 in turn, row after row, inside a box of the frame."""
    if width < 1 or height < 1 or left < 0 or top < 0 or left + width > size[1] or top + height > size[0]:
        raise InputError(
            f"its mask of {width}x{height} at {left}, {top} does not lie inside the frame of {size[1]}x{size[0]}"
        )
    if any(run < 0 for run in runs) or sum(runs) > width * height:
        raise InputError(f"its runs cover {sum(runs)} pixels; its mask has {width}x{height}")
    values = np.zeros(width * height, bool)
    filled = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    values[: len(filled)] = filled
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = values.reshape(height, width)
    return mask


def draw_patch(patch: Bool[np.ndarray, "h w"], left: int, top: int, size: Size) -> Bool[np.ndarray, "H W"]:
    """Draws a small mask whose upper left corner is at `left`, `top` of the frame."""
    height, width = patch.shape
    if left < 0 or top < 0 or left + width > size[1] or top + height > size[0]:
        raise InputError(
            f"its mask of {width}x{height} at {left}, {top} does not lie inside the frame of {size[1]}x{size[0]}"
        )
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = patch
    return mask


def draw_whole(mask: Bool[np.ndarray, "h w"], size: Size) -> Bool[np.ndarray, "H W"]:
    """A mask of the whole frame. Raises InputError if it has another size."""
    if mask.shape != size:
        height, width = mask.shape
        raise InputError(f"its mask has {width}x{height} pixels; the frame has {size[1]}x{size[0]}")
    return mask


def draw_pillow(kind: str, points: Points, size: Size) -> Bool[np.ndarray, "H W"]:
    """Fills a shape of labelme, with its outline.

    Args:
        kind: "polygon", "oriented_rectangle", "rectangle" (two corners) or "circle" (its middle and a point on it).
        points: Its points.
        size: Of the frame.
    """
    picture = Image.new("L", (size[1], size[0]))
    draw = ImageDraw.Draw(picture)
    corners = [(float(x), float(y)) for x, y in points]
    if kind in ("polygon", "oriented_rectangle"):
        _check_polygon(points)
        draw.polygon(corners, outline=1, fill=1)
    elif len(corners) != 2:
        raise InputError(f"a {kind} has 2 points, but this one has {len(corners)}")
    elif kind == "rectangle":
        low, high = points.min(0), points.max(0)
        draw.rectangle((*low.tolist(), *high.tolist()), outline=1, fill=1)
    else:
        (x, y), (on_x, on_y) = corners
        radius = math.sqrt((x - on_x) ** 2 + (y - on_y) ** 2)
        if radius > _LARGEST_RADIUS:
            raise InputError(f"its circle has a radius of {radius:,.0f} pixels; at most {_LARGEST_RADIUS:,} are drawn")
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    return np.asarray(picture, bool)


def _check_polygon(points: Points) -> None:
    if len(points) < _LEAST:
        raise InputError(f"its polygon has {len(points)} points; at least {_LEAST} are needed")
    length = np.abs(np.diff(points, axis=0, append=points[:1])).max(1).sum()
    if length > _LONGEST:
        raise InputError(f"its polygon has an outline of {length:,.0f} pixels; at most {_LONGEST:,} are drawn")
