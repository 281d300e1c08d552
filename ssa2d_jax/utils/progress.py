"""Progress in words: counts, rate, time left, and the one place that decides "is it time?"."""

import sys
import time


def is_due(done: int, every: int, total: int) -> bool:
    """Whether something due every `every` updates (0 = only at the end) is due after `done` of `total` updates."""
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
    """One line to the person who waits, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Counts units of work and tells rate and time left; `total` may be unknown (None).

    The rate is that since the first count: what comes before it, compiling above all, comes once.
    """

    def __init__(self, what: str, unit: str, total: int | None, every_seconds: float = 5.0):
        self.what, self.unit, self.total, self.every = what, unit, total, every_seconds
        self.done, self.first, self.start = 0, 0, time.monotonic()
        self._said = self.start

    def rate(self) -> float:
        """Units a second since the first count."""
        return (self.done - self.first) / max(time.monotonic() - self.start, 1e-9)

    def add(self, units: int) -> None:
        """Counts `units` more and says so: every few seconds at first, six times as rarely from five minutes on."""
        if not self.done:
            self.first, self.start = units, time.monotonic()
        self.done += units
        now = time.monotonic()
        if now - self._said >= self.every * min(1 + (now - self.start) / 60, 6):
            self._said = now
            log(self.text())

    def text(self) -> str:
        """How far, and from the second count on how fast and how long."""
        share = f"{self.done} {self.unit}" if self.total is None else f"{self.done} of {self.total} {self.unit}"
        if self.done <= self.first:
            return f"{self.what}: {share}"
        told = f"{self.what}: {share}, {self.rate():.1f} a second"
        return told if self.total is None else f"{told}, {duration(max(self.total - self.done, 0) / self.rate())} left"
