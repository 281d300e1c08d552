"""The A2D score: confusion matrices over all annotated frames -> glo, ave, mIoU."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int, Num

from ssa2d_jax.data.label_space import KINDS, LabelSpace
from ssa2d_jax.evaluation.published import PUBLISHED_A2D, PUBLISHED_VIDOR
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.steps.eval_step import ConfusionCounts
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.text import csv_text

SCORES = ("glo", "ave", "miou")

Matrix = Int[np.ndarray, "classes classes"]  # pixels [truth, prediction]
ClassScores = dict[str, Num[np.ndarray, " classes"]]  # accuracy, iou, pixels
Result = Mapping[str, Any]  # what metrics/<split>.json holds


@dataclasses.dataclass
class ConfusionTotals:
    """Sums of `ConfusionCounts`, int64, over a whole split: matrices [truth, prediction] by kind of label."""

    matrices: dict[str, Matrix]
    frames: int = 0

    @classmethod
    def empty(cls, space: LabelSpace) -> "ConfusionTotals":
        """No frames yet, for the classes of `space`."""
        return cls({kind: np.zeros((len(names), len(names)), np.int64) for kind, names in space.names.items()})

    def add(self, counts: ConfusionCounts) -> None:
        """Adds what `eval_step` returned; in int64, because a whole test set has more than 2^31 pixels."""
        for kind, matrix in self.matrices.items():
            matrix += np.asarray(getattr(counts, kind), np.int64)
        self.frames += int(counts.frames)

    def to_result(self, step: int) -> dict[str, Any]:
        """The content of metrics/<split>.json; scores in percent."""
        result: dict[str, Any] = {"step": step, "frames": self.frames}
        result |= {kind: scores(matrix) for kind, matrix in self.matrices.items()}
        result["background_baseline"] = {kind: scores(all_background(matrix)) for kind, matrix in self.matrices.items()}
        return result

    def per_class(self) -> dict[str, ClassScores]:
        """`per_class` by kind."""
        return {kind: per_class(matrix) for kind, matrix in self.matrices.items()}


def per_class(matrix: Matrix) -> ClassScores:
    """Accuracy and IoU of every class in percent (NaN where undefined), and its pixels in the truth."""
    hit, truth, prediction = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    union = truth + prediction - hit
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"accuracy": 100 * hit / truth, "iou": 100 * hit / union, "pixels": truth}


def scores(matrix: Matrix) -> dict[str, float]:
    """glo, ave and mIoU in percent; 0 for an empty matrix.

    ave is the mean over the classes in the truth, mIoU over the classes in truth or prediction.
    """
    if not matrix.sum():
        return dict.fromkeys(SCORES, 0.0)
    classes = per_class(matrix)
    return {
        "glo": float(100 * np.trace(matrix) / matrix.sum()),
        "ave": float(np.nanmean(classes["accuracy"])),
        "miou": float(np.nanmean(classes["iou"])),
    }


def all_background(matrix: Matrix) -> Matrix:
    """The confusion matrix of a model that predicts background everywhere, for the same truth."""
    baseline = np.zeros_like(matrix)
    baseline[:, 0] = matrix.sum(1)
    return baseline


def write_scores(
    files: Workdir, split: str, result: Result, classes: Mapping[str, ClassScores], space: LabelSpace
) -> None:
    """Writes a split's scores and the table of its classes.

    Args:
        classes: by kind, as `per_class` returns them. Of the many pairs of multi-label data, the table lists those in
            the truth.
    """
    files.metrics.mkdir(parents=True, exist_ok=True)
    replace_text(files.scores(split), json.dumps(result, indent=2) + "\n")
    rows: list[Sequence[object]] = [("kind", "class", "accuracy", "iou", "truth_pixels")]
    for kind, columns in classes.items():
        for i, name in enumerate(space.names[kind]):
            if kind == "joint" and space.multilabel and not columns["pixels"][i]:
                continue
            percents = [columns[key][i] for key in ("accuracy", "iou")]
            texts = ["" if math.isnan(value) else f"{value:.2f}" for value in percents]
            rows.append((kind, name, *texts, columns["pixels"][i]))
    replace_text(files.class_scores(split), csv_text(rows))


def paper_row(result: Result) -> list[list[float]]:
    """glo, ave, mIoU of actor, action, joint: nine numbers, in the order of the paper's tables."""
    return [[result[kind][score] for score in SCORES] for kind in KINDS]


def table(result: Result, *, published: bool) -> str:
    """The scores as a text table: this model, the all-background baseline and, if `published`, the papers' rows."""
    rows: dict[str, Sequence[Sequence[float]]] = {f"this model (step {result['step']})": paper_row(result)}
    if "frequent" in result:
        rows["  its most frequent classes"] = paper_row(result["frequent"])
    rows["all background"] = paper_row(result["background_baseline"])
    if published:
        data, others = ("VidOR", PUBLISHED_VIDOR) if "frequent" in result else ("A2D", PUBLISHED_A2D)
        rows |= {f"{name}, {data} test": row for name, row in others.items()}
    width = max(map(len, rows))
    lines = [f"{'':{width}}" + "".join(f"  {kind + ' glo/ave/mIoU':>21}" for kind in KINDS)]
    for name, row in rows.items():
        cells = ["/".join(f"{value:.1f}" for value in values) for values in row]
        lines.append(f"{name:{width}}" + "".join(f"  {cell:>21}" for cell in cells))
    for name, value in result.get("mean_average_precision", {}).items():
        lines.append(f"mean average precision over pixels, {name.replace('_', ', ')}: {value:.1f}")
    return "\n".join(lines)
