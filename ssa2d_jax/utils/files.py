"""Writing files atomically, so that a file is complete or does not exist; and checking where they go."""

import contextlib
import os
from pathlib import Path

from ssa2d_jax.utils.errors import InputError


def replace_text(path: Path, text: str) -> None:
    """Writes `text` to a temporary file and renames it to `path`: a kill leaves the old file or the new one."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to a temporary file and renames it to `path`: a kill leaves the old file or the new one.

    Raises:
        OSError: it can't be written, e.g. because the disk is full; it names `path`, whose old content is unchanged.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def check_place(path: str | Path, example: str) -> Path:
    """The path of a file that can be written; raises InputError if it is a folder or lies in none."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; give the path of a file, e.g. {path / example}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first, or choose another place")
    return path
