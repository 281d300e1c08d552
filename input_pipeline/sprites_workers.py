"""Renders clips in several processes with progress on stderr; a killed one leaves no other hanging."""

import concurrent.futures.process
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2

from ssa2d_jax.batch import InputError


def run(render: Callable[[Any], Any], tasks: Sequence[Any], processes: int) -> list[Any]:
    """-> [render(task) for task in tasks], in order; `render` must be picklable if `processes` > 1."""
    if processes == 1:
        return list(_progress(map(render, tasks), len(tasks)))
    context = multiprocessing.get_context("spawn")  # a fork would copy other libraries' threads half-way
    with concurrent.futures.ProcessPoolExecutor(processes, context, _start_worker) as pool:
        try:
            return list(_progress(pool.map(render, tasks, chunksize=8), len(tasks)))
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


def _progress(rows: Iterable[Any], total: int) -> Iterator[Any]:
    """Yields `rows`, with a line on stderr every few seconds: how many, how fast, how long still."""
    start = shown = time.monotonic()
    for done, row in enumerate(rows, start=1):
        yield row
        now = time.monotonic()
        if now - shown > 5 or done == total:
            shown, rate = now, done / max(now - start, 1e-9)
            left = f"{(total - done) / rate:.0f} s left"
            print(
                f"sprites world: {done}/{total} clips, {rate:.1f} clips/s, {left}",
                file=sys.stderr,
                flush=True,
            )
