"""The layouts that a release may have, by the name in config.data.layout."""

import functools
from collections.abc import Callable
from pathlib import Path

from input_pipeline.releases import a2d
from input_pipeline.releases.folder import Release
from input_pipeline.releases.folder_files import ONE_JSON, SPLIT_JSON, TRACKS, _tracks_in
from input_pipeline.releases.folder_joined import JoinedRelease
from input_pipeline.releases.folder_json import JsonRelease
from input_pipeline.releases.folder_table import TABLE
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError

AnyRelease = a2d.Release | Release


def open_folder(root: Path) -> Release:
    """The data in folder `root`, whichever of the forms they have; InputError if they have none, or two."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; config.data.root has to be a folder of your own data")
    there = [name for name in (TABLE, ONE_JSON, *SPLIT_JSON) if (root / name).is_file()]
    tracks = _tracks_in(root)
    if there == [TABLE]:
        return JoinedRelease(root, tracks) if tracks else Release(root)
    if there == [ONE_JSON]:
        return JsonRelease(root, {"": root / ONE_JSON})
    if there == list(SPLIT_JSON):
        return JsonRelease(root, {split: root / name for split, name in zip(SPLITS, SPLIT_JSON, strict=True)})
    forms = f"{TABLE}, or {' and '.join(SPLIT_JSON)}, or {ONE_JSON}"
    if there:
        raise InputError(f"{root}: has {' and '.join(there)}; needed is {forms}")
    if not tracks:
        raise InputError(f"{root}: says of no instance what it does; needed is {forms}, or labels/<video>/{TRACKS}")
    return JsonRelease(root, tracks)


# A new layout of labelled regions is one file of this folder and its line here.
LAYOUTS: dict[str, Callable[[Path], AnyRelease]] = {"a2d": a2d.Release, "folder": open_folder}


@functools.lru_cache(maxsize=4)
def open_release(layout: str, release: Path) -> AnyRelease:
    """The release in folder `release`, read as `layout` says."""
    return LAYOUTS[layout](release)
