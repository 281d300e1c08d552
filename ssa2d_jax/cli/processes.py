"""Starts and ends the processes of one run.

While they run, a thread of each watches the others: if one ends early, all end within half a minute, with a sentence.
"""

import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator

from ssa2d_jax.runtime.last_words import StderrFilter
from ssa2d_jax.runtime.placement import Placement
from ssa2d_jax.utils import progress
from ssa2d_jax.utils.errors import OF_FIRST, InputError
from ssa2d_jax.utils.signals import Stopped

LOST = 4  # exit code of a process that ends because another one has
_ADVICE = (
    "this one ends, too. Start all processes again: the run goes on from its last checkpoint, also with another number "
    "of processes"
)
_STARTED = threading.Event()
_ENDING = threading.Event()
_FILTERS: list[StderrFilter] = []
_START_SECONDS = 300  # for all processes to start
_HEARTBEAT_SECONDS = 45  # until jax itself ends the others, with a stack trace
_SILENT_SECONDS = 20.0  # until the watch does
_WATCH_SECONDS = 1.0
_CONNECTIONS = ("Gloo", "NCCL", "closed by peer", "Connection reset", "Socket closed")  # in errors of jax
_GRACE_SECONDS = 4.0  # for a process to end by itself, with its own error


@contextlib.contextmanager
def together(placement: Placement | None) -> Iterator[None]:
    """Inside the block, this process works with the others of its run, and ends if one of them does."""
    if placement is None:
        yield
        return
    name = "this process" if placement.index is None else f"process {placement.index}"
    gone = "process 0, or its machine, is gone" if placement.index else "another process, or its machine, is gone"
    lost = f"error: {name}: {gone}; {_ADVICE}"
    _FILTERS.append(StderrFilter(lost, f"error: {name}: {_not_together(placement)}"))
    _start(placement)
    from ssa2d_jax.runtime import processes

    try:
        _check_devices()
        yield
    except BaseException as error:
        if isinstance(error, Stopped) and error.__cause__ is None:  # all processes have agreed on it
            _finish()
            raise
        if not _is_of_a_connection(error):  # then another process failed, and the watch says which
            lines = str(error).splitlines() or [type(error).__name__]
            _note("failed", processes.index(), lines[0])
        raise
    _finish()


def is_of_first(error: BaseException) -> bool:
    """Whether the first process has said this error."""
    return OF_FIRST in getattr(error, "__notes__", ())


def end(code: int) -> int:
    """Returns the exit code of a process; one that works with others ends here if something went wrong.

    Python's own end would wait for the others, which wait for this process.
    """
    if not _STARTED.is_set() or _ENDING.is_set():
        return code
    from ssa2d_jax.runtime import processes

    if processes.is_first():  # it has the store in which the others read why
        deadline = time.monotonic() + _GRACE_SECONDS + 4 * _WATCH_SECONDS
        while time.monotonic() < deadline and len(_read("gone")) < processes.count() - 1:
            time.sleep(_WATCH_SECONDS / 4)
    _exit(code)
    return code


def end_with_traceback() -> None:
    """Prints the exception that is being handled and ends the process, if it works with others.

    If it is that of a connection, another process has ended, and the watch is given the time to find out which one.
    """
    if not _STARTED.is_set():
        return
    error = sys.exc_info()[1]
    if error is not None and _is_of_a_connection(error):
        _ENDING.wait(_SILENT_SECONDS + _GRACE_SECONDS + 2 * _WATCH_SECONDS)
        from ssa2d_jax.runtime import processes

        _lose(processes.index(), f"the connection to another process broke ({str(error).splitlines()[0]})")
    traceback.print_exc()
    end(1)


def _is_of_a_connection(error: BaseException) -> bool:
    """Whether this is what a sum over processes raises when one of them is gone."""
    return type(error).__name__ == "JaxRuntimeError" and any(name in str(error) for name in _CONNECTIONS)


def _start(placement: Placement) -> None:
    """Joins the other processes."""
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM from utils/signals.py
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if placement.index:
        progress.be_quiet()
    progress.log(f"waiting for the other processes at {_where(placement)}, for {_START_SECONDS // 60} minutes at most")
    try:
        jax.distributed.initialize(
            placement.coordinator,
            placement.count,
            placement.index,
            initialization_timeout=_START_SECONDS,
            heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
        )
    except Exception as error:  # of jax or of a cluster's software
        lines = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"{_not_together(placement)} ({lines[0]})") from error
    _STARTED.set()
    threading.Thread(target=_watch, daemon=True).start()


def _where(placement: Placement) -> str:
    return placement.coordinator or "the address that the cluster names"


def _not_together(placement: Placement) -> str:
    """What is said if the processes of a run don't find one another."""
    return (
        f"the processes of this run did not find one another at {_where(placement)}; start all of them within "
        f"{_START_SECONDS // 60} minutes, with the same --coordinator and --process_count and each with its own "
        "--process_id. All machines must reach that address, and its port must be free"
    )


def _check_devices() -> None:
    import jax

    from ssa2d_jax.runtime import processes
    from ssa2d_jax.runtime.platforms import local_devices

    mine = len(local_devices())
    if not processes.is_first():
        progress.be_quiet()
    if jax.device_count() != mine * processes.count():
        raise InputError(
            f"{processes.count()} processes have {jax.device_count()} devices, this one {mine}; all need as many"
        )
    import ssa2d_jax

    versions = {"ssa2d_jax": ssa2d_jax.__version__, "jax": jax.__version__}
    processes.check_same("the versions", versions)
    _connect_devices()
    progress.log(f"{processes.count()} processes, {jax.device_count()} devices")


def _connect_devices() -> None:
    """Makes the connections that later sums take, while all processes are here.

    On CPU the first sum of a group of devices waits 30 s for the others, and one process may compile for longer.
    """
    import numpy as np

    from ssa2d_jax.runtime import processes
    from ssa2d_jax.steps.devices import Agreement

    processes.largest(0)
    processes.broadcast(np.zeros(1), np.zeros(1))
    agreement = Agreement()
    agreement.offer(0)
    agreement.offer(0)


def _finish() -> None:
    """Waits until all processes are done, so that none ends before the first one has written everything."""
    import jax

    from ssa2d_jax.runtime import processes

    _note("done", processes.index(), "")
    for index in range(processes.count()):
        processes.wait_for(f"ssa2d/done/{index}")
    _ENDING.set()
    jax.distributed.shutdown()
    _close_filters()


def _note(kind: str, index: int, text: str) -> None:
    from ssa2d_jax.runtime import processes

    with contextlib.suppress(Exception):  # the store has ended with the first process
        processes.client().key_value_set(f"ssa2d/{kind}/{index}", text, allow_overwrite=True)


def _read(kind: str) -> dict[int, str]:
    """The notes of one kind, by process."""
    from ssa2d_jax.runtime import processes

    pairs = processes.client().key_value_dir_get(f"ssa2d/{kind}/")
    return {int(key.rpartition("/")[2]): text for key, text in pairs}


def _watch() -> None:
    """Ends this process with a sentence if another one ends before its work is done."""
    from ssa2d_jax.runtime import processes

    own, number = processes.index(), 0
    beats = {index: ("", time.monotonic()) for index in range(processes.count())}
    while not _ENDING.wait(_WATCH_SECONDS):
        number += 1
        _note("alive", own, str(number))
        try:
            alive, failed = _read("alive"), _read("failed")
        except Exception as error:  # of jax
            _lose(own, f"process 0 does not answer ({str(error).splitlines()[0]})")
            return
        now = time.monotonic()
        for index, beat in alive.items():
            if beats[index][0] != beat:
                beats[index] = beat, now
        if others := [index for index in failed if index != own]:
            if _ENDING.wait(_GRACE_SECONDS):
                return
            _lose(own, f"process {others[0]} has ended: {failed[others[0]]}")
        silent = [index for index, (_, since) in beats.items() if now - since > _SILENT_SECONDS]
        if silent and silent[0] not in _read("done"):
            _lose(own, f"process {silent[0]} has said nothing for {_SILENT_SECONDS:.0f} s: it was killed or hangs")


def _lose(own: int, reason: str) -> None:
    """Ends this process because of another one."""
    if _ENDING.is_set():
        return
    print(f"error: process {own}: {reason}; {_ADVICE}", file=sys.stderr, flush=True)
    _exit(LOST)


def _exit(code: int) -> None:
    """Ends the process at once."""
    from ssa2d_jax.runtime import processes

    _note("gone", processes.index(), "")
    sys.stdout.flush()
    _close_filters()
    os._exit(code)


def _close_filters() -> None:
    while _FILTERS:
        _FILTERS.pop().close()
