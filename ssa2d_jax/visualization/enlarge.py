"""Small frames and their labels, enlarged by whole factors so that names can be read on them."""

import cv2
import numpy as np
from jaxtyping import UInt8

from ssa2d_jax.utils.errors import InputError

_READABLE_SIDE, _LONGEST_SIDE = 256, 1920  # pixels, of a picture that is enlarged by itself
_MAX_SIDE = 8192  # pixels, of a picture that is enlarged: videos of larger ones play nearly nowhere


def enlargement(height: int, width: int, scale: int = 0) -> int:
    """How many times as large as the frame its overlay is.

    Args:
        height: of the frame in pixels.
        width: of the frame in pixels.
        scale: the factor; 0 = automatic: the smallest that makes the shorter side 256 pixels or more (128x128 becomes
            256x256, 320x240 becomes 640x480, 570x320 stays), unless the longer one exceeds 1920.

    Raises:
        InputError: the factor is negative, or the picture would be more than 8192 pixels wide or high.
    """
    shorter, longer = sorted((height, width))
    if scale < 0 or (scale > 1 and scale * longer > _MAX_SIDE):
        most = max(1, _MAX_SIDE // longer)
        raise InputError(f"scale is {scale}; allowed for frames of {width}x{height}: 0 (automatic) to {most}")
    return scale or max(1, min(-(-_READABLE_SIDE // shorter), _LONGEST_SIDE // longer))


def enlarge_labels(labels: UInt8[np.ndarray, "H W"], scale: int) -> UInt8[np.ndarray, "H2 W2"]:
    """A label map that is `scale` times as large, with smooth borders.

    Each pixel gets the class of which linear interpolation finds the largest share there.
    """
    if scale == 1:
        return labels
    size = labels.shape[1] * scale, labels.shape[0] * scale
    classes = np.flatnonzero(np.bincount(labels.ravel()))
    best = np.full(size[::-1], classes[0], np.uint8)
    most = cv2.resize(np.where(labels == classes[0], np.uint8(255), np.uint8(0)), size)
    for number in classes[1:]:
        share = cv2.resize(np.where(labels == number, np.uint8(255), np.uint8(0)), size)
        np.putmask(best, share > most, number)
        np.maximum(most, share, out=most)
    return best
