"""Check the network on a GPU, and measure it: agreement with the CPU, training steps, the exported program, a training.

pip install '.[train]' "jax[cuda12]"
python -m benchmarks.gpu --write_clips=clips.npz        on any machine with TensorFlow: clips of the sprites world
python -m benchmarks.gpu --clips=clips.npz --output=gpu      all parts, under ten minutes on one card
python -m benchmarks.gpu --small --output=gpu           the smallest setting, which a CPU does in minutes, too; no train

Needs no TensorFlow. Each part's table is printed, and written into --output, as soon as it is measured. The parts:

agree     outputs and gradients of the device and of the CPU, from float32 to bfloat16
step      training steps at the paper's size: clips a second, peak memory, share of a matmul's speed, compile time
export    the exported program runs without this project and agrees
train     a training for --minutes, on clips of --clips: how the loss falls
forms     the forms in which a CPU computes the network against lax's own
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import jax

from benchmarks import gpu_parts
from benchmarks.gpu_parts import Rows, Setting
from ssa2d_jax.utils.errors import InputError

PARTS: dict[str, Callable[[Setting], Rows]] = {
    "agree": gpu_parts.agree,
    "step": gpu_parts.step,
    "export": gpu_parts.export,
    "train": gpu_parts.train,
    "forms": gpu_parts.forms,
}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("gpu"), help="folder for tables as JSON")
    parser.add_argument("--parts", help=f"of {', '.join(PARTS)}; default: all, without --clips all but train")
    parser.add_argument("--clips", type=Path, help="batches that --write_clips wrote")
    parser.add_argument("--write_clips", type=Path, metavar="NPZ", help="write batches of the sprites world and stop")
    parser.add_argument("--batches", type=int, default=100, help="how many --write_clips writes")
    parser.add_argument("--minutes", type=float, default=3.0, help="of the training")
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args(words)
    runnable = [part for part in PARTS if part != "train" or arguments.clips]
    names = arguments.parts.split(",") if arguments.parts else runnable
    if unknown := sorted(set(names) - set(PARTS)):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    try:
        if arguments.write_clips:
            gpu_parts.write_clips(arguments.write_clips, arguments.batches)
            return 0
        if "train" in names and arguments.clips:
            next(gpu_parts.read_clips(arguments.clips))  # a wrong file is an error before minutes of other parts
        _measure(names, Setting.of(arguments.small, arguments.clips, arguments.minutes), arguments.output)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _measure(names: list[str], setting: Setting, folder: Path) -> None:
    device = jax.devices()[0]
    print(f"{device.device_kind} ({device.platform}), jax {jax.__version__}; tables go to {folder}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        rows = PARTS[name](setting)
        table = {"device": device.device_kind, "jax": jax.__version__, "setting": setting.describe(), "rows": rows}
        (folder / f"{name}.json").write_text(json.dumps(table, indent=1) + "\n")
        print(f"\n{name}: {setting.describe()}\n{as_table(rows)}", flush=True)


def as_table(rows: Rows) -> str:
    """Rows of the same keys as a table with a line for each."""
    cells = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
