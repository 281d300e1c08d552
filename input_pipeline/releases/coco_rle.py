"""Masks as COCO's JSON has them: run lengths with their size, or anything else, which is named."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from input_pipeline.releases.json_fields import shorten, whole_number
from input_pipeline.releases.regions import turned_hint
from ssa2d_jax.data import run_lengths
from ssa2d_jax.utils.errors import InputError


class Mask(NamedTuple):
    """A mask of a labelled frame: the code that it draws, its annotation, and its run lengths, not checked yet."""

    code: int
    annotation: str
    run_lengths: object


def draw_masks(masks: Iterable[Mask], size: tuple[int, int]) -> Int64[np.ndarray, "H W"]:
    """Draws the codes of masks in their order, 0 where there is no mask.

    Raises:
        InputError: A mask is wrong; the message names its annotation.
    """
    codes = np.zeros(size, np.int64)
    for mask in masks:
        try:
            codes[decode(mask.run_lengths, size)] = mask.code
        except InputError as error:
            raise InputError(f"{mask.annotation}: {error}") from error
    return codes


def decode(mask: object, size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Decodes a mask from the lengths of its runs of 0 and 1, which alternate, column after column.

    Args:
        mask: {"size": [H, W], "counts": a list of whole numbers, or a compressed text}, or anything else.
        size: Expected height and width.

    Raises:
        InputError: `mask` is anything but runs that fill `size` exactly.
    """
    if isinstance(mask, list) and not mask:
        raise InputError("is an empty list; expected run lengths, or null in a frame without a mask")
    if isinstance(mask, list) and isinstance(mask[0], dict):
        raise InputError(f"has a list of {len(mask)} run lengths in a frame; join them: pycocotools.mask.merge")
    if isinstance(mask, list):
        raise InputError("is a polygon; expected run lengths: pycocotools.mask.frPyObjects converts it")
    if not isinstance(mask, dict) or "counts" not in mask:
        raise InputError('has no run lengths; expected {"size": [height, width], "counts": ...}')
    height, width = size
    if mask.get("size") != [height, width]:
        found = f"its size is {shorten(mask.get('size'))}; the video's is [{height}, {width}] (height, width)"
        raise InputError(found + (turned_hint((width, height), size) if mask.get("size") == [width, height] else ""))
    counts = mask["counts"]
    if isinstance(counts, str):
        counts = run_lengths.decompress(counts)
    elif isinstance(counts, list) and None not in (whole := [whole_number(count) for count in counts]):
        counts = whole
    else:
        raise InputError("its counts are neither a list of whole numbers nor a text")
    return run_lengths.draw_runs(counts, size)
