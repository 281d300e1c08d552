"""Colours that people tell apart, for classes that have none of their own."""

import functools

import numpy as np

_LEAST_LUMINANCE = 0.18  # of a colour that is chosen here: to the eye half of the way from black to white
_RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_TAKEN = (0, 0, 0), (127, 127, 127), (255, 255, 255)  # background, what counts nowhere, contours and letters


@functools.cache
def distinct_colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """`count` RGB colours, at most 254, none of them dark: each the one that is least like `_TAKEN` and the others."""
    levels = range(0, 256, 17)
    rgb = np.array([(r, g, b) for r in levels for g in levels for b in levels])
    lab, luminance = _lab(rgb)
    lab, rgb = lab[luminance >= _LEAST_LUMINANCE], rgb[luminance >= _LEAST_LUMINANCE]
    distance = lambda one: np.linalg.norm(lab - one, axis=-1)
    nearest = np.min([distance(one) for one in _lab(np.array(_TAKEN))[0]], axis=0)
    chosen = []
    for _ in range(count):
        i = int(nearest.argmax())
        chosen.append(tuple(rgb[i].tolist()))
        nearest = np.minimum(nearest, distance(lab[i]))
    return tuple(chosen)


def _lab(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sRGB [N, 3], 0 to 255 -> CIELAB [N, 3] (D65), where equal steps look alike; relative luminance [N], 0 to 1."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _RGB_TO_XYZ.T
    ratio = xyz / _RGB_TO_XYZ.sum(1)  # to white
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1), xyz[:, 1]
