"""Label Studio's results: what belongs to one region, and what a region covers in a picture or in a video."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from input_pipeline.exports import drawing
from input_pipeline.exports.files.json_files import Entry, entries, point_numbers
from input_pipeline.exports.label_studio.brush import decode_brush
from input_pipeline.exports.labelled import MOST_FRAMES, Draw, Size
from input_pipeline.releases.json_fields import read_number, shorten
from ssa2d_jax.utils.errors import InputError

_AREAS = ("brush", "polygon", "rectangle", "ellipse", "videorectangle")
NO_AREAS = ("keypoint", "vector", "videovector")
_LARGEST = 1e5  # percent; also refuses what is no number
_BOX = ("x", "y", "width", "height", "rotation")


@dataclasses.dataclass(frozen=True)
class Region:
    """What Label Studio stores about one region, which may be spread over several results.

    Attributes:
        id: Of the region.
        kind: One of `_AREAS` or `NO_AREAS`; "timeline"; another one that is not read; "" for a result that is about the
            whole task.
        value: Of the result with the geometry.
        labels: The labels, of which one is the actor class.
        attributes: Choices and texts of this region, by the name of the tag.
        size: Height and width of the picture; None for a video.
        is_rotated: Whether the picture was turned when it was labelled.
        is_predicted: Whether a network drew it and no person has changed it.
    """

    id: str
    kind: str
    value: Entry
    labels: Sequence[str]
    attributes: Mapping[str, str]
    size: Size | None
    is_rotated: bool
    is_predicted: bool = False


def read_regions(results: Sequence[Entry]) -> list[Region]:
    """Joins the results that have the id of one region."""
    by_id: dict[str, list[Entry]] = {}
    for index, result in enumerate(results):
        if result.get("type") == "relation":  # which is between two regions, and about no area
            continue
        by_id.setdefault(str(result.get("id", f"result {index + 1}")), []).append(result)
    return [_read_region(name, of_region) for name, of_region in by_id.items()]


def _read_region(name: str, results: Sequence[Entry]) -> Region:
    kind, value, size, is_rotated = "", {}, None, False
    labels: list[str] = []
    attributes: dict[str, str] = {}
    for result in results:
        of_result, type_ = result.get("value"), str(result.get("type", "")).lower()
        if not isinstance(of_result, dict):
            raise InputError(f"region {name}: its value is {shorten(of_result)}; expected an object")
        geometry = type_.removesuffix("labels")
        if geometry in (*_AREAS, *NO_AREAS, "timeline") or (geometry and geometry != type_) or geometry == "bitmask":
            kind, value = geometry, of_result
            size = _size(result)
            is_rotated |= bool(result.get("image_rotation"))
        listed = of_result.get(type_, of_result.get("labels", []))
        if type_.endswith("labels") or "labels" in of_result:
            labels += [str(label) for label in (listed if isinstance(listed, list) else [])]
        elif type_ in ("choices", "textarea"):
            chosen = of_result.get("choices", of_result.get("text", []))
            texts = chosen if isinstance(chosen, list) else [chosen]
            attributes[str(result.get("from_name", type_))] = ", ".join(str(one) for one in texts)
    is_predicted = all(result.get("origin") == "prediction" for result in results)
    return Region(name, kind, value, list(dict.fromkeys(labels)), attributes, size, is_rotated, is_predicted)


def _size(result: Entry) -> Size | None:
    if result.get("original_width") is None:
        return None
    return read_number(result, "original_height", 1), read_number(result, "original_width", 1)


def draw_region(region: Region) -> Draw:
    """What draws the region of a picture. Raises InputError if a field is missing or has another form."""
    value = region.value
    if region.kind not in _AREAS:
        raise InputError(f"is of kind {region.kind!r}, which is not read; known: {', '.join(_AREAS)}")
    if region.kind == "brush":
        data = value.get("rle")
        if not isinstance(data, list):
            raise InputError(f"its rle is {shorten(data)}; expected run lengths")
        return functools.partial(decode_brush, data)
    if region.kind == "polygon":
        points = point_numbers(value.get("points"), "points")
        return functools.partial(_draw_polygon, drawing.as_points(points))
    if region.kind == "ellipse":
        x, y, across, down = (_percent(value, name) for name in ("x", "y", "radiusX", "radiusY"))
        return functools.partial(_draw_ellipse, (x, y, across, down), _percent({"rotation": 0, **value}, "rotation"))
    return draw_box(value)


def draw_box(value: Entry) -> Draw:
    """What draws a box whose upper left corner is at x, y and which is turned around it, all in percent."""
    return functools.partial(_draw_box, tuple(_percent({"rotation": 0, **value}, name) for name in _BOX))


def boxes_by_frame(region: Region) -> Iterator[tuple[int, Draw, bool]]:
    """The boxes of a video's region: frame from 0, what draws it, and whether a person drew it.

    A box lasts from a key frame to the next one, between which it moves evenly, or to the end of the video, unless the
    key frame is not enabled: then it ends there.
    """
    sequence = entries(region.value.get("sequence"), f"region {region.id}: sequence")
    keys = {read_number(key, "frame", 1): key for key in sequence}
    if len(keys) < len(sequence):
        raise InputError(f"region {region.id}: has two key frames of one number")
    count = region.value.get("framesCount")
    end = count if type(count) is int else max(keys, default=0)
    if max(end, *keys, 0) > MOST_FRAMES:
        raise InputError(f"region {region.id}: has frames above {MOST_FRAMES}")
    ordered = sorted(keys.items())
    for (frame, key), (following, other) in itertools.pairwise([*ordered, (end + 1, {})]):
        yield frame - 1, draw_box(key), True
        for number in range(frame + 1, following if key.get("enabled", True) else 0):
            share = (number - frame) / (following - frame) if other else 0.0
            start = [_percent({"rotation": 0, **key}, name) for name in _BOX]
            stop = [_percent({"rotation": 0, **(other or key)}, name) for name in _BOX]
            moved = [a + (b - a) * share for a, b in zip(start, stop, strict=True)]
            yield number - 1, draw_box(dict(zip(_BOX, moved, strict=True))), False


def _percent(value: Entry, name: str) -> float:
    number = value.get(name)
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < _LARGEST:
        raise InputError(f"{name} is {shorten(number)}; expected a number")
    return float(number)


def _draw_polygon(percents: drawing.Points, size: Size) -> Bool[np.ndarray, "H W"]:
    return drawing.draw_coco_polygons([percents * (size[1] / 100, size[0] / 100)], size)


def _draw_ellipse(percents: tuple[float, ...], rotation: float, size: Size) -> Bool[np.ndarray, "H W"]:
    x, y, across, down = np.multiply(percents, (size[1], size[0], size[1], size[0])) / 100
    return drawing.draw_ellipse((x, y), (across, down), rotation, size)


def _draw_box(percents: tuple[float, ...], size: Size) -> Bool[np.ndarray, "H W"]:
    x, y, width, height = np.multiply(percents[:4], (size[1], size[0], size[1], size[0])) / 100
    angle = math.radians(percents[4])
    right, down = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    corner = np.array([x, y])
    outline = [corner, corner + width * right, corner + width * right + height * down, corner + height * down]
    return drawing.draw_coco_polygons([np.array(outline)], size)
