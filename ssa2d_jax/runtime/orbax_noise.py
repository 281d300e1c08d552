"""Keeps what Orbax says beside its errors off the screen; the errors themselves are raised."""

import functools
import logging
import sys


@functools.cache
def silence_orbax() -> None:
    """Drops Orbax's log lines, and tracebacks of writes that end after another one has failed; once for the process."""
    logging.getLogger("absl").addFilter(_is_not_of_orbax)
    show = sys.unraisablehook

    def show_others(unraisable: "sys.UnraisableHookArgs") -> None:
        # On a full disk, the first failed write closes the event loop to which the others report.
        if not (unraisable.exc_type is RuntimeError and str(unraisable.exc_value) == "Event loop is closed"):
            show(unraisable)

    sys.unraisablehook = show_others


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname
