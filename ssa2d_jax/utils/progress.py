"""Progress messages: counts, rate and time left; and the one rule for what is due at which step."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

TICK = 10.0  # seconds between two signs of life
_is_tick_shown = threading.Event()  # a line in a terminal that the next one replaces


_is_quiet = threading.Event()  # of several processes one writes these lines


def be_quiet() -> None:
    """Writes no lines of progress any more in this process."""
    _is_quiet.set()


def is_due(done: int, every: int, total: int) -> bool:
    """Whether something that happens every `every` steps (0 = only at the end) is due after `done` of `total` steps."""
    return done == total or (every > 0 and done > 0 and done % every == 0)


def duration(seconds: float) -> str:
    """Seconds in words: 42 s, 3 min 05 s, 2 h 07 min."""
    seconds = int(seconds + 0.5)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def log(text: str) -> None:
    """Writes one line for the user to stderr."""
    if _is_quiet.is_set():
        return
    clear = "\r\x1b[K" if _is_tick_shown.is_set() else ""
    _is_tick_shown.clear()
    print(f"{clear}{text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def waiting(what: str, note: str = "", tick: float = TICK) -> Iterator[None]:
    """Logs that a long call begins and, while it goes on, how long it has taken so far.

    In a terminal that is one line, written anew every few seconds; elsewhere a line after 10 s, 20 s, 40 s, ...

    Args:
        what: what is being done, e.g. "compiling the training step".
        note: how long it usually takes, or why it is needed.
        tick: seconds until the first sign of life.
    """
    log(f"{what}; {note}" if note else what)
    if _is_quiet.is_set():
        yield
        return
    ended, start = threading.Event(), time.monotonic()
    ticker = threading.Thread(target=_tick, args=(what, tick, ended, start), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        ended.set()
        ticker.join()
        if _is_tick_shown.is_set():
            _is_tick_shown.clear()
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def compile_note(first_time: str) -> str:
    """How long a compilation takes: `first_time` on a CPU, less where compiled programs are kept."""
    later = ", seconds if it was compiled before" if os.environ.get("JAX_COMPILATION_CACHE_DIR") else ""
    return f"{first_time} on a CPU{later}"


def _tick(what: str, seconds: float, ended: threading.Event, start: float) -> None:
    """Says how long `what` has taken, until it has ended."""
    is_terminal = sys.stderr.isatty()
    wait = seconds
    while not ended.wait(wait):
        text = f"{what}: {duration(time.monotonic() - start)} so far"
        if is_terminal:
            _is_tick_shown.set()
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        else:
            log(text)
            wait = time.monotonic() - start  # twice as long each time


class Progress:
    """Counts units of work and logs the rate and the time left; `total` is None if it is unknown.

    The rate is measured from the first count on: what comes before it, above all compilation, happens only once.
    """

    def __init__(self, what: str, unit: str, total: int | None, every_seconds: float = 5.0) -> None:
        self.what, self.unit, self.total, self.every = what, unit, total, every_seconds
        self.done, self.first, self.start = 0, 0, time.monotonic()
        self._last_logged = self.start

    def rate(self) -> float:
        """Units per second since the first count."""
        return (self.done - self.first) / max(time.monotonic() - self.start, 1e-9)

    def add(self, units: int) -> None:
        """Counts `units` more and logs that: every few seconds at first, a sixth as often after five minutes."""
        if not self.done:
            self.first, self.start = units, time.monotonic()
        self.done += units
        now = time.monotonic()
        if now - self._last_logged >= self.every * min(1 + (now - self.start) / 60, 6):
            self._last_logged = now
            log(self.text())

    def text(self) -> str:
        """What is done and, from the second count on, the rate and the time left."""
        share = f"{self.done} {self.unit}" if self.total is None else f"{self.done} of {self.total} {self.unit}"
        if self.done <= self.first:
            return f"{self.what}: {share}"
        text = f"{self.what}: {share}, {self.rate():.1f} per second"
        return text if self.total is None else f"{text}, {duration(max(self.total - self.done, 0) / self.rate())} left"
