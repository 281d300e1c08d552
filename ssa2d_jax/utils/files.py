"""Writing files atomically: a file is complete or does not exist."""

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Writes `text` to a temporary file and renames it to `path`: a kill leaves the old file or the new one."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, data: bytes) -> None:
    """Writes `data` to a temporary file and renames it to `path`: a kill leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
