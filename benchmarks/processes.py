"""Train the same small run in several layouts of processes and devices, and compare it with that of one process.

python -m benchmarks.processes

All processes share the cores of this machine: the time of a step shows what working together costs, not what it gains.
"""

import argparse
import csv
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
DEVICES = 4
BATCH = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", default="1,2,4", help=f"numbers of processes; they share {DEVICES} fake devices")
    parser.add_argument("--epochs", type=float, default=4.0)
    arguments = parser.parse_args()
    counts = [int(text) for text in arguments.processes.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in counts:
            # Adam divides by the gradient's size. Where that is rounding alone, parameters would differ by whole steps.
            flags = [*options(folder, arguments.epochs), "--config.train.adam_eps=1e-3"]
            codes = [process.wait() for process in start(folder / str(count), count, flags)]
            if any(codes):
                sys.exit(f"{count} processes ended with the codes {codes}")
        print("| processes x devices | largest difference of a parameter | order of data | scores | ms a step |")
        print("|---|---|---|---|---|")
        for count in counts:
            same_order = _order(folder, count) == _order(folder, 1)
            same_scores = _scores(folder, count) == _scores(folder, counts[0])
            print(
                f"| {count} x {DEVICES // count} | {_difference(folder, counts[0], count):.1e} "
                f"| {'the same' if same_order else 'ANOTHER'} | {'the same' if same_scores else 'OTHERS'} "
                f"| {_milliseconds(folder, count):.0f} |"
            )


def options(folder: Path, epochs: float) -> list[str]:
    """The smallest run that has every part; 5 clips to score, so that the last batch is short."""
    return [
        "--config=configs/sprites.py:tiny",
        f"--config.data.root={folder / 'Release'}",
        f"--config.data.shards_dir={folder / 'shards'}",
        "--config.data.sprites.train_clips=21",
        "--config.data.sprites.test_clips=5",
        "--config.data.clip_frames=4",
        "--config.data.label_span=4",
        "--config.predict.overlap=2",
        f"--config.train.batch_size={BATCH}",
        "--config.eval.batch_size=4",
        "--config.train.image_clips=0",
        "--config.train.log_every=5",
        f"--config.train.lr_phases=(({epochs}, 1e-3, 1e-3),)",
    ]


def start(workdir: Path, count: int, flags: list[str], log: bool = False) -> list[subprocess.Popen[bytes]]:
    """Starts main.py in `count` processes, which share `DEVICES` fake devices and train in `workdir`.

    With `log` what process N says is in `<workdir>.N`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    xla_flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={DEVICES // count}"
    words = [sys.executable, "main.py", *flags, f"--workdir={workdir}"]
    together = [f"--coordinator=127.0.0.1:{port}", f"--process_count={count}"] if count > 1 else []
    return [
        subprocess.Popen(
            [*words, *together, *([f"--process_id={index}"] if together else [])],
            cwd=ROOT,
            env=os.environ | {"XLA_FLAGS": xla_flags, "JAX_PLATFORMS": "cpu"},
            stdout=subprocess.DEVNULL,
            stderr=open(f"{workdir}.{index}", "wb") if log else None,
        )
        for index in range(count)
    ]


def _order(folder: Path, count: int) -> list[list[str]]:
    """The names of the clips of the first batches, those of all processes together."""
    from configs import sprites
    from input_pipeline.source import open_batches

    config = sprites.get_config("tiny")
    saved = json.loads((folder / str(count) / "config.json").read_text())
    config.data.update({key: value for key, value in saved["data"].items() if key not in ("sprites", "size")})
    config.data.sprites.update({key: value for key, value in saved["data"]["sprites"].items() if key != "size"})
    config.train.batch_size = BATCH
    parts = [open_batches(config, index, count).train_batches(0) for index in range(count)]
    return [
        list(itertools.chain(*(list(batch["clip_id"]) for batch in row)))
        for row in itertools.islice(zip(*parts, strict=True), 12)
    ]


def _scores(folder: Path, count: int) -> list[str]:
    return [path.read_text() for path in sorted((folder / str(count) / "metrics").glob("test*"))]


def _milliseconds(folder: Path, count: int) -> float:
    """The median time of a step, of the rows of the log after the first."""
    with open(folder / str(count) / "metrics" / "training.csv", newline="") as file:
        rates = sorted(float(row["steps_per_second"]) for row in list(csv.DictReader(file))[1:])
    return 1000 / rates[len(rates) // 2]


def _difference(folder: Path, one: int, other: int) -> float:
    pairs = zip(checkpoint_arrays(folder / str(one)), checkpoint_arrays(folder / str(other)), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def checkpoint_arrays(workdir: Path) -> list[np.ndarray]:
    """The parameters and statistics of the newest checkpoint."""
    import jax

    from ssa2d_jax.runs.checkpoints import Checkpoints

    restored = Checkpoints(workdir / "checkpoints", read_only=True).restore_variables()[1]
    return [np.asarray(leaf) for leaf in jax.tree.leaves(restored)]


if __name__ == "__main__":
    main()
