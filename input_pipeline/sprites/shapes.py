"""Vocabulary of the sprites world's drawings: poses, looks, shapes, and how limbs are made of them.

Body coordinates: x forward, y up, origin in the middle of the body, the longest extent of the figure about 1.
Angles of limbs are in radians from straight down, positive forward.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Colour = tuple[int, int, int]
Point = tuple[float, float]
BLACK, PALE = (20, 20, 20), (238, 232, 222)
_CIRCLE = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 18, endpoint=False)]


class Pose(NamedTuple):
    """How a figure stands in one frame."""

    gait: float = 0.0  # phase of the limbs, radians
    stride: float = 0.0  # how far they swing, radians
    dip: float = 0.0  # 0 head up, 1 head down
    crouch: float = 0.0  # 0 straight legs, 1 low
    arms: float = 0.0  # 0 arms down, 1 arms up
    wing: float = 0.0  # wings, radians above the level
    spread: bool = False  # wings spread or folded
    fours: bool = False  # a person on hands and knees
    wheel: float = 0.0  # turn of the wheels, radians
    tilt: float = 0.0  # turn of the whole body, counter-clockwise, radians
    x: float = 0.0  # place of the body, in units of its size
    y: float = 0.0


class Look(NamedTuple):
    """Colours and small differences between individuals."""

    main: Colour
    second: Colour
    skin: Colour  # a person's
    beak: Colour
    dark: Colour
    pattern: int  # of the ball: how many panels


class Shape(NamedTuple):
    """`line` (width), `polygon`, or `disc` (width is the radius): points are body coordinates."""

    kind: str
    points: list[Point]
    width: float
    colour: Colour


def shade(colour: Colour, factor: float = 0.65) -> Colour:
    return tuple(int(channel * factor) for channel in colour)


def along(start: Point, angle: float, length: float) -> Point:
    return start[0] + length * math.sin(angle), start[1] - length * math.cos(angle)


def limb(start: Point, length: float, upper: float, lower: float, width: float, colour: Colour) -> Shape:
    joint = along(start, upper, length)
    return Shape("line", [start, joint, along(joint, lower, length)], width, colour)


def ellipse(centre: Point, rx: float, ry: float, turn: float, colour: Colour) -> Shape:
    c, s = math.cos(turn), math.sin(turn)
    points = [(centre[0] + rx * x * c - ry * y * s, centre[1] + rx * x * s + ry * y * c) for x, y in _CIRCLE]
    return Shape("polygon", points, 0, colour)


def turned_about(centre: Point, size: float, turn: float) -> Callable[[float, float], Point]:
    """Function from a head's own coordinates (x along the line of sight, unit `size`) to body coordinates."""
    c, s = math.cos(turn), math.sin(turn)
    return lambda x, y: (centre[0] + size * (x * c - y * s), centre[1] + size * (x * s + y * c))
