"""Resizing and encoding pictures: the same rules wherever it is done."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8

Picture = UInt8[np.ndarray, "height width *channels"]


def resize(picture: Shaped[np.ndarray, "h w *c"], size: tuple[int, int]) -> Shaped[np.ndarray, "h2 w2 *c"]:
    """`picture` at `size` (height, width): area means if either side shrinks, so that nothing aliases, else linear."""
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height < picture.shape[0] or width < picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def encode_png(picture: Picture, compression: int | None = None) -> bytes:
    """The PNG file of a grey or RGB picture, uint8 [H, W] or [H, W, 3]; `compression` 0 to 9."""
    return _encode(".png", picture, () if compression is None else (cv2.IMWRITE_PNG_COMPRESSION, compression))


def encode_jpeg(picture: Picture, quality: int) -> bytes:
    """The JPEG file of an RGB picture, uint8 [H, W, 3]; `quality` 1 to 100."""
    return _encode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))


def _encode(suffix: str, picture: Picture, options: Sequence[int]) -> bytes:
    bgr = picture[..., ::-1] if picture.ndim == 3 else picture
    done, data = cv2.imencode(suffix, np.ascontiguousarray(bgr), options)
    if not done:
        raise OSError(f"a picture of shape {picture.shape} could not be encoded as {suffix}")
    return data.tobytes()
