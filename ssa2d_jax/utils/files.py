"""Writing files atomically: a file is complete or does not exist."""

import contextlib
import os
from pathlib import Path


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
