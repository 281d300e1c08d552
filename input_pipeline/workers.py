"""Work in several processes, in order; a killed one leaves no other hanging."""

import collections
import concurrent.futures.process
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress

_AHEAD = 4  # pieces of work a process that may be done before they are asked for


class Workers:
    """Processes that work side by side, as a context manager; one of them is this process itself, without others."""

    def __init__(self, processes: int):
        self._processes, self._pool = processes, None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def in_order(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """(item, work(item)) in order; `work` must be picklable if there are several processes.

        In place of a result, the InputError, OSError or ValueError that the item ended with. What is done ahead of
        the one asked for is bounded, so memory is, too.
        """
        if self._processes == 1:
            yield from ((item, _attempt(work, item)) for item in items)
            return
        if not self._pool:
            context = multiprocessing.get_context("spawn")  # a fork would copy other libraries' threads half-way
            self._pool = concurrent.futures.ProcessPoolExecutor(self._processes, context, _start_worker)
        waiting: collections.deque[tuple[Any, concurrent.futures.Future]] = collections.deque()
        try:
            for item in items:
                waiting.append((item, self._pool.submit(_attempt, work, item)))
                if len(waiting) > _AHEAD * self._processes:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError("a worker process was killed (out of memory?); try fewer processes") from None


def _attempt(work: Callable[[Any], Any], item: Any) -> Any:
    try:
        return work(item)
    except (InputError, OSError, ValueError) as error:
        return error


def run_tasks(render: Callable[[Any], Any], tasks: Sequence[Any], processes: int) -> list[Any]:
    """-> [render(task) for task in tasks], in order, with progress; `render` must be picklable if `processes` > 1."""
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
