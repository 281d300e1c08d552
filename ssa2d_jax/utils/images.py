"""Resizing and encoding pictures by the same rules everywhere."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8, UInt16

from ssa2d_jax.utils.files import replace_bytes

Picture = UInt8[np.ndarray, "height width *channels"]
DeepPicture = UInt16[np.ndarray, "height width"]  # grey, 16 bits


def resize(picture: Shaped[np.ndarray, "h w *c"], size: tuple[int, int]) -> Shaped[np.ndarray, "h2 w2 *c"]:
    """`picture` at `size` (height, width).

    An axis that shrinks averages areas, so that nothing aliases; one that grows is interpolated linearly. The training
    clips are resized by the same rule (`decode_frames` in input_pipeline/transforms.py).
    """
    height, width = size
    shrunk = min(height, picture.shape[0]), min(width, picture.shape[1])
    if shrunk in (size, picture.shape[:2]):
        return _resize(picture, size, cv2.INTER_AREA if shrunk == size else cv2.INTER_LINEAR)
    exact = picture.astype(np.float32)  # one axis shrinks, the other grows: rounded only once
    exact = _resize(_resize(exact, shrunk, cv2.INTER_AREA), size, cv2.INTER_LINEAR)
    if not np.issubdtype(picture.dtype, np.integer):
        return exact.astype(picture.dtype)
    return np.rint(exact).astype(picture.dtype)


def _resize(
    picture: Shaped[np.ndarray, "h w *c"], size: tuple[int, int], interpolation: int
) -> Shaped[np.ndarray, "h2 w2 *c"]:
    if picture.shape[:2] == size:
        return picture
    return cv2.resize(picture, size[::-1], interpolation=interpolation)


def encode_png(picture: Picture | DeepPicture, compression: int | None = None) -> bytes:
    """A grey or RGB picture as the content of a PNG file; `compression` is 0 to 9. Raises OSError if that fails."""
    return _encode(".png", picture, () if compression is None else (cv2.IMWRITE_PNG_COMPRESSION, compression))


def write_png(path: Path, picture: Picture) -> None:
    """Writes a grey or RGB picture to `path` atomically."""
    replace_bytes(path, encode_png(picture))


def encode_jpeg(picture: Picture, quality: int) -> bytes:
    """A grey or RGB picture as the content of a JPEG file; `quality` is 1 to 100. Raises OSError if that fails."""
    return _encode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))


def _encode(suffix: str, picture: Picture | DeepPicture, options: Sequence[int]) -> bytes:
    bgr = picture[..., ::-1] if picture.ndim == 3 else picture
    encoded, data = cv2.imencode(suffix, np.ascontiguousarray(bgr), options)
    if not encoded:
        raise OSError(f"a picture of shape {picture.shape} could not be encoded as {suffix}")
    return data.tobytes()
