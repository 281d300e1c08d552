"""Writing files atomically, checking where they go, and telling files that no person has put there."""

import contextlib
import os
from pathlib import Path

from ssa2d_jax.utils.errors import InputError

# What the Finder, Explorer, archives and NAS systems leave in folders, in lower case; most other such names are hidden.
_CLUTTER = frozenset(
    ("thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "icon\r", "__macosx", "@eadir", "@tmp", "@recycle",
     "#recycle", "$recycle.bin", "system volume information", "lost+found")
)  # fmt: skip
_CLUTTER_ENDINGS = (":zone.identifier", "~")  # of a download that Windows marks; of an editor's copy


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is hidden (.DS_Store, ._a.png) or one that a system leaves (Thumbs.db)."""
    lower = name.lower()
    return name.startswith(".") or lower in _CLUTTER or lower.endswith(_CLUTTER_ENDINGS)


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
