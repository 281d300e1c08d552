"""Renders clips in several processes with progress on stderr; a killed one leaves no other hanging."""

import concurrent.futures.process
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2

from ssa2d_jax.batch import InputError
from ssa2d_jax.progress import Progress


def run(render: Callable[[Any], Any], tasks: Sequence[Any], processes: int) -> list[Any]:
    """-> [render(task) for task in tasks], in order; `render` must be picklable if `processes` > 1."""
    if processes == 1:
        return list(_counted(map(render, tasks), len(tasks)))
    context = multiprocessing.get_context("spawn")  # a fork would copy other libraries' threads half-way
    with concurrent.futures.ProcessPoolExecutor(processes, context, _start_worker) as pool:
        try:
            return list(_counted(pool.map(render, tasks, chunksize=8), len(tasks)))
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError("a rendering process was killed (out of memory?); try 1 process") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _start_worker() -> None:
    """One thread a process, Ctrl-C left to the parent, and an end when the parent was killed."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow_parent() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()


def _counted(rows: Iterable[Any], total: int) -> Iterator[Any]:
    """Yields `rows` and says how many, how fast, how long still."""
    progress = Progress("rendering", "clips", total)
    for row in rows:
        yield row
        progress.add(1)
