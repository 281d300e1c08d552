"""Locks between processes. A lock ends with the process that holds it, however that process ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import NOT_PERMITTED
from ssa2d_jax.utils.progress import log


@contextlib.contextmanager
def wait_for_lock(path: Path, message: str) -> Iterator[None]:
    """Holds a lock on file `path`; if another process has it, logs `message` and waits.

    Where nothing may be written there is nothing to lock: what is complete can be read, and writing says why it fails.
    """
    try:
        opened = open(path, "w")  # noqa: SIM115  closed below
    except OSError as error:
        if error.errno not in NOT_PERMITTED:
            raise
        opened = None
    if opened is None:  # outside the handler, so that no later error seems to come from this one
        yield
        return
    with opened as file:
        if not _acquire(file):
            log(f"{message} ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def try_lock(path: Path, message: str) -> Iterator[None]:
    """Holds a lock on file `path`; if another process has it, raises InputError(`message`)."""
    with open(path, "w") as file:
        if not _acquire(file):
            raise InputError(message)
        yield


def _acquire(file: TextIO) -> bool:
    """Takes the lock if it is free; returns whether it was."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
