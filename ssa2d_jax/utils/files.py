"""Writing files atomically, checking where they go, and telling which names are files."""

import contextlib
import errno
import os
import re
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log

NOT_PERMITTED = (errno.EACCES, errno.EPERM, errno.EROFS)  # by the permissions of a folder, or a read-only file system
# What the Finder, Explorer, archives and NAS systems leave in folders, in lower case; most other such names are hidden.
_CLUTTER = frozenset(
    ("thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "icon\r", "__macosx", "@eadir", "@tmp", "@recycle",
     "#recycle", "$recycle.bin", "system volume information", "lost+found")
)  # fmt: skip
_CLUTTER_ENDINGS = (":zone.identifier", "~")  # of a download that Windows marks; of an editor's copy
_ADDRESS = re.compile(r"(?:https?|rtsps?|rtmps?|rtp|udp|tcp|srt)://", re.IGNORECASE)


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is hidden (.DS_Store, ._a.png) or one that a system leaves (Thumbs.db)."""
    lower = name.lower()
    return name.startswith(".") or lower in _CLUTTER or lower.endswith(_CLUTTER_ENDINGS)


def is_address(path: str | Path) -> bool:
    """Whether this is an address in a network (http, rtsp, ...), not a file."""
    return isinstance(path, str) and _ADDRESS.match(path) is not None


def local_path(path: str | Path) -> Path:
    """The path of a file, which may be written as file:///..."""
    if isinstance(path, str) and path.lower().startswith("file:"):
        return Path(urllib.request.url2pathname(urllib.parse.urlsplit(path).path))
    return Path(path)


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


def write_if_permitted(write: Callable[[], object], place: Path) -> bool:
    """Calls `write`, for which reading `place` was all that mattered: without permission, it logs what is not written.

    Returns:
        Whether it was written.
    """
    try:
        write()
    except OSError as error:
        if error.errno not in NOT_PERMITTED:
            raise
        log(f"not written: {error.filename or place}: {error.strerror}; copy {place} to where you may write")
        return False
    return True


def check_place(path: str | Path, example: str) -> Path:
    """The path of a file that can be written; raises InputError if it is a folder or lies in none."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; give the path of a file, e.g. {path / example}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first, or choose another place")
    return path
