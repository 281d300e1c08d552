"""Text and colour blocks on pictures: the few drawing helpers that overlays and tables share."""

import functools

import cv2
import numpy as np

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


@functools.lru_cache(maxsize=4096)
def text_size(text: str, height: int) -> tuple[int, int]:
    """(width, height) in pixels of the box for `text` with letters `height` pixels high, margins included."""
    (width, _), _ = cv2.getTextSize(text, FONT, _scale(height), _thickness(height))
    return width + 2 * _margin(height), height + 2 * _margin(height)


def draw_text(picture: np.ndarray, text: str, left: int, top: int, height: int, colour, box=None) -> None:
    """Writes `text` with its box's corner at (left, top); `box` is the box's RGB colour, None = no box."""
    margin = _margin(height)
    width, tall = text_size(text, height)
    if box is not None:
        cv2.rectangle(picture, (left, top), (left + width - 1, top + tall - 1), tuple(int(c) for c in box), -1)
    origin = (left + margin, top + margin + height - 1)
    cv2.putText(picture, text, origin, FONT, _scale(height), colour, _thickness(height), cv2.LINE_AA)


def readable_on(colour) -> tuple[int, int, int]:
    """Black or white, whichever stands out more on an RGB colour."""
    return BLACK if np.dot(colour, (0.299, 0.587, 0.114)) > 140 else WHITE


@functools.cache
def _scale(height: int) -> float:
    (_, tall), _ = cv2.getTextSize("A", FONT, 10.0, 1)
    return 10.0 * height / tall


def _thickness(height: int) -> int:
    return max(1, round(height / 12))


def _margin(height: int) -> int:
    return max(1, round(height * 0.3))
