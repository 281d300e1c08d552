"""Text on pictures, for overlays and panels."""

import functools

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike

from ssa2d_jax.data.palette import Colour

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@functools.lru_cache(maxsize=4096)
def text_size(text: str, letters: int) -> tuple[int, int]:
    """(width, height) in pixels of the box for `text` with letters `letters` pixels high, margins included."""
    (width, _), _ = cv2.getTextSize(text, FONT, _scale(letters), _thickness(letters))
    return width + 2 * _margin(letters), letters + 2 * _margin(letters)


def draw_text(
    picture: UInt8[np.ndarray, "H W 3"],
    text: str,
    left: int,
    top: int,
    letters: int,
    colour: Colour,
    box: Colour | None = None,
) -> None:
    """Draws `text` into `picture`, its box at (left, top), letters `letters` pixels high.

    `box` is the colour that fills the box, None = the picture shows through.
    """
    margin = _margin(letters)
    width, height = text_size(text, letters)
    if box is not None:
        cv2.rectangle(picture, (left, top), (left + width - 1, top + height - 1), box, -1)
    origin = (left + margin, top + margin + letters - 1)
    cv2.putText(picture, text, origin, FONT, _scale(letters), colour, _thickness(letters), cv2.LINE_AA)


def readable_on(colour: ArrayLike) -> Colour:
    """Black or white, whichever has more contrast to an RGB colour."""
    return BLACK if np.dot(colour, (0.299, 0.587, 0.114)) > 140 else WHITE


@functools.cache
def _scale(letters: int) -> float:
    (_, height), _ = cv2.getTextSize("A", FONT, 10.0, 1)
    return 10.0 * letters / height


def _thickness(letters: int) -> int:
    return max(1, round(letters / 12))


def _margin(letters: int) -> int:
    return max(1, round(letters * 0.3))
