"""The layouts that a release may have, by their names in config.data.layout."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from input_pipeline.releases.a2d import A2DRelease
from input_pipeline.releases.folder import JoinedRelease, TableRelease
from input_pipeline.releases.folder_files import ONE_JSON, SPLIT_JSON, TRACKS, tracks_files
from input_pipeline.releases.folder_json import JsonRelease
from input_pipeline.releases.folder_table import TABLE
from input_pipeline.releases.regions import Release
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.layouts import LAYOUT_TITLES
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

AnyRelease = Release[Any]  # whatever its labels are


def open_folder(root: Path) -> AnyRelease:
    """Opens your own data in any of their forms. Raises InputError if `root` has none of the forms, or several."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; config.data.root must be the folder of your own data")
    files = [name for name in (TABLE, ONE_JSON, *SPLIT_JSON) if (root / name).is_file()]
    tracks = tracks_files(root)
    if files == [TABLE]:
        return JoinedRelease(root, tracks) if tracks else TableRelease(root)
    if files == [ONE_JSON]:
        return JsonRelease(root, {"": root / ONE_JSON})
    if files == list(SPLIT_JSON):
        return JsonRelease(root, {split: root / name for split, name in zip(SPLITS, SPLIT_JSON, strict=True)})
    forms = f"{TABLE}, or {' and '.join(SPLIT_JSON)}, or {ONE_JSON}"
    if files:
        raise InputError(f"{root}: has {' and '.join(files)}; expected only {forms}")
    if not tracks:
        zips = sorted(path.name for path in root.glob("*.zip"))
        hint = f". Is {first_few(zips)} an export of a labelling tool? Give the zip itself as data.root" if zips else ""
        raise InputError(f"{root}: has no file with the actions; expected {forms}, or labels/<video>/{TRACKS}{hint}")
    return JsonRelease(root, tracks)


# A new layout of labelled regions is a file of this folder, a line here, and its title in ssa2d_jax/data/layouts.py.
LAYOUTS: dict[str, Callable[[Path], AnyRelease]] = {"a2d": A2DRelease, "folder": open_folder}
assert LAYOUTS.keys() <= LAYOUT_TITLES.keys(), "every layout needs a title"


def open_release(layout: str, root: Path) -> AnyRelease:
    """Opens the release in `root`. Its tables are read when they are first needed, and never again."""
    return LAYOUTS[layout](root)


@functools.lru_cache(maxsize=4)
def open_release_once(layout: str, root: Path, fingerprint: str) -> AnyRelease:
    """Opens the release in `root` for all callers in this process together, so that its tables are read only once.

    A release that has changed has another `fingerprint` and is read again.
    """
    return open_release(layout, root)
