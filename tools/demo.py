"""make demo: render, train, evaluate and predict, then print the scores, the time taken and which files to open."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from configs import sprites
from ssa2d_jax.evaluation import metrics
from ssa2d_jax.utils.progress import duration

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=Path, default=Path("runs/demo"))
    parser.add_argument("--variant", default="", help="variant of configs/sprites.py, e.g. tiny")
    arguments = parser.parse_args()
    workdir, start = arguments.workdir, time.monotonic()
    config = "configs/sprites.py" + (f":{arguments.variant}" if arguments.variant else "")

    _run_main(f"--config={config}", f"--workdir={workdir}")
    trained = time.monotonic()
    release = Path(sprites.get_config(arguments.variant).data.root)
    clip = sorted((release / "clips320H").glob("*_test_*.mp4"))[0]
    _run_main(
        f"--config={config}",
        f"--workdir={workdir}",
        "--mode=predict",
        f"--input={clip}",
        f"--output={workdir}/predicted",
    )

    result = json.loads((workdir / "metrics" / "test.json").read_text())
    print(f"\nSprites, test split ({result['frames']} labelled frames), percent:\n")
    print(metrics.table(result, published=False))
    print(
        f"\nTime: {duration(trained - start)} to render, train and evaluate "
        "(finished parts of an earlier demo are not repeated); "
        f"{duration(time.monotonic() - start)} in total, without the installation.\n"
    )
    print(f"Open:\n  {workdir}/predicted/overlay.mp4       its predictions, drawn on {clip.name}")
    print(f"  {workdir}/metrics/test_per_class.csv   scores of every class")
    print(f"  tensorboard --logdir {workdir}         curves, pictures, confusion matrices")


def _run_main(*flags: str) -> None:
    command = [sys.executable, str(ROOT / "main.py"), *flags]
    # Compiles in two thirds of the time (measured: 40 s instead of 60 s); a training step takes as long as without it.
    xla_flags = "--xla_backend_optimization_level=1 " + os.environ.get("XLA_FLAGS", "")
    code = subprocess.run(command, cwd=ROOT, check=False, env=os.environ | {"XLA_FLAGS": xla_flags}).returncode
    if code:
        sys.exit(f"failed with exit code {code}: {' '.join(command)}")


if __name__ == "__main__":
    main()
