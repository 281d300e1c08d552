"""Keeps compiled programs from one start to the next, in the user's cache folder: JAX's persistent cache.

A program's first compilation takes seconds to a minute, later starts read it in one. JAX_COMPILATION_CACHE_DIR
names another folder, JAX_ENABLE_COMPILATION_CACHE=false turns it off.
"""

import os
import platform
import re
import sys
import warnings
import zlib
from pathlib import Path
from typing import TextIO

_MOST_BYTES = 1 << 30
_DAMAGED = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")


def use_compile_cache() -> None:
    """Sets the cache up for this process; to be called before jax is imported. Does nothing where it can't be."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or "jax" in sys.modules:
        return
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(_MOST_BYTES))  # what was not used for long goes first
    _replace_damaged(folder)


def cache_folder() -> Path:
    """Where compiled programs are kept: a folder for each kind of processor, since a home may be shared by several."""
    home = os.environ.get("XDG_CACHE_HOME")
    base = Path(home) if home and Path(home).is_absolute() else Path.home() / ".cache"
    return base / "ssa2d_jax" / f"compiled-{platform.machine()}-{zlib.crc32(_processor().encode()):08x}"


def _processor() -> str:
    """What tells processors apart for which a compiler would write other programs."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def _replace_damaged(folder: Path) -> None:
    """Deletes an entry that JAX can't read (a full disk cut it off, say): it would warn at every start otherwise."""
    show = warnings.showwarning

    def show_or_delete(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        damaged = _DAMAGED.match(str(message))
        if damaged is None:
            show(message, category, filename, lineno, file, line)
            return
        for path in folder.glob(f"{damaged[1]}-*"):
            path.unlink(missing_ok=True)

    warnings.showwarning = show_or_delete
