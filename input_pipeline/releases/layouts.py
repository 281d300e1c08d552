"""The layouts that a release may have, by the name in config.data.layout."""

import functools
from pathlib import Path

from input_pipeline.releases import a2d, folder, folder_layout

AnyRelease = a2d.Release | folder.Release


@functools.lru_cache(maxsize=4)
def open_release(layout: str, release: Path) -> AnyRelease:
    """The release in folder `release`, read as `layout` ("a2d" or "folder") says."""
    return {"a2d": a2d.Release, "folder": folder_layout.open_folder}[layout](release)
