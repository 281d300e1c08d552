"""CVAT's interpolation of polygons between two key frames.

Points of the two outlines are matched by their place along the outline; where one outline has more points than the
other, points that fall close together are dropped, so that the number of points stays moderate.
"""

import numpy as np
from jaxtyping import Float64

from input_pipeline.exports.drawing import Points

Matches = list[list[int]]  # for every point of the first outline, its points in the second, ascending


def interpolate_polygon(first: Points, second: Points, offset: float) -> Points:
    """The polygon between two, at `offset` (0 to 1) of the way from `first` to `second`."""
    left, right = (np.concatenate([outline, outline[:1]]) for outline in (first, second))
    matches = _match(_places(left), _places(right))
    starts = np.repeat(np.arange(len(left)), [len(others) for others in matches])
    ends = np.concatenate([np.asarray(others) for others in matches])
    moved = left[starts] + (right[ends] - left[starts]) * offset
    return np.array(_thin_out(moved, matches, left, right)[:-1])


def _lengths(outline: Points) -> Float64[np.ndarray, " points-1"]:
    return np.hypot(*np.diff(outline, axis=0).T)


def _places(outline: Points) -> Float64[np.ndarray, " points"]:
    """How far along the outline each point is, from 0 to 1."""
    along = np.concatenate([[0.0], np.cumsum(_lengths(outline))])
    return along / along[-1] if along[-1] else along


def _match(left: Float64[np.ndarray, " l"], right: Float64[np.ndarray, " r"]) -> Matches:
    """Every point with the nearest one of the other outline; the first of equally near ones."""
    distance = np.abs(left[:, None] - right[None])
    matches = [[int(other)] for other in distance.argmin(1)]
    matched = {others[0] for others in matches}
    for point in range(len(right)):
        if point not in matched:
            matches[int(distance[:, point].argmin())].append(point)
    return [sorted(others) for others in matches]


def _thin_out(moved: Points, matches: Matches, left: Points, right: Points) -> list[Points]:
    """Drops moved points that lie close together within a stretch of either outline.

    A stretch is a row of points of `left` with one match each, or the matches of one point of `left` in `right`.
    """
    bounds = np.concatenate([[0], np.cumsum([len(others) for others in matches])])
    kept: list[Points] = []
    opened: int | None = None

    def close(last: int) -> None:
        nonlocal opened
        if opened is not None:
            stretch = left[opened : last + 1]
            kept.extend(_thin_stretch(moved[bounds[opened] : bounds[last] + 1], stretch))
        opened = None

    for point, others in enumerate(matches):
        if len(others) > 1:
            close(point - 1)
            stretch = right[others[0] : others[-1] + 1]
            kept.extend(_thin_stretch(moved[bounds[point] : bounds[point + 1]], stretch))
        elif opened is None:
            opened = point
        elif others != matches[opened]:
            close(point - 1)
            opened = point
    close(len(matches) - 1)
    return kept


def _thin_stretch(moved: Points, stretch: Points) -> list[Points]:
    """The moved points of a stretch, without those nearer to the last kept one than half their mean distance."""
    if len(moved) == 1:
        return [moved[0]]
    nearest = _lengths(stretch).sum() / (2 * len(stretch))
    kept = [moved[0]]
    for point in moved[1:-1]:
        if np.hypot(*(point - kept[-1])) >= nearest:
            kept.append(point)
    kept.append(moved[-1])
    if len(kept) == 2 and np.hypot(*(moved[-1] - moved[0])) < nearest:
        return [(moved[0] + moved[-1]) / 2]
    return kept
