"""Reads the numbers that a PNG stores, and its palette: Pillow scales grey of 2 and 4 bits to 0 to 255."""

import dataclasses
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image, UnidentifiedImageError

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import MAX_PIXELS

GREY, PALETTE = 0, 3  # colour types of PNG
_MODES = ("1", "L", "P", "I", "I;16", "I;16B")  # of PNGs with one number per pixel
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 1000  # before the pixels
_COLOURS = 256


@dataclasses.dataclass(frozen=True)
class Header:
    """What a PNG says before its pixels: bits per number, colour type, and the colours of its palette, if any."""

    bits: int
    colour_type: int
    colours: UInt8[np.ndarray, "N 3"]

    @property
    def is_grey(self) -> bool:
        """Whether its numbers are brightnesses."""
        return self.colour_type == GREY

    @property
    def has_palette(self) -> bool:
        """Whether its numbers are places in a palette."""
        return self.colour_type == PALETTE


def read_header(path: Path) -> Header | None:
    """Reads what precedes the pixels; None if this is no PNG."""
    with open(path, "rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return None
        try:
            return _read_chunks(file)
        except struct.error:  # it ends too early
            return None


def _read_chunks(file: BinaryIO) -> Header | None:
    bits = colour_type = None
    colours = b""
    for _ in range(_MOST_CHUNKS):
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IDAT":
            break
        start = file.tell()
        if kind == b"IHDR":
            _, _, bits, colour_type = struct.unpack(">IIBB", file.read(10))
        elif kind == b"PLTE":
            colours = file.read(min(length, 3 * _COLOURS))
        file.seek(start + length + 4)  # a checksum follows
    if bits is None or colour_type is None:
        return None
    whole = len(colours) // 3 * 3
    return Header(bits, colour_type, np.frombuffer(colours[:whole], np.uint8).reshape(-1, 3))


def read_numbers(path: Path) -> tuple[Int64[np.ndarray, "H W"], Header]:
    """Reads the number of every pixel as it is stored, and the header.

    Raises:
        InputError: This is no PNG that can be read, or it does not have one number per pixel.
    """
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(
                    f"{path}: has {picture.width}x{picture.height} pixels; at most {MAX_PIXELS} are allowed"
                )
            if picture.mode not in _MODES:
                raise InputError(
                    f"{path}: has the colour mode {picture.mode}; expected one number per pixel (grey, or a palette as "
                    "in DAVIS, which programs that shrink PNGs may replace)"
                )
            numbers = np.asarray(picture).astype(np.int64)
        header = read_header(path)
    except InputError:
        raise
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable PNG ({error})") from error
    if header is None:
        raise InputError(f"{path}: not a readable PNG (its header is damaged)")
    return (numbers // brightness_step(header) if header.bits in (2, 4) else numbers), header


def brightness_step(header: Header) -> int:
    """How much brighter a grey pixel gets with every number, if the highest number is white (255): 1 for 8 bits."""
    return 255 // ((1 << header.bits) - 1) if header.is_grey and header.bits < 8 else 1
