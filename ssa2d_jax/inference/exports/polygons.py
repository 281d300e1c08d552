"""Masks as polygons, and the key frames between which CVAT's interpolation stays close to the masks.

CVAT matches the points of two polygons by their distance along the outline, as a share of its length, and moves
matched points on straight lines. Here all polygons of a track have the same number of points, equally far apart, and
each begins where the one before begins; so point n is matched with point n (`_are_matched` checks it).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float
from pycocotools import mask as coco

from ssa2d_jax.inference.exports.clip import ClipTrack
from ssa2d_jax.inference.tracks import RunLengths

Polygon = Float[np.ndarray, "_ 2"]  # x, y in pixels; a pixel's centre is at 0.5

_POINTS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_SAMPLE = 24  # frames of a track that decide on the number of points


def outline(crop: Bool[np.ndarray, "height width"], left: int, top: int) -> Polygon:
    """The outline of the largest part of a mask, without its holes; `left`, `top`: where the crop lies."""
    contours, _ = cv2.findContours(crop.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]])
    area = lambda contour: cv2.contourArea(contour) + len(contour) / 2
    centres = max(contours, key=area).reshape(-1, 2).astype(np.float64)
    if len(centres) < 3:  # a pixel or two: the rectangle around them
        ends = np.concatenate([centres.min(0) + corners, centres.max(0) + corners])
        low, high = ends.min(0), ends.max(0)
        pushed = np.array([low, [low[0], high[1]], high, [high[0], low[1]]])
    else:
        before, after = np.roll(centres, 1, 0), np.roll(centres, -1, 0)
        along = after - before
        outward = np.stack([-along[:, 1], along[:, 0]], -1)  # OpenCV walks down the left side
        tips = ~along.any(-1)  # of lines that are a pixel wide
        outward[tips] = (centres - before)[tips]
        pushed = centres + 0.5 * outward / np.linalg.norm(outward, axis=-1, keepdims=True)
    return pushed + 0.5 + (left, top)


def resample(polygon: Polygon, count: int) -> Polygon:
    """`count` points on a polygon, equally far apart, in hundredths of a pixel."""
    for _ in range(4):  # corners are cut, which shortens the outline unevenly: again, on the new one
        closed = np.concatenate([polygon, polygon[:1]])
        distance = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=-1))])
        places = np.arange(count) * (distance[-1] / count)
        polygon = np.stack([np.interp(places, distance, closed[:, axis]) for axis in (0, 1)], -1)
    return np.round(polygon, 2)


def align(polygon: Polygon, to: Polygon) -> Polygon:
    """`polygon` with another first point, such that its points lie nearest to those of `to`, relative to the centre."""
    complex_of = lambda points: np.fft.fft((points - points.mean(0)) @ (1, 1j))
    correlation = np.fft.ifft(complex_of(polygon) * np.conj(complex_of(to))).real
    return np.roll(polygon, -int(correlation.argmax()), axis=0)


def polygon_iou(polygon: Polygon, mask: RunLengths) -> float:
    """Intersection over union of a polygon, as pycocotools fills it, and a mask."""
    height, width = mask["size"]
    filled = coco.frPyObjects([polygon.ravel().tolist()], height, width)
    overlap: Any = coco.iou(filled, [mask], [0])  # type: ignore[arg-type]  # the stubs want a private type
    return float(overlap[0, 0])


@dataclasses.dataclass(frozen=True)
class TrackPolygons:
    """A polygon for each of a track's frames, with as many points in all.

    Attributes:
        polygons: each begins where the one before begins.
        limits: the least intersection over union with the mask that is wanted in each frame.
    """

    polygons: Sequence[Polygon]
    limits: Sequence[float]


def track_polygons(track: ClipTrack, iou: float) -> TrackPolygons:
    """The polygons with the fewest points that lose, in some of the frames, at most half of what `iou` allows.

    `iou` is relative to the whole outline, which is equal to most masks; not to those with holes or several parts.
    """
    outlines = lambda i: outline(track.crop(i), *track.boxes[i][:2])
    sample = {round(i): outlines(round(i)) for i in np.linspace(0, len(track.frames) - 1, _SAMPLE)}
    lowest = {i: polygon_iou(polygon, track.masks[i]) * (1 + iou) / 2 for i, polygon in sample.items()}
    is_enough = lambda count: all(
        polygon_iou(resample(polygon, count), track.masks[i]) >= lowest[i] for i, polygon in sample.items()
    )
    count = next((count for count in _POINTS if is_enough(count)), _POINTS[-1])
    polygons: list[Polygon] = []
    limits: list[float] = []
    for i in range(len(track.frames)):
        whole = outlines(i)
        polygon = resample(whole, count)
        polygons.append(align(polygon, polygons[-1]) if polygons else polygon)
        limits.append(iou * polygon_iou(whole, track.masks[i]))
    return TrackPolygons(polygons, limits)


def between(first: Polygon, second: Polygon, share: float) -> Polygon:
    """The polygon that CVAT shows at `share`, 0 to 1, of the way between two key frames."""
    return first + (second - first) * share


def _are_matched(first: Polygon, second: Polygon) -> bool:
    """Whether CVAT matches point n with point n: their shares of the outline differ by less than half a step."""
    return bool(np.abs(_shares(first) - _shares(second)).max() < 0.45 / len(first))


def _shares(polygon: Polygon) -> Float[np.ndarray, " _"]:
    steps = np.linalg.norm(np.diff(polygon, axis=0, append=polygon[:1]), axis=-1)
    return np.cumsum(steps)[:-1] / max(steps.sum(), 1e-9)


def key_frames(track: ClipTrack, shapes: TrackPolygons) -> list[int]:
    """The places in the track's lists of the key frames: few, such that the frames between them keep the limits.

    The first and the last frame before a gap, and frames in which the action changes, always are key frames.
    """
    frames, polygons = track.frames, shapes.polygons

    def is_close(first: int, last: int) -> bool:
        if not _are_matched(polygons[first], polygons[last]):
            return False
        share = lambda i: (frames[i] - frames[first]) / (frames[last] - frames[first])
        shown = (between(polygons[first], polygons[last], share(i)) for i in range(first + 1, last))
        return all(
            polygon_iou(polygon, track.masks[i]) >= shapes.limits[i] for i, polygon in enumerate(shown, first + 1)
        )

    places = range(len(frames))
    fixed = [i for i in places if i == 0 or frames[i] != frames[i - 1] + 1 or track.actions[i] != track.actions[i - 1]]
    fixed = sorted({*fixed, *(i - 1 for i in fixed if i and frames[i] != frames[i - 1] + 1), places[-1]})
    keys = fixed[:1]
    for end in fixed[1:]:
        while keys[-1] < end:
            keys.append(_farthest(keys[-1], end, is_close))
    return keys


def _farthest(start: int, end: int, is_close: Callable[[int, int], bool]) -> int:
    """A far place up to `end` with `is_close(start, place)`: the step doubles, then it is halved."""
    good, step = start + 1, 2
    while good < end and is_close(start, min(start + step, end)):
        good = min(start + step, end)
        step *= 2
    bad = min(start + step, end)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if is_close(start, middle) else (good, middle)
    return good
