"""Settings of the C library's memory allocator."""

import ctypes
import os
import sys

_FEW_CORES = 8
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # glibc's codes for mallopt


def keep_freed_memory() -> None:
    """Makes the process keep freed memory for later steps; does nothing without glibc.

    On CPU, XLA allocates its workspace again at every step. By default glibc returns the memory to the system, which
    then has to clear new pages: a noticeable part of a small model's step. On few cores all threads share one arena,
    because glibc returns the memory of other arenas whatever the settings are; on many cores the threads would wait
    for one another.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        if (os.cpu_count() or 1) <= _FEW_CORES:
            mallopt(_ARENA_MAX, 1)
        mallopt(_TRIM_THRESHOLD, -1)  # never: the workspace of one step can be several GB
