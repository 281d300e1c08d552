"""What the demo prints: a line when a step begins, signs of life, how long it took; the rest goes to log files."""

import contextlib
import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import duration

_TICK = 8.0  # seconds without a line after which the last line of a log file is shown
_WIDTH = 68
_GRACE = 10.0  # seconds that the process in the background has to save


class Terminal:
    """Prints the steps of the demo and measures them; `times` is what each took, in seconds, by title."""

    def __init__(self, log: Path) -> None:
        self.times = dict[str, float]()
        self._log, self._printed = log, time.monotonic()
        log.write_text("")

    def say(self, text: str = "") -> None:
        """Prints a line."""
        print(text, flush=True)
        self._printed = time.monotonic()

    @contextlib.contextmanager
    def step(self, title: str, watched: Path | None = None) -> Iterator[None]:
        """A step of the demo, whose own messages go to the log file.

        Args:
            title: what it does, as a line for the user.
            watched: a log file whose last line is shown as a sign of life; by default the demo's own.
        """
        self.say(title)
        start, ended = time.monotonic(), threading.Event()
        # Of its own log, what an earlier step said is no sign of life.
        before = 0 if watched else self._log.stat().st_size
        ticker = threading.Thread(target=self._tick, args=(watched or self._log, before, ended), daemon=True)
        ticker.start()
        try:
            with open(self._log, "a") as log, contextlib.redirect_stderr(log), contextlib.redirect_stdout(log):
                yield
        finally:
            ended.set()
            ticker.join()
        self.times[title] = time.monotonic() - start
        self.say(f"    {duration(self.times[title])}")

    def _tick(self, path: Path, before: int, ended: threading.Event) -> None:
        """Shows the last line of a log file, from byte `before` on, now and then until `ended`: in a terminal always in
        the same line.
        """
        output, start, is_shown = sys.__stdout__ or io.StringIO(), time.monotonic(), False
        is_terminal = output.isatty()
        while not ended.wait(1.0):
            if is_terminal or time.monotonic() - self._printed >= _TICK:
                text = f"    {duration(time.monotonic() - start)}  {last_line(path, before)}"
                print(
                    f"\r\x1b[K{text}" if is_terminal else text, end="" if is_terminal else "\n", file=output, flush=True
                )
                self._printed, is_shown = time.monotonic(), is_terminal
        if is_shown:
            print("\r\x1b[K", end="", file=output, flush=True)


def last_line(path: Path, before: int = 0) -> str:
    """The last line of a log file, from byte `before` on, shortened; "" if there is none."""
    with contextlib.suppress(OSError):
        text = path.read_bytes()[before:].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1] if len(lines[-1]) <= _WIDTH else lines[-1][: _WIDTH - 3] + "..."
    return ""


class Background:
    """A process whose output goes to a log file; leaving the block ends it, after it had time to save."""

    def __init__(self, command: Sequence[str], folder: Path, log: Path) -> None:
        self.log = log
        with open(log, "w") as output:
            self._process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is not None:
            return
        try:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        finally:  # after a second Ctrl-C, too
            self._process.kill()
            self._process.wait()

    def wait(self) -> None:
        """Waits for its end. Raises InputError if it failed."""
        if code := self._process.wait():
            raise InputError(f"the training ended with exit code {code}: {last_line(self.log)} (all of it: {self.log})")
