"""Text on pictures, for overlays and panels; in DejaVu Sans where it has the letters, see letters.py."""

import functools
import math
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from ssa2d_jax.data.palette import Colour
from ssa2d_jax.visualization.letters import drawable, needs_shaping, split_by_font

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
_CAPITAL = 0.729  # height of a capital letter, as a share of the font's size


def text_size(text: str, letters: int) -> tuple[int, int]:
    """(width, height) in pixels of the box for `text` with letters `letters` pixels high, margins included."""
    height, width = _ink(text, letters).shape
    return width, height


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

    `box` is the colour that fills the box, None = the picture shows through. What is outside the picture is cut off.
    """
    ink = _ink(text, letters)
    inside = np.s_[max(top, 0) : max(top + ink.shape[0], 0), max(left, 0) : max(left + ink.shape[1], 0)]
    below = picture[inside]
    share = ink[max(-top, 0) :, max(-left, 0) :][: below.shape[0], : below.shape[1], None].astype(np.uint16)
    if box is not None:
        below[:] = box
    below[:] = (below * (255 - share) + np.array(colour, np.uint16) * share + 127) // 255


def readable_on(colour: ArrayLike) -> Colour:
    """Black or white, whichever has more contrast to an RGB colour."""
    return BLACK if np.dot(colour, (0.299, 0.587, 0.114)) > 140 else WHITE


@functools.lru_cache(maxsize=1024)
def _ink(text: str, letters: int) -> UInt8[np.ndarray, "h w"]:
    """How much of each pixel of the text's box is covered by letters, 0 to 255."""
    margin, left = max(2, math.ceil(0.3 * letters)), 0.0
    parts = [(_fitting_font(path, part, letters, margin), part) for path, part in split_by_font(drawable(text))]
    size = math.ceil(sum(font.getlength(part) for font, part in parts)) + 2 * margin, letters + 2 * margin
    ink = Image.new("L", size)
    for font, part in parts:
        ImageDraw.Draw(ink).text((margin + left, margin + letters), part, 255, font, anchor="ls")
        left += font.getlength(part)
    return np.array(ink)


def _fitting_font(path: Path, text: str, letters: int, margin: int) -> ImageFont.FreeTypeFont:
    """The font for capitals `letters` pixels high, smaller if the text has marks that would leave the box."""
    size = letters / _CAPITAL
    font = _font(path, size, needs_shaping(text))
    if text.isascii():
        return font
    _, top, _, bottom = font.getbbox(text, anchor="ls")
    share = min(1.0, (letters + margin) / max(-top, 1), margin / max(bottom, 1))
    return font if share == 1.0 else _font(path, share * size, needs_shaping(text))


@functools.lru_cache(maxsize=256)
def _font(path: Path, size: float, shaped: bool) -> ImageFont.FreeTypeFont:
    """A font of about `size` pixels; `shaped`: for letters that join or stack."""
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return ImageFont.truetype(str(path), max(1, round(size)), layout_engine=engine)
