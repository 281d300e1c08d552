"""Compares pictures in an export with the frames of a video: are they the same, and counted from 0 or from 1?"""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageOps

from input_pipeline.exports.files.archive import Archive
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.frame import MAX_PIXELS
from ssa2d_jax.video.reader import read_frames

_SAMPLES = 5
_MOST_FRAMES = 4000  # that are read
_SIZE = 160, 120  # width, height, in which they are compared
_LARGEST = 15.0  # mean difference of grey levels, 0 to 255, between a picture and its frame
_NEARER, _NEAREST = 0.9, 0.8  # the share of a difference at which another frame is clearly nearer
_LEAST = 0.05, 0.3  # grey levels that are a difference; of all frames, or of a single picture
_Small = UInt8[np.ndarray, "120 160 3"]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a comparison says.

    Attributes:
        numbers: The frames' numbers of the pictures that were compared.
        shift: What is to be added to the numbers: 0, or -1 if they count from 1; None if nothing fits.
        is_settled: Whether the pictures tell both apart.
        nearest: The frames that they look like most.
        difference: The mean difference from these, in grey levels.
    """

    numbers: Sequence[int]
    shift: int | None
    is_settled: bool
    nearest: Sequence[int]
    difference: float


def compare(archive: Archive, pictures: Mapping[int, str], path: Path) -> Comparison | None:
    """Compares some pictures with a video; None if no picture can be read, or none is of its first minutes.

    Args:
        archive: The export.
        pictures: Names in it, by the number that the video's frame should have.
        path: The video.
    """
    early = [number for number in sorted(pictures) if 0 <= number < _MOST_FRAMES - 1]
    chosen = sorted({early[round(i)] for i in np.linspace(0, len(early) - 1, _SAMPLES)}) if early else []
    samples = {number: picture for number in chosen if (picture := _read(archive, pictures[number])) is not None}
    if not samples:
        return None
    differences = _differences(path, list(samples.values()), min(_MOST_FRAMES, 2 * max(samples) + 3))
    numbers = list(samples)
    if differences.shape[1] == 0:
        return Comparison(numbers, None, True, [], 0.0)
    return _judge(numbers, differences)


def _judge(numbers: Sequence[int], differences: Float64[np.ndarray, "S F"]) -> Comparison:
    nearest = differences.argmin(1).tolist()
    least = differences.min(1)
    at = {shift: _at(differences, [number + shift for number in numbers]) for shift in (0, -1)}
    is_nearest = {shift: len(numbers) > 2 and nearest == [number + shift for number in numbers] for shift in at}
    is_from_one = is_nearest[-1] or _is_nearer(at[-1], at[0], _NEARER)
    own = at[-1] if is_from_one else at[0]
    differs = least < own  # at the beginning of a video, frames of two rates may have the same number
    is_other = _is_nearer(least[differs], own[differs], _NEAREST) and nearest == sorted(nearest)
    is_other = is_other or bool(differs.all() and _are_on_a_line(numbers, nearest))
    if is_other or own.mean() > _LARGEST or not np.isfinite(own).all():
        return Comparison(numbers, None, True, nearest, float(least.mean()))
    is_settled = is_from_one or is_nearest[0] or _is_nearer(at[0], at[-1], _NEARER)
    return Comparison(numbers, -1 if is_from_one else 0, is_settled, nearest, float(own.mean()))


def _is_nearer(one: Float64[np.ndarray, " S"], other: Float64[np.ndarray, " S"], share: float) -> bool:
    """Whether all pictures are nearer to the frames of one numbering than to those of another."""
    if not len(one):
        return False
    least = _LEAST[len(one) == 1 or share == _NEAREST]
    return bool((one < other).all() and one.mean() < share * other.mean() and other.mean() - one.mean() > least)


def _are_on_a_line(numbers: Sequence[int], nearest: Sequence[int]) -> bool:
    """Whether the nearest frames follow the numbers as those of another rate or beginning do, and not by chance."""
    if len(numbers) < 4:
        return False
    slope, start = np.polyfit(numbers, nearest, 1)
    return bool(slope > 0 and (np.abs(slope * np.array(numbers) + start - nearest) <= 1).all())


def _at(differences: Float64[np.ndarray, "S F"], frames: Sequence[int]) -> Float64[np.ndarray, " S"]:
    count = differences.shape[1]
    return np.array(
        [differences[i, frame] if 0 <= frame < count else np.inf for i, frame in enumerate(frames)], np.float64
    )


def _differences(path: Path, samples: Sequence[_Small], count: int) -> Float64[np.ndarray, "S F"]:
    """The mean difference of every sample from the first `count` frames."""
    pictures = np.stack(samples).astype(np.float32)
    listed = []
    for frame in read_frames(path):
        listed.append(np.abs(pictures - _shrink(frame.rgb)).mean((1, 2, 3)))
        if len(listed) == count:
            break
    return np.array(listed, np.float64).T.reshape(len(samples), -1)


def _read(archive: Archive, name: str) -> _Small | None:
    """A picture of the export in the size for comparison; None if it can't be read."""
    try:
        with Image.open(io.BytesIO(archive.read(name))) as picture:
            if picture.width * picture.height > MAX_PIXELS or picture.mode.startswith(("I", "F")):
                return None
            return _shrink(np.asarray(ImageOps.exif_transpose(picture).convert("RGB")))
    except (InputError, OSError, ValueError, SyntaxError):
        return None


def _shrink(rgb: UInt8[np.ndarray, "H W 3"]) -> _Small:
    return np.asarray(cv2.resize(rgb, _SIZE, interpolation=cv2.INTER_AREA), np.uint8)
