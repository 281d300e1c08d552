"""The types of the sprites world's drawings (poses, looks, shapes) and helpers that build limbs from shapes.

Body coordinates: x forward, y up, origin in the middle of the body; the longest side of a figure is about 1.
Angles of limbs are in radians from straight down, positive forward.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Colour = tuple[int, int, int]
Point = tuple[float, float]
Placement = Callable[[float, float], Point]  # from a part's own coordinates to body coordinates
BLACK, PALE = (20, 20, 20), (238, 232, 222)
_CIRCLE = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 18, endpoint=False)]


class Pose(NamedTuple):
    """The posture of a figure in one frame."""

    gait: float = 0.0  # phase of the limbs, radians
    stride: float = 0.0  # amplitude of their swing, radians
    dip: float = 0.0  # 0 head up, 1 head down
    crouch: float = 0.0  # 0 straight legs, 1 low
    arms: float = 0.0  # 0 arms down, 1 arms up
    wing: float = 0.0  # angle of the wings above the horizontal, radians
    spread: bool = False  # true: wings spread, false: folded
    fours: bool = False  # true: a person on hands and knees
    wheel: float = 0.0  # rotation of the wheels, radians
    tilt: float = 0.0  # rotation of the whole body, counter-clockwise, radians
    x: float = 0.0  # position of the body, in units of its size
    y: float = 0.0


class Look(NamedTuple):
    """Colours and small differences between individuals."""

    main: Colour
    second: Colour
    skin: Colour  # a person's
    beak: Colour
    dark: Colour
    pattern: int  # number of panels of a ball


class Shape(NamedTuple):
    """A `line` of a width, a `polygon`, or a `disc` whose radius is `width`; the points are in body coordinates."""

    kind: str
    points: list[Point]
    width: float
    colour: Colour


def shade(colour: Colour, factor: float = 0.65) -> Colour:
    """The colour, darkened."""
    red, green, blue = colour
    return int(red * factor), int(green * factor), int(blue * factor)


def along(start: Point, angle: float, length: float) -> Point:
    """The point at `length` from `start` in the direction of a limb's `angle`."""
    return start[0] + length * math.sin(angle), start[1] - length * math.cos(angle)


def limb(start: Point, length: float, upper: float, lower: float, width: float, colour: Colour) -> Shape:
    """Two segments of `length` each, at the angles `upper` and `lower`."""
    joint = along(start, upper, length)
    return Shape("line", [start, joint, along(joint, lower, length)], width, colour)


def ellipse(centre: Point, rx: float, ry: float, turn: float, colour: Colour) -> Shape:
    """An ellipse of radii `rx` and `ry`, rotated counter-clockwise by `turn` radians, as a polygon."""
    c, s = math.cos(turn), math.sin(turn)
    points = [(centre[0] + rx * x * c - ry * y * s, centre[1] + rx * x * s + ry * y * c) for x, y in _CIRCLE]
    return Shape("polygon", points, 0, colour)


def rotate_about(centre: Point, size: float, turn: float) -> Placement:
    """The map from a head's coordinates (x along the line of sight, unit `size`) to body coordinates."""
    c, s = math.cos(turn), math.sin(turn)
    return lambda x, y: (centre[0] + size * (x * c - y * s), centre[1] + size * (x * s + y * c))
