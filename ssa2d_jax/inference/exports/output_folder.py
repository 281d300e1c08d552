"""The output folder of a prediction: new files replace old ones at once, but never those that people changed."""

import json
import os
import shutil
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ssa2d_jax.utils.errors import InputError

SUMMARY = "summary.json"
_PART = 1 << 20  # bytes


def checksum(path: Path) -> int | None:
    """The CRC-32 of a file, or of a folder's files with their names; None if there is nothing."""
    if path.is_file():
        return _add_file(path, 0)
    if not path.is_dir():
        return None
    value = 0
    for file in sorted(path.iterdir()):
        value = zlib.crc32(os.fsencode(file.name), value)
        value = _add_file(file, value) if file.is_file() else value
    return value


def _add_file(path: Path, value: int) -> int:
    with open(path, "rb") as file:
        while part := file.read(_PART):
            value = zlib.crc32(part, value)
    return value


def read_summary(out_folder: Path) -> dict[str, Any]:
    """What an earlier run wrote about itself; empty if there is nothing that can be read."""
    try:
        content = json.loads((out_folder / SUMMARY).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def check_unchanged(out_folder: Path, keys: Mapping[str, str]) -> None:
    """Raises InputError if a file or folder is not what an earlier run wrote: corrections would be lost.

    Args:
        out_folder: where they are.
        keys: of their checksums in the summary, by their names.
    """
    written = read_summary(out_folder)
    for name, key in keys.items():
        path = out_folder / name
        found = checksum(path)
        if found is not None and written.get(key) != found:
            raise InputError(
                f"{path}: was changed after it was written, or {SUMMARY} beside it is missing or older; it is not "
                "overwritten: move it to another place, or choose another output folder"
            )


def replace_outputs(folder: Path, out_folder: Path, names: Iterable[str]) -> None:
    """Moves the new outputs into place and removes those of an earlier run that have no successor."""
    for name in names:
        new, old = folder / name, out_folder / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.is_symlink() or not new.exists():
            old.unlink(missing_ok=True)
        if new.exists():
            os.replace(new, old)
