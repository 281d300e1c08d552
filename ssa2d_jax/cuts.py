"""Where a video cuts to another shot: there every track ends, since whoever stands in its place is somebody else."""

import cv2
import numpy as np

_SIZE = (64, 36)  # width, height of the pictures that are compared
_BINS = 8  # a colour channel
# What a cut changes at least: the share of pixels that get another colour, and each pixel's mean step of 255.
# Neighbouring frames of 147 real clips differ by a share of 0.14 at most; where the clips are joined, all but one of
# 146 times by 0.41 or more, and 28 or more (the last time, two clips of one scene meet). The step alone wouldn't tell
# a cut from a fast camera, nor the share a cut from one plain colour that crosses from bin to bin.
_LEAST_SHARE, _LEAST_STEP = 0.28, 14.0


class Cuts:
    """Compares each frame's colours with those of the frame before; a flash counts as a cut, a fade as none.

    (PySceneDetect does more, but brings OpenCV in a build that clashes with the headless one.)
    """

    def __init__(self):
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, rgb: np.ndarray) -> bool:
        """Whether a new shot begins with this frame, uint8 [H, W, 3]; never with the first."""
        small = cv2.resize(rgb, _SIZE, interpolation=cv2.INTER_AREA)
        shares = cv2.calcHist([small], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3) / (_SIZE[0] * _SIZE[1])
        coarse = cv2.resize(small, (_SIZE[0] // 4, _SIZE[1] // 4), interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._before = self._before, (shares, coarse)
        if before is None:
            return False
        share = 1 - np.minimum(before[0], shares).sum()
        return bool(share >= _LEAST_SHARE and np.abs(before[1] - coarse).mean() >= _LEAST_STEP)
