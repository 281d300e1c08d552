"""Train on your own real clips with the recipe for few clips, score the run, and write one page about it.

python -m tools.real --release=path/to/Release [--layout=folder] [--seeds=0,1,2]     # make real RELEASE=...

For every seed it trains `configs/<layout>.py:kinetics`, which takes about half an hour on two cores for 100 clips. Each
network then labels the videos of the test split, and these files are scored: mIoU, how well outlines fit, and how much
labels flicker. report.html shows it all: scores, classes, curves, best and worst clips. Everything is in --workdir. The
same command goes on where it was interrupted.
"""

import argparse
import json
import sys
import zlib
from pathlib import Path

from input_pipeline.releases.layouts import LAYOUTS, AnyRelease, open_release
from ssa2d_jax.evaluation import boundaries, metrics
from ssa2d_jax.inference.exports.output_folder import SUMMARY
from ssa2d_jax.inference.predict import LABELS
from ssa2d_jax.runs.checkpoints import CHECKSUMS
from ssa2d_jax.runs.saved_config import read_config
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.signals import Stopped
from tools import fetch_weights
from tools.score_predicted import score
from tools.shipped import call_main

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / fetch_weights.OUTPUT
PREDICTED = "predicted"


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
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 128 + stopped.signal
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
        The exit code of the command that failed, 1 if test videos were left out, or 0.

    Raises:
        InputError: the release can't be read, or nothing can be scored.
        Stopped: after SIGTERM or Ctrl-C.
    """
    opened = open_release(layout, release)
    if not opened.splits["test"]:
        raise InputError(f"{release} has no test video; nothing could be scored")
    if not WEIGHTS.is_file():
        log(f"fetching Kinetics weights, 47 MB, to {WEIGHTS}")
        fetch_weights.fetch(WEIGHTS)
    runs = [workdir / f"seed_{seed}" for seed in seeds]
    data = [
        f"--config.data.root={release}",
        f"--config.data.shards_dir={workdir / 'prepared'}",
        f"--config.init.encoder_weights={WEIGHTS}",
        "--config.eval.published=False",  # they are on A2D itself
    ]
    for seed, folder in zip(seeds, runs, strict=True):
        words = [f"--config=configs/{layout}.py:kinetics", f"--workdir={folder}", f"--config.seed={seed}"]
        if code := call_main(*words, *data, *options):
            return code
    failures = dict.fromkeys(  # the same video fails for every seed
        failure for folder in runs for failure in _score_files(folder, layout, release, opened, workdir / PREDICTED)
    )
    code = call_main("--mode=report", f"--workdir={workdir}")
    for failure in failures:
        print(f"not labelled, and not scored: {failure}", file=sys.stderr)
    return code or int(bool(failures))


def _score_files(run_folder: Path, layout: str, root: Path, release: AnyRelease, predicted: Path) -> list[str]:
    """Labels the test videos and writes the scores of these files; returns what was wrong with which video."""
    folder, scores = predicted / run_folder.name, Workdir(run_folder).predicted_scores
    failures = _predict(run_folder, release, folder)
    if len(failures) == len(release.splits["test"]):
        raise InputError("no test video could be labelled: " + "; ".join(failures))
    result = score(layout, root, folder)
    replace_text(scores, json.dumps(result | {"left_out": failures}, indent=1) + "\n")
    log(f"{run_folder.name}, from the files that predict wrote, {folder} ({scores}):")
    print(metrics.table(result, published=False))
    print(boundaries.describe(result["boundary"], result["flicker"]), flush=True)
    return failures


def _predict(run_folder: Path, release: AnyRelease, folder: Path) -> list[str]:
    """Labels the test videos that this network has not labelled yet; returns what was wrong with which."""
    from ssa2d_jax.inference.detector import Detector
    from ssa2d_jax.inference.predict import predict_video

    detector = Detector.from_run(run_folder)
    _forget_other_networks(folder, _network(run_folder, detector.step))
    left = [name for name in release.splits["test"] if not _is_labelled(folder / name)]
    failures = []
    for number, name in enumerate(left, 1):
        log(f"labelling {name}, {number} of {len(left)}")
        try:
            predict_video(release.video(name), folder / name, detector=detector)
        except InputError as error:
            failures.append(f"{name}: {error}")
            (folder / name / LABELS).unlink(missing_ok=True)  # of its beginning
    return failures


def _network(run_folder: Path, step: int | None) -> str:
    """What tells a trained network from others: the checksums of its checkpoint, and how labels are decided."""
    files = Workdir(run_folder)
    checksums = files.checkpoints / str(step) / CHECKSUMS
    vote = read_config(files.config).get("eval", {}).get("mask_vote", 0.0)
    return f"step {step}, {zlib.crc32(checksums.read_bytes()):08x}, eval.mask_vote {vote:g}\n"


def _forget_other_networks(folder: Path, network: str) -> None:
    """Lets what another network has labelled count as not labelled."""
    marker = folder / "network.txt"
    if marker.is_file() and marker.read_text() == network:
        return
    for path in folder.glob(f"*/{LABELS}"):  # not summary.json, by which predict tells its own files from changed ones
        path.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(marker, network)


def _is_labelled(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / SUMMARY).read_text())["complete"]) and (folder / LABELS).is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    sys.exit(main())
