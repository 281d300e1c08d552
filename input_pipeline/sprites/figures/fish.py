"""Draws the fish of the sprites world."""

import math

from input_pipeline.sprites.figures.shapes import BLACK, PALE, Look, Point, Pose, Shape, shade

_SEGMENTS = 12
_FRONT, _ROOT = 0.34, -0.26  # x of the nose and of the tail fin's root
_MIDDLE = 0.08  # x around which the body bends: the head moves little, the tail most


def fish(pose: Pose, look: Look) -> list[Shape]:
    """A fish seen from its side; a wave of phase `gait` and strength `stride` runs from its head to its tail.

    `crouch` spreads the fins, `dip` opens the mouth.
    """

    def bent(x: float, y: float) -> Point:
        behind = max(0.0, _MIDDLE - x)
        wave = pose.stride * math.sin(pose.gait - 4.0 * behind)
        return x, y + 0.9 * wave * behind**1.4

    along = [_ROOT + (_FRONT - _ROOT) * i / _SEGMENTS for i in range(_SEGMENTS + 1)]
    upper = [bent(x, _half_height(x)) for x in along]
    lower = [bent(x, -0.85 * _half_height(x)) for x in along]
    belly = [bent(x, -0.3 * _half_height(x)) for x in along]
    spread = 0.06 + 0.12 * pose.crouch
    tail = [bent(_ROOT + 0.06, 0.0), bent(-0.5, 0.2), bent(-0.41, 0.0), bent(-0.5, -0.19)]
    back = [bent(0.16, 0.17), bent(0.02, 0.19 + spread), bent(-0.14, 0.15 + spread), bent(-0.12, 0.1)]
    under = [bent(0.02, -0.15), bent(-0.1, -0.17 - spread), bent(-0.15, -0.09)]
    flap = 0.1 + 0.06 * math.sin(pose.gait + 1.0)
    side = [bent(0.12, -0.03), bent(-0.07, -0.06 - flap), bent(-0.06, 0.0)]
    stripes = [
        Shape("line", [bent(x, 0.8 * _half_height(x)), bent(x - 0.025, -0.3 * _half_height(x))], 0.05, look.second)
        for x in (0.11, -0.03, -0.16)[: look.pattern]
    ]
    mouth = (_FRONT - 0.005, -0.02)
    return [
        Shape("polygon", tail, 0, look.second),
        Shape("polygon", back, 0, shade(look.second, 0.8)),
        Shape("polygon", under, 0, shade(look.second, 0.8)),
        Shape("polygon", [*upper, *reversed(lower)], 0, look.main),
        Shape("polygon", [*belly, *reversed(lower)], 0, shade(look.main, 0.8)),
        *stripes,
        Shape("polygon", side, 0, shade(look.second, 0.9)),
        Shape("disc", [(0.24, 0.04)], 0.05, PALE),
        Shape("disc", [(0.25, 0.04)], 0.026, BLACK),
        Shape("line", [(mouth[0] - 0.06, mouth[1] - 0.04), mouth], 0.02 + 0.04 * pose.dip, look.dark),
    ]


def _half_height(x: float) -> float:
    """Half the height of the body at x: pointed at the nose, thickest before the middle, thin at the tail."""
    u = (x - _ROOT) / (_FRONT - _ROOT)
    return 0.035 + 0.18 * math.sin(math.pi * u**1.15) ** 0.8 if 0.0 < u < 1.0 else 0.035 * (u <= 0.0)
