"""COCO's run lengths of masks, as pycocotools writes them, read without trusting them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from ssa2d_jax.utils.errors import InputError

_MOST_DIGITS = 7  # of five bits each: more than any number of pixels needs


def decompress(text: str) -> list[int]:
    """The lengths of runs of 0 and 1, which alternate, in a compressed text.

    A character holds five bits, the lowest come first. From the fourth number on, the text has the difference from the
    number two places before.

    Raises:
        InputError: `text` is no such text. Runs may still be below 0 or not fill a mask: see `check_runs`.
    """
    if not text or not text.isascii():
        raise InputError("its counts are not a text of run lengths")
    digits = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - 48
    invalid = (digits < 0) | (digits > 63)
    if invalid.any():
        raise InputError(f"its counts contain {text[int(invalid.argmax())]!r}, which is not a character of run lengths")
    ends = np.flatnonzero((digits & 32) == 0)
    if len(ends) == 0 or ends[-1] != len(digits) - 1:
        raise InputError("its counts end in the middle of a number")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MOST_DIGITS:
        raise InputError("its counts contain a number that is too large")
    places = np.arange(len(digits)) - np.repeat(starts, lengths)
    values = np.add.reduceat((digits & 31) << (5 * places), starts)
    values -= np.where(digits[ends] & 16, 1 << (5 * lengths), 0)
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    return values.tolist()


def check_runs(runs: Sequence[int], size: tuple[int, int]) -> None:
    """Raises InputError unless runs fill a mask of `size` (height, width) exactly."""
    height, width = size
    if not all(0 <= run <= height * width for run in runs):
        raise InputError(f"one of its runs is below 0 or above {height} x {width}")
    if sum(runs) != height * width:
        raise InputError(f"its runs cover {sum(runs)} pixels; expected {height} x {width} = {height * width}")


def draw_runs(runs: Sequence[int], size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The mask of `size` (height, width) that runs fill, column after column. Raises InputError as `check_runs`."""
    check_runs(runs, size)
    height, width = size
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T
