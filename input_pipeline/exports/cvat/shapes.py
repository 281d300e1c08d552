"""The shapes in CVAT's XML: what an element draws, and what lies between two key frames."""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from input_pipeline.exports import drawing
from input_pipeline.exports.cvat.interpolation import interpolate_polygon
from input_pipeline.exports.files.safe_xml import Element
from input_pipeline.exports.labelled import Draw
from ssa2d_jax.data.export_formats import CVAT_MARK, CVAT_TRACK, mark_cvat
from ssa2d_jax.utils.errors import InputError

AREAS = ("box", "polygon", "mask", "ellipse")
_UNCHANGED = ("auto", "file")  # CVAT makes them "semi-auto" and "manual" when a person changes the shape
_LONGEST_RUNS = 1 << 24
_MOST_POINTS = 4000  # of polygons between which others are computed, with all pairs of points


@dataclasses.dataclass(frozen=True)
class Area:
    """An element of the XML that covers an area.

    Attributes:
        kind: One of `AREAS`.
        numbers: Of a polygon x and y in turn; of a box left, top, right, bottom; of an ellipse the middle and the
            radii; of a mask left, top, width, height.
        rotation: Clockwise, in degrees, of boxes and ellipses.
        runs: Of a mask.
        is_outside: Whether the object is not in this frame.
        is_key: Whether a person drew it.
        layer: Of the shape.
        attributes: By name.
        source: Who drew it, in CVAT's words; "" if that is not said.
    """

    kind: str
    numbers: tuple[float, ...]
    rotation: float
    runs: tuple[int, ...]
    is_outside: bool
    is_key: bool
    layer: int
    attributes: Mapping[str, str]
    source: str = ""

    @property
    def is_predicted(self) -> bool:
        """Whether a network drew it, or it was imported, and no person has changed it or its action."""
        mark = self.attributes.get(CVAT_MARK, "").strip()
        return self.source in _UNCHANGED and mark in ("", mark_cvat(self.attributes))

    @property
    def track(self) -> str | None:
        """What the attribute track_id says, with which shapes of one object find together; None without it."""
        return self.attributes.get(CVAT_TRACK, "").strip() or None

    def draw(self) -> Draw:
        """What draws it."""
        if self.kind == "mask":
            left, top, width, height = (int(number) for number in self.numbers)
            return functools.partial(drawing.draw_runs, self.runs, left, top, width, height)
        if self.kind == "ellipse":
            x, y, across, down = self.numbers
            return functools.partial(drawing.draw_ellipse, (x, y), (across, down), self.rotation)
        points = drawing.as_points(self.numbers)
        if self.kind == "box":
            return functools.partial(drawing.draw_coco_box, points, self.rotation)
        return functools.partial(drawing.draw_coco_polygons, [points])


def read_area(element: Element, source: str = "") -> Area:
    """Reads an element of `AREAS`, whose track has a source. Raises InputError if a field is missing or no number."""
    names = {"box": ("xtl", "ytl", "xbr", "ybr"), "ellipse": ("cx", "cy", "rx", "ry"),
             "mask": ("left", "top", "width", "height")}.get(element.tag)  # fmt: skip
    numbers = (
        tuple(_number(element, name) for name in names)
        if names
        else tuple(_float(part) for pair in _field(element, "points").split(";") for part in pair.split(","))
    )
    drawing.as_points(numbers)
    runs = _runs(_field(element, "rle")) if element.tag == "mask" else ()
    return Area(
        element.tag,
        numbers,
        _float(element.get("rotation", "0")),
        runs,
        element.get("outside", "0") == "1",
        element.get("keyframe", "1") == "1",
        int(_float(element.get("z_order", "0"))),
        {child.get("name", ""): child.text or "" for child in element.iter("attribute")},
        element.get("source", source),
    )


def why_unknown(first: Area, second: Area) -> str:
    """Why it is not known what CVAT draws between two key frames; "" if it is."""
    if first.kind == "mask":
        return "CVAT doesn't interpolate masks between key frames"
    if first.kind != second.kind:
        return "a track changes its kind of shape between two key frames"
    if max(len(first.numbers), len(second.numbers)) > 2 * _MOST_POINTS:
        return f"polygons of more than {_MOST_POINTS} points are not interpolated"
    return ""


def interpolate(first: Area, second: Area, offset: float) -> Area:
    """What CVAT draws at `offset` (0 to 1) between two key frames, with the attributes of the first."""
    between = dataclasses.replace(first, is_key=False)
    start, end = np.array(first.numbers), np.array(second.numbers)
    if first.kind == "polygon":
        points = interpolate_polygon(start.reshape(-1, 2), end.reshape(-1, 2), offset)
        return dataclasses.replace(between, numbers=tuple(points.ravel().tolist()))
    turn = (second.rotation - first.rotation + 180) % 360 - 180
    numbers = tuple((start + (end - start) * offset).tolist())
    return dataclasses.replace(between, numbers=numbers, rotation=(first.rotation + turn * offset) % 360)


def _field(element: Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise InputError(f"a {element.tag} has no {name}")
    return value


def _number(element: Element, name: str) -> float:
    return _float(_field(element, name))


def _float(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"{text[:40]!r} is not a number") from error
    if not np.isfinite(value) or abs(value) > 1e9:
        raise InputError(f"{text[:40]!r} is not a number that can be a position")
    return value


def _runs(text: str) -> tuple[int, ...]:
    if len(text) > _LONGEST_RUNS:
        raise InputError(f"the run lengths of a mask have {len(text):,} characters; at most {_LONGEST_RUNS:,} are read")
    try:
        return tuple(int(part) for part in text.split(",")) if text.strip() else ()
    except ValueError as error:
        raise InputError(f"the run lengths of a mask, {text[:40]!r}..., are not whole numbers") from error
