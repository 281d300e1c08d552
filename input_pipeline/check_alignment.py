"""Whether labels fit their own frames: edges of the picture lie on the borders of the regions.

The limits were chosen on 147 real clips in A2D's layout, in random parts of 4 to 147 clips with three labels each. Of
6000 parts with right labels, one was reported. With labels that were counted from 1, it was 82 % of the parts of 16
clips, and every part of 64.
"""

import dataclasses
from collections.abc import Sequence
from typing import Generic

import numpy as np
from jaxtyping import Float, Integer, UInt8

from input_pipeline.check_labels import VideoLabels
from input_pipeline.releases.regions import Label, Release

NEIGHBOURS = (-1, 0, 1)
_MOST_LABELS = 12  # of a video that are compared
_LEAST_LABELS = 8  # of a release: fewer may differ by chance
_LEAST_GAIN = 0.02  # of the logarithm of the edges' strength, on average
_MOST_GAIN = 0.3  # of one label: some objects are much faster than others
_LEAST_T = 3.5  # the average divided by its standard error
_COMPARED = 4096  # pixels of a frame, about, that say how strong its edges are elsewhere

# Of the frames before, of and after a label: how strong edges are on its borders, divided by those elsewhere.
Strengths = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Border:
    """The pixels on both sides of the borders of a label's regions, without those at the rim of the picture."""

    rows: Integer[np.ndarray, " N"]
    columns: Integer[np.ndarray, " N"]


def find_border(regions: Integer[np.ndarray, "H W"]) -> Border:
    """Finds the pixels of a map of regions that have a different neighbour above, below, left or right."""
    border = np.zeros(regions.shape, bool)
    below = regions[1:] != regions[:-1]
    right = regions[:, 1:] != regions[:, :-1]
    border[1:] |= below
    border[:-1] |= below
    border[:, 1:] |= right
    border[:, :-1] |= right
    border[[0, -1]] = border[:, [0, -1]] = False
    return Border(*np.nonzero(border))


def relative_strength(rgb: UInt8[np.ndarray, "H W 3"], border: Border) -> float:
    """How much stronger the edges of a frame are on a border than elsewhere: key frames are sharper everywhere."""
    height, width = rgb.shape[:2]
    step = max(1, int((height * width / _COMPARED) ** 0.5))
    rows, columns = np.mgrid[1 : height - 1 : step, 1 : width - 1 : step]
    elsewhere = edge_strength(rgb, Border(rows.ravel(), columns.ravel()))
    return (edge_strength(rgb, border) + 1) / (elsewhere + 1)


def edge_strength(rgb: UInt8[np.ndarray, "H W 3"], border: Border) -> float:
    """The mean length of the gradient (Sobel) of the grey picture at a border's pixels."""
    grey = rgb.astype(np.float32).mean(-1)
    rows, columns = border.rows, border.columns
    at = lambda down, right: grey[rows + down, columns + right]
    across = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1)
    along = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1)
    return float(np.hypot(across, along).mean())


class Alignment(Generic[Label]):
    """Compares some labels of a video with their frames and the neighbours of these, while the frames are read."""

    def __init__(self, release: Release[Label], name: str, labels: VideoLabels[Label]) -> None:
        self._release, self._name, self._labels = release, name, labels
        step = -(-len(labels.regions) // _MOST_LABELS) or 1
        self._borders: dict[int, Border | None] = dict.fromkeys(sorted(labels.regions)[::step])
        self._found: dict[int, dict[int, float]] = {frame: {} for frame in self._borders}

    def add(self, number: int, rgb: UInt8[np.ndarray, "H W 3"]) -> None:
        """Measures the edges of a frame on the borders of its label and its neighbours'."""
        for label in (number - 1, number, number + 1):
            if label in self._borders and self._labels.regions[label].map.shape == rgb.shape[:2]:
                border = self._border(label)
                if len(border.rows):
                    self._found[label][number - label] = relative_strength(rgb, border)
        self._borders.pop(number - 1, None)

    def _border(self, label: int) -> Border:
        """The border of a label, which is kept only until the frame after the label. InputError if it is unreadable."""
        border = self._borders[label]
        if border is None:
            regions = self._release.regions(self._name, label, self._labels.labels[label])
            border = self._borders[label] = find_border(regions.map)
        return border

    def strengths(self) -> tuple[Strengths, ...]:
        """The edges on the borders of all labels that have both neighbours."""
        complete = (found for found in self._found.values() if len(found) == len(NEIGHBOURS))
        return tuple((found[-1], found[0], found[1]) for found in complete)


def find_shift(strengths: Sequence[Strengths]) -> str:
    """A warning if the labels of a release clearly fit the frames before or after them better than their own; or ""."""
    if len(strengths) < _LEAST_LABELS:
        return ""
    before, own, after = np.log(np.array(strengths)).T
    for better, other, side in ((before, after, "before"), (after, before, "after")):
        if _is_clear(better - own) and _is_clear(better - other):
            reason = "are they counted from 1?" if side == "before" else "are their numbers too small by one?"
            share = f"{np.sum(better > own)} of {len(own)} that were compared"
            return f"labels fit the frame {side} them better than their own ({share}): {reason}"
    return ""


def _is_clear(gains: Float[np.ndarray, " N"]) -> bool:
    """Whether the mean of gains is large, and that hardly by chance."""
    limited = gains.clip(-_MOST_GAIN, _MOST_GAIN)
    error = limited.std(ddof=1) / len(limited) ** 0.5
    return bool(limited.mean() >= max(_LEAST_GAIN, _LEAST_T * error))
