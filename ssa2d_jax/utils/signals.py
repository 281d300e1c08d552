"""Ctrl-C and SIGTERM: long work finishes what it has in hand before it ends."""

import signal
import threading
from collections.abc import Callable
from typing import Any

from ssa2d_jax.utils.progress import log


class Stopped(RuntimeError):
    """SIGTERM or Ctrl-C came, and what was done before it is saved. `signal` says which it was."""

    def __init__(self, signal_number: int, told: str):
        super().__init__(f"stopped by {signal.Signals(signal_number).name} {told}")
        self.signal = signal_number


class StopSignal:
    """While it is entered, a SIGTERM or a first Ctrl-C is noted in `requested`; a second Ctrl-C ends all at once.

    `then`, a text, is said at the first signal, after its name; `act` is called. Outside the main thread, which alone
    gets signals, it does nothing.
    """

    def __init__(self, then: str, act: Callable[[], None] = lambda: None) -> None:
        self.requested = 0  # the signal's number
        self._then, self._act = then, act
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: Any) -> None:
        if self.requested == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = number
        self._act()
        log(f"{signal.Signals(number).name}: {self._then}")
