"""COCO's run lengths of a mask, as pycocotools writes them, read without trusting them."""

from typing import Any

import numpy as np

from ssa2d_jax.utils.errors import InputError

_MOST_DIGITS = 7  # of five bits each: more than any number of pixels needs


def decode(told: Any, size: tuple[int, int]) -> np.ndarray:
    """The mask bool [H, W] of `told`, {"size": [H, W], "counts": a list of whole numbers, or a compressed text}.

    Runs of 0 and 1 alternate, column after column. InputError for anything but runs that fill `size` (H, W) exactly.
    """
    if isinstance(told, list):
        raise InputError("a polygon; needed are run lengths, as pycocotools.mask.frPyObjects makes them")
    if not isinstance(told, dict) or "counts" not in told:
        raise InputError('no run lengths; needed is {"size": [height, width], "counts": ...}')
    height, width = size
    if told.get("size") != [height, width]:
        raise InputError(f"its size is {told.get('size')!r:.40}, that of the video [{height}, {width}] (height, width)")
    counts = told["counts"]
    if isinstance(counts, str):
        counts = _decompressed(counts)
    elif not isinstance(counts, list) or not all(type(n) is int for n in counts):
        raise InputError("its counts are neither a list of whole numbers nor a text")
    if not all(0 <= n <= height * width for n in counts):
        raise InputError(f"its runs have one below 0 or above {height} x {width}")
    if sum(counts) != height * width:
        raise InputError(f"its runs cover {sum(counts)} pixels; {height} x {width} are {height * width}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T  # [H, W]


def _decompressed(text: str) -> list[int]:
    """The counts of a text: five bits a character, low ones first; from the fourth on, steps from the last but one."""
    if not text or not text.isascii():
        raise InputError("its counts are no text of run lengths")
    digits = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - 48
    strange = (digits < 0) | (digits > 63)
    if strange.any():
        raise InputError(f"its counts have a {text[int(strange.argmax())]!r}, which is none of run lengths' characters")
    ends = np.flatnonzero((digits & 32) == 0)
    if len(ends) == 0 or ends[-1] != len(digits) - 1:
        raise InputError("its counts break off in the middle of a number")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MOST_DIGITS:
        raise InputError("its counts have a number that is too large")
    places = np.arange(len(digits)) - np.repeat(starts, lengths)
    values = np.add.reduceat((digits & 31) << (5 * places), starts)
    values -= np.where(digits[ends] & 16, 1 << (5 * lengths), 0)
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    return values.tolist()
