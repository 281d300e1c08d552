"""Instance maps of your own data, and the regions that they make."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from input_pipeline.releases.folder_table import Row
from input_pipeline.releases.regions import Regions
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import MAX_PIXELS

_MOST_COUNTED = 1 << 16  # a PNG's numbers are below
_MODES = ("1", "L", "P", "I", "I;16", "I;16B")  # PNG: one number a pixel


def read_instances(path: Path) -> np.ndarray:
    """The PNG's instance numbers, int64 [H, W]; InputError for a picture that isn't one number a pixel."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(f"{path}: {picture.width}x{picture.height} pixels; at most {MAX_PIXELS} are read")
            if picture.mode not in _MODES:
                raise InputError(
                    f"{path}: a picture in {picture.mode}; needed is a number a pixel (grey, or a palette as in DAVIS)"
                )
            return np.asarray(picture).astype(np.int64)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a PNG that can be read ({error})") from error


def instance_regions(instances: np.ndarray, frame: int, rows: tuple[Row, ...], space: LabelSpace) -> Regions:
    """One labelled frame of instance numbers int64 [H, W], 0 = background: a region an instance.

    Those that no row tells of at this frame are ignored.
    """
    found, region_map = _numbered(instances)
    holding = {row.instance: row for row in rows if row.holds(frame)}
    doing = [holding.get(int(one)) for one in found]
    ignore = np.array([row is None for row in doing], bool)
    actor = np.array([space.actors.index(row.actor) if row else 0 for row in doing], np.int64)
    actions = np.zeros((len(found), len(space.actions)), bool)
    for i, row in enumerate(doing):
        if row:
            actions[i, space.actions.index(row.action)] = True
    return Regions(region_map, actor, actions, ignore, found)


def _numbered(instances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that there are, ascending, without 0; and uint16 [H, W], the place of a pixel's among them from 1."""
    top = int(instances.max())
    if top < _MOST_COUNTED:  # many times faster than to sort the pixels
        found = np.flatnonzero(np.bincount(instances.ravel()))
        found = found[found > 0]
        places = np.zeros(top + 1, np.uint16)
        places[found] = np.arange(1, len(found) + 1)
        return found, places[instances]
    found = np.unique(instances)
    found = found[found > 0]
    return found, (np.searchsorted(found, instances, side="right")).astype(np.uint16)
