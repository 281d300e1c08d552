"""The regions of one labelled frame: who is where and does what."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Regions:
    """What one labelled frame says: a region number for every pixel, and a table of the regions.

    map      [H, W] uint16, 0 = background; region r >= 1 is line r - 1 of the table
    actor    [R] int64 class, 0 where ignored
    actions  [R, action classes] bool
    ignore   [R] bool: codes outside the valid pairs
    codes    [R] int64, as annotated
    """

    map: np.ndarray
    actor: np.ndarray
    actions: np.ndarray
    ignore: np.ndarray
    codes: np.ndarray
