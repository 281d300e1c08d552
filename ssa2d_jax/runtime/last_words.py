"""What a process says when the first one of its run is gone: a sentence, in the place of jax's stack traces.

jax's client ends the process by itself then, from C++, where no code of ours runs any more. So a small program reads
what the process writes to stderr and passes it on.
"""

import contextlib
import os
import subprocess
import sys

_FATAL = b"Terminating process because the JAX distributed service detected fatal errors"
_LATE = b"DEADLINE_EXCEEDED"
_CHATTER = b"Polled an error from coordination service"


class StderrFilter:
    """Sends this process's stderr through the filter below, until `close`.

    Args:
        lost: what is said when the first process is gone.
        late: what is said when not all processes have started in time.
    """

    def __init__(self, lost: str, late: str) -> None:
        # Without site packages it starts in a few milliseconds; in its own session Ctrl-C does not reach it.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, lost, late], stdin=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdin is not None
        sys.stderr.flush()
        self._stderr = os.dup(2)
        os.dup2(self._process.stdin.fileno(), 2)

    def close(self) -> None:
        """Ends the filter when it has passed on everything."""
        sys.stderr.flush()
        os.dup2(self._stderr, 2)
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a process that this one started still has the pipe
            self._process.wait(5)


def main() -> None:
    """Passes stdin on to stderr; from jax's end on, one of the sentences alone."""
    is_over = False
    for line in sys.stdin.buffer:
        if _FATAL in line and not is_over:
            is_over = True
            sys.stderr.write(f"{sys.argv[2 if _LATE in line else 1]}\n")
        elif not is_over and _CHATTER not in line:
            sys.stderr.buffer.write(line)
        sys.stderr.flush()


if __name__ == "__main__":
    main()
