"""What two processes tell one another, and how one ends when the other does."""

import json
import signal

import numpy as np
import pytest

from ssa2d_jax.runtime import processes
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.several_processes import finish, start

TALK = """
import json, sys, time
from ssa2d_jax.cli import processes as starting
from ssa2d_jax.cli.arguments import parse
from ssa2d_jax.runtime.placement import find_placement

def refuse():
    raise InputError("no")

starting._SILENT_SECONDS = 5.0
what = sys.argv.pop(1)
try:
    words = parse("train", "train", sys.argv[1:])
    with starting.together(find_placement(words.coordinator, words.process_id, words.process_count)):
        import jax, numpy as np
        from ssa2d_jax.runtime import processes
        from ssa2d_jax.steps.devices import Agreement
        from ssa2d_jax.utils.errors import InputError
        from ssa2d_jax.utils.signals import Stopped

        own = processes.index()
        print("ready", flush=True)
        if what == "hang":
            time.sleep(60)
        elif what == "sum":
            time.sleep(2)
            raise jax.errors.JaxRuntimeError("UNKNOWN: Gloo all-reduce failed: Connection closed by peer [127.0.0.1]:1")
        elif what == "fail":
            if own == 1:
                raise InputError("this disk is broken")
            time.sleep(60)
        elif what == "stop":
            if own == 1:
                raise Stopped(15, "with an error: this disk is broken") from InputError("this disk is broken")
            time.sleep(60)
        else:
            tree = {"a": np.array([-0.0, np.nan, 1 + own], np.float32), "b": np.array([own], np.int32)}
            got = processes.broadcast(tree, tree)
            agreement = Agreement()
            said = {
                "devices": [jax.local_device_count(), jax.device_count()],
                "first": processes.on_first(lambda: ["of", own]),
                "nested": processes.on_first(lambda: processes.on_first(lambda: own)),
                "broadcast": [got["a"].tobytes().hex(), got["b"].tolist()],
                "gathered": [data.decode() for data in processes.gather(b"x" * own + b"y")],
                "largest": processes.largest(7 * own),
                "offered": [agreement.offer(15 * own * (step == 1)) for step in range(4)],
            }
            try:
                processes.on_first(lambda: [][0] if own else processes.check_same("x", 1) or 1 / 1)
                processes.check_same("the answers", own)
            except InputError as error:
                said["differ"] = str(error), processes.is_of_all(error)
            processes.check_same("numbers", {"a": (float("nan"), 1)})
            try:
                processes.check_same("the options", {"rate": 0.1, "seed": own, "shape": (1, 2)})
            except InputError as error:
                said["options"] = str(error)
            try:
                processes.on_first(refuse)
            except InputError as error:
                said["of all"] = processes.is_of_all(error)
            print(json.dumps(said), flush=True)
except (InputError, Stopped) as error:
    print(f"error: {error}", file=sys.stderr)
    starting.end(2)
except BaseException:
    starting.end_with_traceback()
"""


def _start(what):
    return start(["-c", TALK, what])


def test_two_processes_agree():
    (code, out, err), (code_1, out_1, err_1) = finish(_start("talk"))
    assert code == code_1 == 0, err + err_1
    first, other = (json.loads(text.splitlines()[-1]) for text in (out, out_1))
    differ = "the answers of this process and of the first one differ: 1 here, 0 there"
    assert other.pop("differ") == [differ, False]
    said = "the options of this process and of the first one differ: {'seed': 1} here, {'seed': 0} there"
    assert other.pop("options") == said
    assert "differ" not in first and "options" not in first and first == other
    assert first == {
        "devices": [2, 4],
        "first": ["of", 0],
        "nested": 0,
        "broadcast": [np.array([-0.0, np.nan, 1], np.float32).tobytes().hex(), [0]],
        "gathered": ["y", "xy"],
        "largest": 7,
        "of all": True,
        "offered": [0, 0, 15, 0],  # what one process says in a step, all know in the next
    }
    assert "2 processes, 4 devices" in err and not err_1 and "Gloo" not in err


@pytest.mark.parametrize(("killed", "what"), [(0, "hang"), (1, "hang"), (1, "sum")])
def test_if_one_is_killed_the_other_ends_with_a_sentence(killed, what):
    """Whether it only waits, or sums over the processes: what jax raises then is no error of its own."""
    started = _start(what)
    for process in started:
        assert "ready\n" in process.stdout  # after what Gloo says
    started[killed].send_signal(signal.SIGKILL)
    code, _, err = finish([started[1 - killed]], timeout=50)[0]
    finish([started[killed]])
    last = err.splitlines()[-1]
    assert code == (-6 if killed == 0 else 4) and "Traceback" not in err and "stack trace" not in err, err
    said = (
        "process 0, or its machine, is gone"
        if killed == 0
        else "process 1 has said nothing for 5 s: it was killed or hangs"
    )
    assert last.startswith(f"error: process {1 - killed}: {said}") and "goes on from its last checkpoint" in last


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("fail", "this disk is broken"),
        ("stop", "stopped by SIGTERM with an error: this disk is broken"),  # the other knows of no signal
    ],
)
def test_if_one_fails_the_other_says_why(what, reason):
    (code, _, err), (code_1, _, err_1) = finish(_start(what), timeout=50)
    assert code == 4 and code_1 == 2
    assert err.splitlines()[-1].startswith(f"error: process 0: process 1 has ended: {reason}; this one ends")
    assert err_1.splitlines()[-1] == f"error: {reason}"


def test_one_process_waits_for_nobody():
    assert processes.count() == 1 and processes.is_first()
    assert processes.on_first(lambda: (1, 2)) == (1, 2)  # not by way of JSON
    assert processes.gather(b"x") == [b"x"] and processes.largest(3) == 3
    processes.check_same("this", {"a": float("nan")})
    with pytest.raises(InputError, match="no"):
        processes.on_first(lambda: (_ for _ in ()).throw(InputError("no")))
