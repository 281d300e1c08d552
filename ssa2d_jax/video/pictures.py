"""Folders with one picture per frame: which of the files are frames, their order, and the numbers in their names."""

import collections
import dataclasses
import itertools
import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_clutter
from ssa2d_jax.utils.text import first_few

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2", ".avif")
_MASK = ".png"
_ONE_CHANNEL = (0, 3)  # colour types of PNG: grey, palette
_COLOUR_TYPE = 25  # its place in the file


@dataclasses.dataclass(frozen=True)
class PictureFolder:
    """The files in a folder of pictures.

    Attributes:
        frames: The pictures in order: by name, with numbers by value, 2.png before 10.png.
        masks: PNGs of one channel beside frames that are all JPEG, each with the name or number of one of them.
        unread: All other files, by name.
        numbers: The numbers in the names of `frames`, ascending; None unless the names differ in one number only.
    """

    frames: tuple[Path, ...]
    masks: tuple[Path, ...]
    unread: tuple[Path, ...]
    numbers: tuple[int, ...] | None

    @property
    def is_renumbered(self) -> bool:
        """Whether the names have numbers, and these are not the pictures' positions from 0."""
        return self.numbers is not None and self.numbers != tuple(range(len(self.numbers)))


def list_pictures(folder: Path) -> list[Path]:
    """The frames in a folder, in order; see `read_picture_folder`."""
    return list(read_picture_folder(folder).frames)


def read_picture_folder(folder: Path) -> PictureFolder:
    """Finds the frames (`PICTURES`) in a folder, and masks beside them. What systems leave is not listed.

    Raises:
        InputError: Two pictures have the same number, or one is not named like the others: which are the frames?
    """
    files = sorted(path for path in folder.iterdir() if not is_clutter(path.name) and path.is_file())
    pictures = sorted((path for path in files if path.suffix.lower() in PICTURES), key=_order)
    unread = tuple(path for path in files if path.suffix.lower() not in PICTURES)
    masks = _masks(pictures)
    frames = [path for path in pictures if path not in masks]
    _check_doubles(folder, frames)
    _check_strangers(folder, frames)
    return PictureFolder(tuple(frames), masks, unread, _numbers(frames))


def describe_numbers(numbers: Sequence[int]) -> str:
    """Ascending numbers in words: 0 to 35 in steps of 5."""
    steps = {later - number for number, later in itertools.pairwise(numbers)}
    step = f" in steps of {min(steps)}" if steps - {1} else ""
    rest = " with gaps" if len(steps) > 1 else step
    return f"{numbers[0]} to {numbers[-1]}{rest}"


def last_number(numbers: Sequence[int]) -> int:
    """The last frame that pictures with these ascending numbers stand for: the step reaches beyond the last picture."""
    steps = {later - number for number, later in itertools.pairwise(numbers)}
    return numbers[-1] + (min(steps) - 1 if len(steps) == 1 else 0)


def _order(path: Path) -> list[int | str]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _key(path: Path) -> tuple[int, ...] | str:
    """What two pictures of one frame have in common: the numbers in the name, or the name if it has none."""
    return tuple(int(number) for number in re.findall(r"\d+", path.stem)) or path.stem


def _template(path: Path) -> str:
    """The name without its ending, with # for every number."""
    return re.sub(r"\d+", "#", path.stem)


def _masks(pictures: Sequence[Path]) -> tuple[Path, ...]:
    """The PNGs if they are masks of the other pictures; else nothing."""
    masks = tuple(path for path in pictures if path.suffix.lower() == _MASK)
    keys = {_key(path) for path in pictures if path.suffix.lower() != _MASK}
    are_masks = keys and all(_belongs(path, keys) and _has_one_channel(path) for path in masks)
    return masks if are_masks else ()


def _belongs(mask: Path, keys: Container[tuple[int, ...] | str]) -> bool:
    """Whether the name of a mask is that of a frame, maybe with further numbers (of an instance)."""
    key = _key(mask)
    return key in keys or any(key[:count] in keys for count in range(1, len(key)))


def _has_one_channel(path: Path) -> bool:
    with open(path, "rb") as file:
        header = file.read(_COLOUR_TYPE + 1)
    return len(header) > _COLOUR_TYPE and header[_COLOUR_TYPE] in _ONE_CHANNEL


def _check_doubles(folder: Path, frames: Iterable[Path]) -> None:
    first: dict[tuple[int, ...] | str, Path] = {}
    doubles = [(first[_key(path)], path) for path in frames if first.setdefault(_key(path), path) != path]
    if doubles:
        pairs = first_few([f"{one.name} and {other.name}" for one, other in doubles], shown=3)
        raise InputError(
            f"{folder}: two pictures of one frame: {pairs}; keep one picture per frame in this folder. PNG masks of "
            "one channel may stay if the frames are all JPEG"
        )


def _check_strangers(folder: Path, frames: Sequence[Path]) -> None:
    counts = collections.Counter(_template(path) for path in frames)
    usual, count = counts.most_common(1)[0] if counts else ("", 0)
    if "#" not in usual or count < 2 or 2 * count <= len(frames):  # the names follow no rule
        return
    strangers = [path.name for path in frames if _template(path) != usual]
    if strangers:
        example = next(path.name for path in frames if _template(path) == usual)
        raise InputError(
            f"{folder}: pictures that are not named like the others ({example}): {first_few(strangers)}; remove what "
            "is no frame of this video, and give the frames names that differ in their numbers only"
        )


def _numbers(frames: Sequence[Path]) -> tuple[int, ...] | None:
    keys = [_key(path) for path in frames]
    numbered = [key for key in keys if not isinstance(key, str)]
    if not frames or len(numbered) < len(keys) or len({_template(path) for path in frames}) > 1:
        return None
    columns = list(zip(*numbered, strict=True))
    changing = [column for column in columns if len(set(column)) > 1]
    if len(changing) > 1:
        return None
    return changing[0] if changing else columns[-1]
