"""Ctrl-C and SIGTERM: long work finishes its current item before it ends."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from ssa2d_jax.utils.progress import log


class Stopped(RuntimeError):
    """SIGTERM or Ctrl-C ended the work; everything finished before is saved. `signal` is the signal's number."""

    def __init__(self, signal_number: int, detail: str) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name} {detail}")
        self.signal = signal_number


class StopSignal:
    """Context manager that notes SIGTERM or the first Ctrl-C in `requested`; a second Ctrl-C interrupts at once.

    At the first signal it logs `message` after the signal's name and calls `on_signal`. Only the main thread gets
    signals: in other threads it does nothing.
    """

    def __init__(self, message: str, on_signal: Callable[[], None] = lambda: None) -> None:
        self.requested = 0  # the signal's number
        self.message, self._on_signal = message, on_signal
        self._previous: dict[signal.Signals, Any] = {}  # handlers

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.requested == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = number
        self._on_signal()
        log(f"{signal.Signals(number).name}: {self.message}")
