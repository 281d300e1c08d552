"""Score what predict wrote (labels.npz) against the labelled frames of a release: the A2D score, from the files alone.

It also says how well outlines fit, and how many pixels flicker where the video is still (evaluation/boundaries.py).

ssa2d predict --input=data/sprites/Release/clips320H --output=predicted
python -m tools.score_predicted --release=data/sprites/Release --predicted=predicted

Only videos of the test split with a folder in --predicted count. --mode=eval scores one window around the labelled
frames; predict blends overlapping windows over the whole video, so the scores differ a little.
"""

import argparse
import json
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from input_pipeline.releases.layouts import LAYOUTS, open_release
from input_pipeline.releases.regions import Regions, joint_classes
from ssa2d_jax.data.label_space import IGNORE, KINDS, LabelSpace
from ssa2d_jax.evaluation import boundaries, metrics
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress, log
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.reader import read_frames

Maps = dict[str, UInt8[np.ndarray, "..."]]  # by kind of label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", type=Path, required=True, help="folder of the release")
    parser.add_argument("--layout", choices=sorted(set(LAYOUTS) - {"vidor"}), default="a2d")
    parser.add_argument("--predicted", type=Path, required=True, help="folder with one folder a video, from predict")
    arguments = parser.parse_args()
    result = score(arguments.layout, arguments.release, arguments.predicted)
    print(metrics.table(result, published=False))
    print(boundaries.describe(result["boundary"], result["flicker"]))


def score(layout: str, root: Path, predicted: Path) -> dict[str, Any]:
    """Compares labels.npz of every predicted test video with its labelled frames.

    Returns:
        What `metrics.ConfusionTotals.to_result` does, with the step of the predictions; and "boundary", the mean
        F-score of outlines by kind, and "flicker", both in percent.

    Raises:
        InputError: nothing was predicted, or a prediction does not fit the release.
    """
    release = open_release(layout, root)
    test = release.splits["test"]
    videos = [name for name in test if (predicted / name / "labels.npz").is_file()]
    if not videos:
        raise InputError(_nothing_predicted(root, predicted))
    log(f"{len(videos)} of the {plural(len(test), 'test video')} are predicted")
    steps = {_check_summary(predicted / name / "summary.json", release.space) for name in videos}
    if len(steps) > 1:
        raise InputError(
            f"{predicted} holds predictions of several steps ({sorted(steps)}); predict again into one folder"
        )
    totals, progress = metrics.ConfusionTotals.empty(release.space), Progress("scoring", "videos", len(videos))
    outlines, flicker = boundaries.BoundaryTotals.empty(release.space), boundaries.Flicker()
    for name in videos:
        maps = _read_maps(predicted / name / "labels.npz")
        for frame, label in release.labels(name).items():
            truth = _truth(release.regions(name, frame, label), release.space)
            _add(totals, truth, maps, frame, name)
            for kind in KINDS:
                outlines.add(kind, truth[kind], maps[kind][frame])
        flicker.add((frame.rgb for frame in read_frames(release.video(name))), maps["joint"])
        progress.add(1)
    return totals.to_result(steps.pop()) | {"boundary": outlines.to_result(), "flicker": flicker.percent}


def _nothing_predicted(root: Path, predicted: Path) -> str:
    """Why no test video has predictions in a folder, and what to do."""
    if not predicted.is_dir():
        return f"{predicted}: no such folder; predict the test videos of {root} into it first"
    if (predicted / "labels.npz").is_file():
        name = "the folder of one video, whose name says which; name the folder around it"
        return f"{predicted} holds labels.npz itself: it must be {name}"
    return (
        f"{predicted} has no folder with labels.npz of a test video of {root}; predict these first (videos of the "
        "training split don't count)"
    )


def _check_summary(path: Path, space: LabelSpace) -> int:
    """The step of the weights; InputError if the video was not labelled to its end, or with other classes."""
    try:
        summary = json.loads(path.read_text())
        step, complete = int(summary["step"]), summary["complete"]
        names = {kind: tuple(summary[kind]) for kind in KINDS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no summary that predict wrote ({error}); predict again") from error
    for kind in KINDS:
        if names[kind] != space.names[kind]:
            raise InputError(f"{path}: these predictions have other {kind} classes than the release")
    if not complete:
        raise InputError(f"{path}: this video was not labelled to its end; predict it again")
    return step


def _read_maps(path: Path) -> Maps:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {kind: archive[kind] for kind in KINDS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} holds no label maps that predict wrote ({error}); predict again") from error


def _truth(regions: Regions, space: LabelSpace) -> Maps:
    """The classes of every pixel, `IGNORE` where the release does not say one."""
    actor, action = (np.full(len(regions.actor) + 1, IGNORE, np.uint8) for _ in range(2))
    actor[0] = action[0] = 0
    known = np.flatnonzero(~regions.ignore)
    actor[known + 1], action[known + 1] = regions.actor[known], regions.actions[known].argmax(-1)
    return {"actor": actor[regions.map], "action": action[regions.map], "joint": joint_classes(regions, space)}


def _add(totals: metrics.ConfusionTotals, truth: Maps, predicted: Maps, frame: int, name: str) -> None:
    for kind, matrix in totals.matrices.items():
        maps = predicted[kind]
        if frame >= len(maps) or maps.shape[1:] != truth[kind].shape:
            raise InputError(
                f"{name}, frame {frame}: the label is {truth[kind].shape}, the predictions are {maps.shape}; "
                "predict this video again"
            )
        matrix += _confusion(truth[kind], maps[frame], len(matrix))
    totals.frames += 1


def _confusion(
    truth: UInt8[np.ndarray, "H W"], predicted: UInt8[np.ndarray, "H W"], classes: int
) -> Int64[np.ndarray, "classes classes"]:
    if predicted.max(initial=0) >= classes:
        raise InputError(f"class {predicted.max()} in the predictions is none of the release's {classes}")
    known = truth != IGNORE
    index = truth[known].astype(np.int64) * classes + predicted[known]
    return np.bincount(index, minlength=classes * classes).reshape(classes, classes)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
