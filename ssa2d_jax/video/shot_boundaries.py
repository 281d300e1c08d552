"""Where a video cuts to another shot: there every track ends, since whoever stands in its place is somebody else."""

import collections
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import numpy as np

_SIZE = (64, 36)  # width, height of the pictures that are compared
_BINS = 8  # a colour channel
# What a cut changes at least: the share of pixels that get another colour, and each pixel's mean step of 255.
# Neighbouring frames of 147 real clips differ by a share of 0.14 at most; where the clips are joined, all but one of
# 146 times by 0.41 or more, and 28 or more (the last time, two clips of one scene meet). The step alone wouldn't tell
# a cut from a fast camera, nor the share a cut from one plain colour that crosses from bin to bin.
_LEAST_SHARE, _LEAST_STEP = 0.28, 14.0


class ShotBoundaries:
    """Compares the colours of neighbouring frames.

    A flash of one frame is no cut, a longer one two; a fade is none, and two scenes that are nearly black don't
    differ enough.

    (PySceneDetect does more, but brings OpenCV in a build that clashes with the headless one.)
    """

    def __init__(self):
        self._last: collections.deque[tuple[np.ndarray, np.ndarray]] = collections.deque(maxlen=4)

    def add(self, rgb: np.ndarray) -> bool | None:
        """Takes the next frame, uint8 [H, W, 3], and says whether a new shot began with the one before.

        None where there is none before; False for a video's first.
        """
        small = cv2.resize(rgb, _SIZE, interpolation=cv2.INTER_AREA)
        shares = cv2.calcHist([small], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3) / (_SIZE[0] * _SIZE[1])
        coarse = cv2.resize(small, (_SIZE[0] // 4, _SIZE[1] // 4), interpolation=cv2.INTER_AREA).astype(np.float32)
        self._last.append((shares, coarse))
        return self._began(len(self._last) - 2) if len(self._last) > 1 else None

    def end(self) -> bool:
        """Whether a new shot began with the last frame."""
        return self._began(len(self._last) - 1)

    def _began(self, i: int) -> bool:
        """Whether frame `i` of the last differs from the one before, which differs from the one after `i` as well, as
        the one before that does from `i`: else one of them is a flash."""
        pairs = ((i - 1, i), (i - 1, i + 1), (i - 2, i))
        there = [(a, b) for a, b in pairs if a >= 0 and b < len(self._last)]
        return i > 0 and all(_differ(self._last[a], self._last[b]) for a, b in there)


def with_shot_boundaries(frames: Iterable[Any], rgb: Callable[[Any], np.ndarray]) -> Iterator[tuple[Any, bool]]:
    """`frames`, each with whether a new shot begins there; a frame is given when the next one has come.

    `rgb` gives a frame's picture, uint8 [H, W, 3].
    """
    cuts, before = ShotBoundaries(), None
    for frame in frames:
        began = cuts.add(rgb(frame))
        if began is not None:
            yield before, began
        before = frame
    if before is not None:
        yield before, cuts.end()


def _differ(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    share = 1 - np.minimum(one[0], other[0]).sum()
    return bool(share >= _LEAST_SHARE and np.abs(one[1] - other[1]).mean() >= _LEAST_STEP)
