"""One process at a time."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from ssa2d_jax.progress import say


@contextlib.contextmanager
def exclusive(path: Path, waiting: str) -> Iterator[None]:
    """Holds a lock on file `path`; says `waiting` if another process has it, and waits."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{waiting} ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
