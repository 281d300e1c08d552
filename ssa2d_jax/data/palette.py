"""Distinct colours for classes that have none of their own."""

import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Num

Colour = tuple[int, int, int]  # RGB, 0 to 255

_MIN_LUMINANCE = 0.18  # of a chosen colour: it looks half way from black to white
_RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_RESERVED = (0, 0, 0), (127, 127, 127), (255, 255, 255)  # background, ignored pixels, contours and letters


@functools.cache
def distinct_colours(count: int) -> tuple[Colour, ...]:
    """`count` colours, at most 254, none of them dark; each differs most from `_RESERVED` and the colours before it."""
    levels = range(0, 256, 17)
    rgb = np.array([(r, g, b) for r in levels for g in levels for b in levels])
    lab, luminance = _to_lab(rgb)
    lab, rgb = lab[luminance >= _MIN_LUMINANCE], rgb[luminance >= _MIN_LUMINANCE]
    distance = lambda colour: np.linalg.norm(lab - colour, axis=-1)
    nearest = np.min([distance(colour) for colour in _to_lab(np.array(_RESERVED))[0]], axis=0)
    chosen = []
    for _ in range(count):
        i = int(nearest.argmax())
        chosen.append(as_colour(rgb[i].tolist()))
        nearest = np.minimum(nearest, distance(lab[i]))
    return tuple(chosen)


def as_colour(channels: Sequence[int]) -> Colour:
    """Three channels as a colour."""
    red, green, blue = channels
    return red, green, blue


def _to_lab(rgb: Num[np.ndarray, "N 3"]) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, " N"]]:
    """Converts sRGB, 0 to 255, to CIELAB (D65), where equal steps look alike; and relative luminance, 0 to 1."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _RGB_TO_XYZ.T
    ratio = xyz / _RGB_TO_XYZ.sum(1)  # to white
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1), xyz[:, 1]
