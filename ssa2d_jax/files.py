"""Files that are whole or not there."""

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Writes `text` to `path` under a temporary name and renames it: a kill leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, newline="")
    os.replace(temporary, path)
