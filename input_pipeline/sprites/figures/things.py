"""Draws the car and the ball of the sprites world."""

import math

import numpy as np

from input_pipeline.sprites.figures.shapes import PALE, Look, Pose, Shape


def car(pose: Pose, look: Look) -> list[Shape]:
    """A car, seen from its side."""
    hull = [
        (-0.5, -0.11),
        (-0.5, 0.03),
        (-0.34, 0.06),
        (-0.2, 0.21),
        (0.12, 0.21),
        (0.27, 0.06),
        (0.47, 0.02),
        (0.5, -0.11),
    ]
    glass = (190, 215, 225)
    shapes = [
        Shape("polygon", hull, 0, look.main),
        Shape("line", [(-0.49, -0.09), (0.48, -0.09)], 0.05, look.second),
        Shape("polygon", [(-0.28, 0.06), (-0.18, 0.18), (-0.06, 0.18), (-0.06, 0.06)], 0, glass),
        Shape("polygon", [(-0.02, 0.06), (-0.02, 0.18), (0.1, 0.18), (0.2, 0.06)], 0, glass),
        Shape("disc", [(0.46, -0.02)], 0.03, (250, 240, 150)),
    ]
    for x in (-0.28, 0.28):
        hub = (x, -0.12)
        spokes = [
            (hub[0] + 0.075 * math.cos(a), hub[1] - 0.075 * math.sin(a)) for a in (pose.wheel, pose.wheel + math.pi)
        ]
        shapes += [Shape("disc", [hub], 0.115, (25, 25, 28)), Shape("line", spokes, 0.05, (205, 205, 205))]
    return shapes


def ball(pose: Pose, look: Look) -> list[Shape]:
    """A ball of two colours."""
    shapes = [Shape("disc", [(0.0, 0.0)], 0.42, look.main)]
    for panel in range(look.pattern):
        start = 2 * math.pi * panel / look.pattern
        arc = [(0.42 * math.cos(a), 0.42 * math.sin(a)) for a in np.linspace(start, start + math.pi / look.pattern, 6)]
        shapes.append(Shape("polygon", [(0.0, 0.0), *arc], 0, look.second))
    # The panels repeat: only this spot shows how far the ball has turned.
    return [
        *shapes,
        Shape("disc", [(0.0, 0.0)], 0.1, PALE),
        Shape("disc", [(0.24, 0.05)], 0.07, look.dark),
    ]
