"""The legend along the lower edge of a picture: a colour and a name for each class, in whole words."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from ssa2d_jax.data.box import Box
from ssa2d_jax.data.palette import Colour
from ssa2d_jax.visualization.text import WHITE, draw_text, text_size

MAX_LINES = 2
_MAX_SHARE = 0.25  # of the picture's height

LegendEntry = tuple[int, str, Colour]  # the class, its name, its colour


def draw_legend(picture: UInt8[np.ndarray, "H W 3"], entries: Sequence[LegendEntry], letters: int) -> Box:
    """Draws the legend and returns the box that it uses.

    Entries that find no place in the lines are counted at the end: "+3 more". On a picture that is too small for one
    whole line there is no legend.

    Args:
        picture: is drawn on.
        entries: the most important first; they are drawn in order of their classes.
        letters: the height of letters in pixels.
    """
    height, width = picture.shape[:2]
    line = text_size("A", letters)[1]
    lines = fit_entries(entries, letters, width, min(MAX_LINES, int(_MAX_SHARE * height) // line))
    top = height - len(lines) * line
    picture[top:] //= 3  # a dark strip keeps letters readable on any scene
    for number, row in enumerate(lines):
        left = 0
        for text, colour in row:
            _draw_entry(picture, text, colour, left, top + number * line, letters)
            left += _entry_width(text, colour, letters)
    return 0, top, width, height - top


Line = list[tuple[str, Colour | None]]  # texts, with the colour of their swatch


def fit_entries(entries: Sequence[LegendEntry], letters: int, width: int, max_lines: int) -> list[Line]:
    """Breaks the legend into at most `max_lines` lines of at most `width` pixels, without cutting a word.

    As many of the first entries as fit, in order of their classes, then how many are left out.
    """
    for count in range(len(entries), -1, -1):
        items: Line = [(text, colour) for _, text, colour in sorted(entries[:count], key=lambda entry: entry[0])]
        if count < len(entries):
            items.append((f"+{len(entries) - count} more", None))
        lines = _break_lines(items, letters, width)
        if lines is not None and len(lines) <= max_lines:
            return lines
    return []


def _break_lines(items: Line, letters: int, width: int) -> list[Line] | None:
    """The items in lines of at most `width` pixels; None if one alone is wider."""
    lines: list[Line] = []
    room = 0
    for text, colour in items:
        needed = _entry_width(text, colour, letters)
        if needed > width:
            return None
        if needed > room:
            lines.append([])
            room = width
        lines[-1].append((text, colour))
        room -= needed
    return lines


def _entry_width(text: str, colour: Colour | None, letters: int) -> int:
    width, height = text_size(text, letters)
    return width + (0 if colour is None else height)


def _draw_entry(
    picture: UInt8[np.ndarray, "H W 3"], text: str, colour: Colour | None, left: int, top: int, letters: int
) -> None:
    """Draws the swatch, if there is one, and the text."""
    line = text_size(text, letters)[1]
    if colour is not None:
        inset = max(1, line // 4)
        corners = (left + inset, top + inset), (left + line - inset, top + line - 1 - inset)
        cv2.rectangle(picture, *corners, colour, -1)
        cv2.rectangle(picture, *corners, WHITE, 1)  # some colours are nearly black
        left += line
    draw_text(picture, text, left, top, letters, WHITE)
