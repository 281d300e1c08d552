"""One process at a time. A lock ends with the process that holds it, however that ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log


@contextlib.contextmanager
def wait_for_lock(path: Path, waiting: str) -> Iterator[None]:
    """Holds a lock on file `path`; says `waiting` if another process has it, and waits."""
    with open(path, "w") as file:
        if not _taken(file):
            log(f"{waiting} ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def try_lock(path: Path, refusal: str) -> Iterator[None]:
    """Holds a lock on file `path`; raises InputError(`refusal`) if another process has it."""
    with open(path, "w") as file:
        if not _taken(file):
            raise InputError(refusal)
        yield


def _taken(file: IO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
