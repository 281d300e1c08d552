"""Kill processes of a training at random moments, start it again each time, and compare its end with an unbroken one's.

python -m benchmarks.kill_storm

Two processes of two fake devices each train in one workdir; one of them is killed (SIGKILL), the other has to end by
itself. Three of four kills come while steps are done and saved, the fourth at any moment after the start. Exits with 1
if the parameters, batch norm's statistics, the losses or the scores differ in one bit.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import checkpoint_arrays, options, start

PROCESSES = 2
_EARLIEST = 8.0  # seconds; before the processes have met, they wait for one another for five minutes
_SLOWEST_START = 300.0  # seconds until the first step
_FIRST_STEP = "compiled; step"  # what process 0 says after it
_ONES_OWN_END = 90.0  # seconds in which the process that was not killed must end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=float, default=80.0, help="enough that no start before the last one ends it")
    parser.add_argument("--longest", type=float, default=40.0, help="seconds from the start to every fourth kill")
    parser.add_argument("--steps", type=float, default=10.0, help="seconds from the first step to the others, at most")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flags = [*options(folder, arguments.epochs), "--config.train.save_every=2"]
        for attempt in range(2):  # the first compiles
            began = time.monotonic()
            codes = [process.wait() for process in start(folder / f"unbroken_{attempt}", PROCESSES, flags)]
            if any(codes):
                sys.exit(f"error: the unbroken training ended with the codes {codes}")
        seconds = time.monotonic() - began
        print(f"unbroken: {seconds:.0f} s", flush=True)
        ends = []
        for number in range(arguments.kills):
            victim, in_training = rng.randrange(PROCESSES), number % 4 != 3
            moment = rng.uniform(0, arguments.steps) if in_training else rng.uniform(_EARLIEST, arguments.longest)
            processes = start(folder / "killed", PROCESSES, flags, log=True)
            own_end, code = _kill(processes, victim, moment, folder / "killed.0" if in_training else None)
            ends.append(own_end)
            last = _last_line(folder / f"killed.{1 - victim}")
            since = "first step" if in_training else "start"
            print(
                f"kill {number + 1}: process {victim}, {moment:.1f} s after the {since}; the other ended after "
                f"{own_end:.1f} s with code {code}: {last!r}; saved: step {_saved(folder / 'killed')}",
                flush=True,
            )
        codes = [process.wait() for process in start(folder / "killed", PROCESSES, flags, log=True)]
        if any(codes):
            sys.exit(f"error: the last start ended with the codes {codes}")
        if ends:
            print(f"the other process ended after {statistics.median(ends):.1f} s (median), {max(ends):.1f} s at most")
        _compare(folder / "unbroken_1", folder / "killed")


def _kill(processes: list[subprocess.Popen[bytes]], victim: int, moment: float, log: Path | None) -> tuple[float, int]:
    """Kills one of the processes and waits for the other to end by itself -> the seconds that took, its exit code.

    `moment` counts from the first step that `log` tells of; None: from now.
    """
    try:
        end = time.monotonic() + _SLOWEST_START
        while log is not None and _FIRST_STEP not in log.read_text(errors="replace") and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(moment)
        codes = [process.poll() for process in processes]
        if codes != [None] * len(processes):
            sys.exit(f"error: ended before the kill with the codes {codes}; if they are 0, take more epochs")
        processes[victim].kill()
        killed = time.monotonic()
        code = processes[1 - victim].wait(_ONES_OWN_END)
    except subprocess.TimeoutExpired:
        sys.exit(f"error: the other process still runs {_ONES_OWN_END:.0f} s after the kill")
    finally:
        for process in processes:
            process.kill()
            process.wait()
    if code == 0:
        sys.exit("error: the other process ended with code 0")
    return time.monotonic() - killed, code


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1][:150] if lines else ""


def _saved(workdir: Path) -> int:
    """The newest step in the checkpoints' folder, 0 if there is none."""
    return max((int(path.name) for path in (workdir / "checkpoints").glob("[0-9]*") if path.name.isdigit()), default=0)


def _compare(unbroken: Path, killed: Path) -> None:
    """Prints whether the ends are equal, and exits with 1 if they aren't."""
    pairs = zip(checkpoint_arrays(unbroken), checkpoint_arrays(killed), strict=True)
    same = all(one.tobytes() == other.tobytes() for one, other in pairs)
    tables = [_losses(folder / "metrics/training.csv") for folder in (unbroken, killed)]
    scores = [(folder / "metrics/test.json").read_text() for folder in (unbroken, killed)]
    for what, is_same in (
        ("parameters and statistics", same),
        ("losses", tables[0] == tables[1]),
        ("scores", scores[0] == scores[1]),
    ):
        print(f"{what}: {'the same bits' if is_same else 'DIFFERENT'}")
        if not is_same:
            sys.exit(1)


def _losses(table: Path) -> list[list[str]]:
    """The rows of the table without what is measured in time."""
    header, *rows = (line.split(",") for line in table.read_text().splitlines())
    kept = [number for number, name in enumerate(header) if "second" not in name]
    return [[row[number] for number in kept] for row in rows]


if __name__ == "__main__":
    main()
