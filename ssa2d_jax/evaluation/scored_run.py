"""What a run's workdir holds for the report: scores, history, pictures; and the runs that have no scores yet."""

import csv
import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.data.layouts import LAYOUT_TITLES
from ssa2d_jax.evaluation import metrics, predicted_scores
from ssa2d_jax.runs.saved_config import read_config
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils import commands, csv_history
from ssa2d_jax.utils.text import plural

PICTURES = ("clip", "best", "worst")  # kinds of pictures, see pictures.py


class ClassScore(NamedTuple):
    """A class: its IoU in percent (NaN where undefined), and its pixels in the truth."""

    name: str
    iou: float
    pixels: int


class History(NamedTuple):
    """Values over the training steps."""

    steps: list[float]
    values: list[float]


@dataclasses.dataclass(frozen=True)
class ScoredRun:
    """A run that was scored on a split, as its files describe it."""

    name: str
    scores: metrics.Result  # metrics/<split>.json
    classes: dict[str, list[ClassScore]]  # by kind of label
    pictures: list[Path]
    layout: str  # config.data.layout
    milliseconds_per_frame: float | None  # from speed.json
    published: bool  # config.eval.published: the papers' scores are on the same data
    losses: History
    joint_miou: History  # of the evaluations during training
    predicted: predicted_scores.Scores | None = None  # predicted_scores.json: whole videos of the test split
    data_words: str = ""  # the data and how the network sees them, in words

    @property
    def group(self) -> str:
        """Its name without the seed in which names end that `ablate` and `make real` give; "" if it has no more."""
        return re.sub(r"(^|/)seed_?\d+$", "", self.name)

    @property
    def data(self) -> str:
        """Which data it was scored on; "" if the run is too old to say so."""
        return str(self.scores.get("data", ""))


def seeds_name(group: str, count: int) -> str:
    """What several runs of a group are called together."""
    return f"{group}, mean of {count} seeds" if group else f"mean of {count} seeds"


def read_run(workdir: Path, split: str, name: str) -> ScoredRun:
    """Reads the run in `workdir`.

    Raises:
        ValueError, KeyError, TypeError, OSError: its files are missing or damaged.
    """
    files = Workdir(workdir)
    scores = json.loads(files.scores(split).read_text())
    config = read_config(files.config)
    for kind in KINDS:
        for score in metrics.SCORES:
            float(scores[kind][score])  # raises if it is missing
    layout = config["data"].get("layout", "a2d")
    if layout not in LAYOUT_TITLES:
        raise ValueError(f"its data.layout is {layout!r}")
    speed = files.speed
    milliseconds = float(json.loads(speed.read_text())["milliseconds_a_frame"]) if speed.exists() else None
    evaluations = [row for row in csv_history.read_rows(files.score_history) if row["split"] == split]
    return ScoredRun(
        name=name,
        scores=scores,
        classes=_read_classes(files.class_scores(split)),
        pictures=[path for kind in PICTURES for path in sorted(files.pictures.glob(f"{split}_{kind}_*.png"))],
        layout=layout,
        milliseconds_per_frame=milliseconds,
        published=bool(config.get("eval", {}).get("published")),
        losses=_history(csv_history.read_rows(files.training_history), "loss"),
        joint_miou=_history(evaluations, "joint_miou"),
        predicted=predicted_scores.read_scores(files.predicted_scores, scores.get("step")) if split == "test" else None,
        data_words=_describe_data(config["data"], str(scores.get("data", ""))),
    )


def _describe_data(data: Mapping[str, Any], identity: str) -> str:
    """The data of `config.data` in words, as far as an older run says."""
    words = []
    if data.get("sprites", {}).get("train_clips"):
        words.append("rendered sprites")
    elif data.get("root"):
        folder = Path(data["root"])
        words.append(
            f"folder {folder.parent.name}/{folder.name}" if folder.name == "Release" else f"folder {folder.name}"
        )
    if "clip_frames" in data and "size" in data:
        step = data.get("frame_step", 1)
        every = "all frames" if step == 1 else f"every {step}{ {2: 'nd', 3: 'rd'}.get(step, 'th') } frame"
        height, width = data["size"]
        words.append(f"the network sees {data['clip_frames']} frames at a time, {every}, at {width}x{height} pixels")
    if clips := re.search(r"\b([0-9]+) clips? to train on", identity):
        words.append(f"{plural(int(clips[1]), 'clip')} to train on")
    return ", ".join(words)


def _read_classes(path: Path) -> dict[str, list[ClassScore]]:
    classes: dict[str, list[ClassScore]] = {kind: [] for kind in KINDS}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            score = ClassScore(row["class"], float(row["iou"] or "nan"), int(row["truth_pixels"]))
            classes[row["kind"]].append(score)
    return classes


def _history(rows: Sequence[Mapping[str, str]], column: str) -> History:
    return History([float(row["step"]) for row in rows], [float(row[column]) for row in rows])


def unscored_runs(folder: Path, split: str) -> list[Path]:
    """The runs in `folder` (or `folder` itself) without scores on `split`: workdirs with a config and checkpoints."""
    runs = sorted({path.parents[1] for path in folder.glob(f"**/{Workdir(folder).checkpoints.name}/[0-9]*")})
    files = [Workdir(run) for run in runs]
    return [run.folder for run in files if run.config.is_file() and not run.scores(split).is_file()]


def unscored_message(workdir: Path, split: str) -> str:
    """Says that the run in `workdir` has no scores on `split`, and the command that scores it."""
    try:
        splits = json.loads(Workdir(workdir).config.read_text())["train"]["eval_splits"]
    except (OSError, ValueError, KeyError, TypeError):
        splits = (split,)
    option = "" if split in splits else f" --config.train.eval_splits=\"('{split}',)\""
    command = commands.command("eval", f"--workdir={workdir}")
    return f"not scored, left out: {workdir}; score it: {command}{option}"
