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
_ANIMATIONS = ("WEBP", "TIFF")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUBFILE_TYPE, _NOT_SHOWN = 254, 1 | 4  # a tag of TIFF; its bits of smaller copies and of masks
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
    """A picture file as RGB, turned upright. Raises InputError if it is none, too large, or several pictures."""
    try:
        with Image.open(file, formats=_FORMATS) as picture:
            check_pixels(f"{file}: frame {number}", picture.height, picture.width, max_pixels)
            count = len(_pages(picture))
            if count > 1:
                raise InputError(
                    f"{file}: has {count} pictures, but is one frame here; give the file itself as the video, or save "
                    "each picture in a file of its own"
                )
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
    """Whether this is a WebP or TIFF file, of one or several pictures: FFmpeg reads them only in part."""
    if is_address(path) or not local_path(path).is_file():
        return False
    with local_path(path).open("rb") as file:
        head = file.read(12)
    return head[:4] in _TIFF_STARTS or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


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
    """The number of pictures in an animated WebP or a TIFF; raises InputError if it can't be read."""
    try:
        with Image.open(file, formats=_ANIMATIONS) as picture:
            return len(_pages(picture))
    except Exception as error:  # as below
        raise InputError(f"{file}: not an animation that can be read ({reason_text(error)})") from error


def read_animation(file: Path, max_pixels: int, numbers: Container[int] | None = None) -> Iterator[Frame]:
    """Yields the pictures of an animated WebP with their times, or the pages of a TIFF, `PICTURES_RATE` per second."""
    milliseconds = 0
    try:
        with Image.open(file, formats=_ANIMATIONS) as picture:
            for number, page in enumerate(_pages(picture)):
                picture.seek(page)
                check_pixels(f"{file}: frame {number}", picture.height, picture.width, max_pixels)
                if numbers is None or number in numbers:
                    rgb = _to_rgb(file, ImageOps.exif_transpose(picture))
                    yield Frame(rgb, milliseconds, Fraction(1, 1000), number)
                elif picture.format == "WEBP":
                    picture.load()  # only then its duration is known
                milliseconds += int(picture.info.get("duration") or round(1000 / PICTURES_RATE))
    except InputError:
        raise
    except Exception as error:  # a damaged picture can make Pillow raise anything
        raise InputError(f"{file}: not an animation that can be read ({reason_text(error)})") from error


def _pages(picture: Image.Image) -> list[int]:
    """Which pictures of a file are no preview or mask of another one.

    What a JPEG has beside its picture (MPO) is a preview, the other eye or a map of depth or brightness.
    """
    if picture.format == "MPO":
        return [0]
    pages = list(range(getattr(picture, "n_frames", 1)))
    if picture.format != "TIFF" or len(pages) < 2:
        return pages
    shown = [page for page in pages if not _tiff_kind(picture, page) & _NOT_SHOWN]
    picture.seek(0)
    return shown or [0]


def _tiff_kind(picture: Image.Image, page: int) -> int:
    picture.seek(page)
    kind = getattr(picture, "tag_v2", {}).get(_SUBFILE_TYPE, 0)
    return kind if isinstance(kind, int) else 0
