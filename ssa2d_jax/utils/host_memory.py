"""Tells the C library to keep the memory that a step frees, for the next step."""

import ctypes
import os
import sys

_FEW_CORES = 8
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # glibc's names for mallopt


def keep() -> None:
    """From now on freed memory stays with the process; without glibc nothing changes.

    XLA asks for its workspace anew at every step on CPU. As glibc comes, each time the system hands over fresh pages
    and clears them, which takes a part of a small model's step. Where the cores are few, threads share one arena, as
    glibc gives the others' back whatever it is told; where they are many, they would wait for one another.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        if (os.cpu_count() or 1) <= _FEW_CORES:
            mallopt(_ARENA_MAX, 1)
        mallopt(_TRIM_THRESHOLD, 1 << 30)
