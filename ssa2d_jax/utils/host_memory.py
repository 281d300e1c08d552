"""Settings of the C library's memory allocator."""

import ctypes
import os
import sys

_FEW_CORES = 8
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # glibc's codes for mallopt
_MADV_HUGEPAGE = 14
_HUGE_PAGE = 1 << 21  # bytes
_RESERVED_SHARE = 0.5  # of the machine's memory


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
        _use_huge_pages()


def _use_huge_pages() -> None:
    """Makes the heap's next gigabytes pages of 2 MB where the kernel leaves that to programs.

    A convolution walks through hundreds of megabytes; with pages of 4 kB much of its time goes into looking up where
    they are. Only addresses are reserved here: memory is taken when it is written to.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    libc.free.restype, libc.free.argtypes = None, (ctypes.c_void_p,)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    size = int(_RESERVED_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    block = libc.malloc(size)
    if block is None:
        return
    start = -(-block // _HUGE_PAGE) * _HUGE_PAGE
    libc.madvise(start, block + size - start, _MADV_HUGEPAGE)  # a kernel without huge pages refuses, which is no harm
    libc.free(block)
