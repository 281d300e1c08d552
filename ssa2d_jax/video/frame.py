"""One frame of a video, the limit of its size, and how messages give a library's reason."""

import dataclasses
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from ssa2d_jax.utils.errors import InputError

MAX_PIXELS = 4096 * 2304


@dataclasses.dataclass(frozen=True)
class Frame:
    """One decoded frame, turned upright. It is shown at `pts` * `time_base` seconds; the first one at 0."""

    rgb: UInt8[np.ndarray, "H W 3"]
    pts: int | None
    time_base: Fraction
    number: int  # in its video, from 0


def check_pixels(frame: str, height: int, width: int, max_pixels: int) -> None:
    """Raises InputError if a frame has more than `max_pixels` pixels; `frame` is its name in the message."""
    if height * width > max_pixels:
        raise InputError(
            f"{frame} has {width}x{height} pixels, more than the limit of {max_pixels}; "
            "scale it down (when predicting, config.predict.max_pixels is the limit)"
        )


def reason_text(error: object) -> str:
    """An error's text without its number, the path and the log that PyAV adds."""
    text = getattr(error, "strerror", None) or error
    return str(text).split("; last error log")[0].splitlines()[0][:200]
