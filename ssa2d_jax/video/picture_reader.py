"""Reads pictures as the frames of a video: a folder of them, a list of files, an animation."""

from collections.abc import Container, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_address, local_path
from ssa2d_jax.video.frame import Frame, check_pixels, reason_text
from ssa2d_jax.video.pictures import PICTURES, list_pictures

PICTURES_RATE = Fraction(25)  # frames per second
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I")  # grey of 16 bits; Pillow before 11.3 reads such PNGs as I


def read_folder(folder: Path, max_pixels: int, numbers: Container[int] | None = None) -> Iterator[Frame]:
    """Yields the pictures of a folder as frames; for the errors see `read_frames`."""
    files = list_pictures(folder)
    if not files:
        raise InputError(f"{folder}: no frame in this folder; frames need names that end in {', '.join(PICTURES)}")
    yield from read_files(files, max_pixels, numbers)


def read_files(files: Sequence[Path], max_pixels: int, numbers: Container[int] | None = None) -> Iterator[Frame]:
    """Yields picture files as frames, `PICTURES_RATE` per second, in the given order."""
    for number, file in enumerate(files):
        if numbers is None or number in numbers:
            yield Frame(read_picture(file, number, max_pixels), number, 1 / PICTURES_RATE, number)


def read_picture(file: Path, number: int, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    """A picture file as RGB, turned upright. Raises InputError if it is none, or too large."""
    try:
        with Image.open(file, formats=_FORMATS) as picture:
            check_pixels(f"{file}: frame {number}", picture.height, picture.width, max_pixels)
            upright = ImageOps.exif_transpose(picture)
            return _to_rgb(file, upright)
    except InputError:
        raise
    except Exception as error:  # a damaged picture can make Pillow raise anything
        raise InputError(f"{file}: not a picture that can be read ({reason_text(error)})") from error


def _to_rgb(file: Path, picture: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
    if picture.mode in _DEEP_MODES:
        grey = np.asarray(picture).astype(np.int64)
        if grey.min() < 0 or grey.max() > 0xFFFF:
            raise InputError(f"{file}: its values go from {grey.min()} to {grey.max()}; at most 16 bits are read")
        return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=-1)
    if picture.mode.startswith(("I", "F")):
        raise InputError(f"{file}: a picture with {picture.mode} values; whole numbers of 8 or 16 bits are needed")
    return np.array(picture.convert("RGB"))


def is_animation(path: str | Path) -> bool:
    """Whether this is a WebP file, still or animated, which FFmpeg reads only in part."""
    if is_address(path) or not local_path(path).is_file():
        return False
    with local_path(path).open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def is_still(path: str | Path) -> bool:
    """Whether this is the file of a single picture, which may have to be turned upright."""
    if is_address(path) or local_path(path).suffix.lower() not in PICTURES or not local_path(path).is_file():
        return False
    try:
        with Image.open(local_path(path), formats=_FORMATS) as picture:
            return picture.format != "WEBP" and not getattr(picture, "is_animated", False)
    except Exception:  # no picture that Pillow can read: FFmpeg says what it is
        return False


def count_animation(file: Path) -> int:
    """The number of pictures in an animated WebP; raises InputError if it can't be read."""
    try:
        with Image.open(file, formats=("WEBP",)) as picture:
            return getattr(picture, "n_frames", 1)
    except Exception as error:  # as below
        raise InputError(f"{file}: not an animation that can be read ({reason_text(error)})") from error


def read_animation(file: Path, max_pixels: int, numbers: Container[int] | None = None) -> Iterator[Frame]:
    """Yields the pictures of an animated WebP with their times."""
    milliseconds = 0
    try:
        with Image.open(file, formats=("WEBP",)) as picture:
            check_pixels(f"{file}: frame 0", picture.height, picture.width, max_pixels)
            for number in range(getattr(picture, "n_frames", 1)):
                picture.seek(number)
                if numbers is None or number in numbers:
                    yield Frame(np.array(picture.convert("RGB")), milliseconds, Fraction(1, 1000), number)
                else:
                    picture.load()  # only then its duration is known
                milliseconds += int(picture.info.get("duration") or round(1000 / PICTURES_RATE))
    except InputError:
        raise
    except Exception as error:  # a damaged picture can make Pillow raise anything
        raise InputError(f"{file}: not an animation that can be read ({reason_text(error)})") from error
