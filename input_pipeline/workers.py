"""One pool of processes: results in order, and no process left behind when one of them is killed."""

import collections
import concurrent.futures.process
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import cv2

from ssa2d_jax.utils.errors import InputError

_AHEAD = 4  # results per process that may be ready before the caller asks for them

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Context manager for `processes` worker processes; with 1, this process does the work and none is started."""

    def __init__(self, processes: int):
        self._processes = processes
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def in_order(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """Yields (item, work(item)) in the order of `items`.

        An InputError, OSError or ValueError that `work` raises is yielded instead of a result; any other error is
        raised. Only a few results are computed ahead, which bounds the memory.

        Args:
            work: must be picklable if there is more than one process.
            items: the arguments, picklable too.
        """
        if self._processes == 1:
            yield from ((item, _attempt(work, item)) for item in items)
            return
        pool = self._start()
        pending: collections.deque[tuple[Item, concurrent.futures.Future[Result | Exception]]] = collections.deque()
        try:
            for item in items:
                pending.append((item, pool.submit(_attempt, work, item)))
                if len(pending) > _AHEAD * self._processes:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        except concurrent.futures.process.BrokenProcessPool:
            raise InputError("a worker process was killed (out of memory?); try fewer processes") from None

    def _start(self) -> concurrent.futures.ProcessPoolExecutor:
        """The pool, started by the first call."""
        if not self._pool:
            # A forked process would have copies of other libraries' threads in the middle of their work.
            context = multiprocessing.get_context("spawn")
            self._pool = concurrent.futures.ProcessPoolExecutor(self._processes, context, _start_worker)
        return self._pool


def _attempt(work: Callable[[Item], Result], item: Item) -> Result | Exception:
    try:
        return work(item)
    except (InputError, OSError, ValueError) as error:
        return error


def _start_worker() -> None:
    """Limits OpenCV to one thread, leaves Ctrl-C to the parent, and ends this process when the parent is gone."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent: Any = multiprocessing.parent_process()  # never None in a worker

    def follow_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()
