"""Text on pictures, for overlays and panels; in DejaVu Sans, which comes with matplotlib."""

import functools
import math
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from ssa2d_jax.data.palette import Colour

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
    font, margin = _font(letters), max(2, math.ceil(0.3 * letters))
    size = math.ceil(font.getlength(text)) + 2 * margin, letters + 2 * margin
    ink = Image.new("L", size)
    ImageDraw.Draw(ink).text((margin, margin + letters), text, 255, font, anchor="ls")
    return np.array(ink)


@functools.cache
def _font(letters: int) -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(str(path), round(letters / _CAPITAL), layout_engine=ImageFont.Layout.BASIC)
