"""Train on your own real clips with the recipe for few clips, score the run, and write one page about it.

python -m tools.real --release=path/to/Release [--layout=folder] [--seeds=0,1,2]     # make real RELEASE=...

For every seed it trains `configs/<layout>.py:kinetics`, which takes 35 minutes on two cores for 100 clips. The videos
of the test split are then labelled by the first seed's network and scored from these files: mIoU, how well outlines
fit, and how much labels flicker. Everything is in --workdir; report.html shows it. The same command goes on where it
was interrupted.
"""

import argparse
import json
import sys
from pathlib import Path

from input_pipeline.releases.layouts import LAYOUTS, open_release
from ssa2d_jax.evaluation import boundaries, metrics
from ssa2d_jax.inference.exports.output_folder import SUMMARY
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log
from tools import fetch_weights
from tools.score_predicted import score
from tools.shipped import call_main

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "weights/i3d_kinetics400_rgb.safetensors"
PREDICTED, SCORES = "predicted", "predicted_scores.json"


def main() -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", type=Path, required=True, help="folder of the release")
    parser.add_argument("--layout", choices=sorted(set(LAYOUTS) - {"vidor"}), default="a2d")
    parser.add_argument("--workdir", type=Path, default=Path("runs/real"), help="where everything goes")
    parser.add_argument("--seeds", type=_seeds, default=(0,), help="trainings, by their seeds: 0,1,2")
    parser.add_argument("options", nargs="*", help="after --: further options of the trainings, --config.name=value")
    arguments = parser.parse_args()
    try:
        return run(arguments.layout, arguments.release, arguments.workdir, arguments.seeds, arguments.options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from there", file=sys.stderr)
        return 130


def _seeds(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(word) for word in text.split(",")))


def run(layout: str, release: Path, workdir: Path, seeds: tuple[int, ...], options: list[str]) -> int:
    """Does what is left to do.

    Args:
        layout: of the release.
        release: its folder.
        workdir: where everything goes.
        seeds: of the trainings.
        options: further words of main.py for all of them.

    Returns:
        The exit code of the command that failed, or 0.

    Raises:
        InputError: the release can't be read, or a prediction can't be scored.
    """
    videos = _test_videos(layout, release)
    if not WEIGHTS.is_file():
        log(f"fetching Kinetics weights, 47 MB, to {WEIGHTS}")
        fetch_weights.fetch(WEIGHTS)
    runs = [workdir / f"seed_{seed}" for seed in seeds]
    data = [
        f"--config.data.root={release}",
        f"--config.data.shards_dir={workdir / 'prepared'}",
        f"--config.init.encoder_weights={WEIGHTS}",
    ]
    for seed, folder in zip(seeds, runs, strict=True):
        words = [f"--config=configs/{layout}.py:kinetics", f"--workdir={folder}", f"--config.seed={seed}"]
        if code := call_main(*words, *data, *options):
            return code
    _predict(runs[0], videos, workdir / PREDICTED)
    result = score(layout, release, workdir / PREDICTED)
    replace_text(workdir / SCORES, json.dumps(result, indent=1) + "\n")
    log(f"from the files that predict wrote, {workdir / PREDICTED} ({workdir / SCORES}):")
    print(metrics.table(result, published=False))
    print(boundaries.describe(result["boundary"], result["flicker"]), flush=True)
    return call_main("--mode=report", f"--workdir={workdir}")


def _test_videos(layout: str, release: Path) -> dict[str, Path]:
    """The videos of the test split by name; InputError if there is none."""
    opened = open_release(layout, release)
    videos = {name: Path(opened.video(name)) for name in opened.splits["test"]}
    if not videos:
        raise InputError(f"{release} has no test video; nothing could be scored")
    return videos


def _predict(run_folder: Path, videos: dict[str, Path], folder: Path) -> None:
    """Labels the videos that are not yet labelled with the run's newest step."""
    from ssa2d_jax.inference.detector import Detector
    from ssa2d_jax.inference.predict import predict_video

    detector = Detector.from_run(run_folder)
    left = {name: path for name, path in videos.items() if not _is_labelled(folder / name, detector.step)}
    for number, (name, path) in enumerate(left.items(), 1):
        log(f"labelling {name}, {number} of {len(left)}")
        predict_video(path, folder / name, detector=detector)


def _is_labelled(folder: Path, step: int | None) -> bool:
    try:
        summary = json.loads((folder / SUMMARY).read_text())
        return bool(summary["complete"]) and summary["step"] == step and (folder / "labels.npz").is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(main())
