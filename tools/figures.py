"""Draw pictures for a document from workdirs of runs: curves of training, and the best and worst test clips.

python -m tools.figures --output=docs/images/real kinetics=runs/a2d_kinetics scratch=runs/a2d_scratch

writes <output>_loss.svg and <output>_score.svg, with one line per run, and for every run <output>_<name>.png: its
best clips, then its worst.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from ssa2d_jax.evaluation.scored_run import read_run
from ssa2d_jax.visualization import charts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="name=workdir")
    parser.add_argument("--output", required=True, help="start of the file names, with the folder")
    parser.add_argument("--split", default="test", help="the evaluated split")
    parser.add_argument("--width", type=int, default=1200, help="width of the pictures in pixels")
    arguments = parser.parse_args()
    pairs = [run.split("=", 1) for run in arguments.runs]
    if not all(len(pair) == 2 for pair in pairs):
        sys.exit("error: give every run as name=workdir")
    try:
        runs = {name: read_run(Path(workdir), arguments.split, name) for name, workdir in pairs}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"error: a run has no scores or can't be read: {error}")
    Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    _write(f"{arguments.output}_loss.svg", charts.curves({name: run.losses for name, run in runs.items()}, "loss"))
    scores = {name: run.joint_miou for name, run in runs.items()}
    _write(f"{arguments.output}_score.svg", charts.curves(scores, "joint mIoU, percent"))
    for name, run in runs.items():
        paths = [path for path in run.pictures if not path.stem.startswith(f"{arguments.split}_clip_")]
        pictures = [cv2.imread(str(path)) for path in paths]
        rows = [_resize_to_width(picture, arguments.width) for picture in pictures if picture is not None]
        if rows:
            path = f"{arguments.output}_{name}.png"
            cv2.imwrite(path, np.vstack(rows))
            print(path)


def _resize_to_width(picture: np.ndarray, width: int) -> np.ndarray:
    height = round(picture.shape[0] * width / picture.shape[1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _write(path: str, text: str) -> None:
    Path(path).write_text(text)
    print(path)


if __name__ == "__main__":
    main()
