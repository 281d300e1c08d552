"""The A2D score: confusion matrices over all annotated frames -> glo, ave, mIoU."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.data.label_space import KINDS, LabelSpace
from ssa2d_jax.evaluation.published import PUBLISHED_A2D, PUBLISHED_VIDOR
from ssa2d_jax.utils.files import replace_text

SCORES = ("glo", "ave", "miou")


@dataclasses.dataclass
class Confusions:
    """Confusion matrices [truth, prediction] int64 by kind, and the labelled frames they count."""

    matrices: dict[str, np.ndarray]
    frames: int = 0

    @classmethod
    def empty(cls, space: LabelSpace) -> "Confusions":
        return cls({kind: np.zeros((len(names), len(names)), np.int64) for kind, names in space.names.items()})

    def add(self, counts: dict[str, Any]) -> None:
        """Adds what `steps.eval_step` returned; in int64, since a full test set counts past 2^31."""
        for kind, matrix in self.matrices.items():
            matrix += np.asarray(counts[kind], np.int64)
        self.frames += int(counts["frames"])

    def report(self, step: int) -> dict[str, Any]:
        """What goes into metrics/<split>.json, numbers in percent."""
        result: dict[str, Any] = {"step": step, "frames": self.frames}
        result |= {kind: scores(matrix) for kind, matrix in self.matrices.items()}
        result["background_baseline"] = {kind: scores(all_background(matrix)) for kind, matrix in self.matrices.items()}
        return result

    def per_class(self) -> dict[str, dict[str, np.ndarray]]:
        """By kind: accuracy and IoU of every class in percent (NaN where undefined), pixels of truth."""
        return {kind: per_class(matrix) for kind, matrix in self.matrices.items()}


def per_class(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """[truth, prediction] -> accuracy and IoU of every class in percent (NaN where undefined), pixels of truth."""
    hit, truth, prediction = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    union = truth + prediction - hit
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"accuracy": 100 * hit / truth, "iou": 100 * hit / union, "pixels": truth}


def scores(matrix: np.ndarray) -> dict[str, float]:
    """glo, ave and mIoU in percent of a confusion matrix [truth, prediction].

    ave is over the classes present in the truth, mIoU over those present in truth or prediction. An empty
    matrix scores 0.
    """
    if not matrix.sum():
        return dict.fromkeys(SCORES, 0.0)
    classes = per_class(matrix)
    return {
        "glo": float(100 * np.trace(matrix) / matrix.sum()),
        "ave": float(np.nanmean(classes["accuracy"])),
        "miou": float(np.nanmean(classes["iou"])),
    }


def all_background(matrix: np.ndarray) -> np.ndarray:
    """The confusion matrix of a model that answers background everywhere, for the same truth."""
    baseline = np.zeros_like(matrix)
    baseline[:, 0] = matrix.sum(1)
    return baseline


def write_report(
    folder: Path, split: str, result: dict[str, Any], classes: dict[str, dict[str, np.ndarray]], space: LabelSpace
) -> None:
    """Writes <split>.json and <split>_per_class.csv into `folder`, each whole or not at all.

    `classes`: by kind, as `per_class` has them. Of pairs, only those that the truth has are listed where
    any actor may do any action.
    """
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / f"{split}.json", json.dumps(result, indent=2) + "\n")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["kind", "class", "accuracy", "iou", "truth_pixels"])
    for kind, columns in classes.items():
        for i, name in enumerate(space.names[kind]):
            if kind == "joint" and space.multilabel and not columns["pixels"][i]:
                continue
            figures = [
                f"{columns[key][i]:.2f}" if columns[key][i] == columns[key][i] else "" for key in ("accuracy", "iou")
            ]
            writer.writerow([kind, name, *figures, columns["pixels"][i]])
    replace_text(folder / f"{split}_per_class.csv", text.getvalue())


def figures(result: dict[str, Any]) -> list[list[float]]:
    """glo, ave, mIoU of actor, action, joint: the nine numbers of a row as the paper prints it."""
    return [[result[kind][score] for score in SCORES] for kind in KINDS]


def table(result: dict[str, Any], *, published: bool) -> str:
    """The scores as a text table: ours, the all-background baseline, and the papers' rows where asked."""
    rows = {f"this model (step {result['step']})": figures(result)}
    if "frequent" in result:
        rows["  its most frequent classes"] = figures(result["frequent"])
    rows["all background"] = figures(result["background_baseline"])
    if published:
        data, others = ("VidOR", PUBLISHED_VIDOR) if "frequent" in result else ("A2D", PUBLISHED_A2D)
        rows |= {f"{name}, {data} test": row for name, row in others.items()}
    width = max(map(len, rows))
    lines = [f"{'':{width}}" + "".join(f"  {kind + ' glo/ave/mIoU':>21}" for kind in KINDS)]
    for name, row in rows.items():
        lines.append(f"{name:{width}}" + "".join(f"  {'/'.join(f'{x:.1f}' for x in kind):>21}" for kind in row))
    for name, value in result.get("mean_average_precision", {}).items():
        lines.append(f"mean average precision over pixels, {name.replace('_', ', ')}: {value:.1f}")
    return "\n".join(lines)
