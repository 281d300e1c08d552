"""Progress messages: counts, rate and time left; and the one rule for what is due at which step."""

import sys
import time


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
    print(text, file=sys.stderr, flush=True)


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
