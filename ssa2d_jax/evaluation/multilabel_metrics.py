"""The score of multi-label data (VidOR), from the counts of multilabel_counts.py.

Every pixel has a set of labels. Actions: the actions it has, or background if it has none. Joint: the pairs of its
actor with each of its actions, or background if it lacks either. A prediction is such a set, too: the actions whose
probability is at least the threshold, with the most probable actor. With S the true set of a pixel, P the predicted:

    glo   mean over pixels of |S and P| / |S or P|
    ave   mean over the classes in the truth of (pixels with the class in both) / (pixels with it in S)
    mIoU  mean over the classes in truth or prediction of (pixels with it in both) / (pixels with it in S or P)

If every pixel has one label, these are A2D's scores. The actor has one label per pixel, and A2D's score. For the 20
most frequent classes, ave and mIoU are means over these and the background; for glo all other classes are removed
from S and P, and the mean is over the pixels that have one of these classes or background in S.

Average precision needs no threshold: it is the area under a class's precision-recall curve over all pixels, as steps,
from a histogram of the class's logits; the mean is over the classes in the truth.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.evaluation.metrics import ClassScores, Matrix, all_background, per_class, scores
from ssa2d_jax.steps.multilabel_counts import PixelCounts, SetCounts


@dataclasses.dataclass
class MultilabelTotals:
    """Sums of what `multilabel_counts.count` returns, int64, over a whole split."""

    space: LabelSpace
    total: PixelCounts | None = None  # None before the first batch

    @classmethod
    def empty(cls, space: LabelSpace) -> "MultilabelTotals":
        """No frames yet, for the classes of `space`."""
        return cls(space)

    @property
    def frames(self) -> int:
        """Number of labelled frames in the counts."""
        return int(self.total.frames) if self.total else 0

    @property
    def counts(self) -> PixelCounts:
        """The sums; ValueError before the first batch."""
        if self.total is None:
            raise ValueError("no batch was counted yet")
        return self.total

    @property
    def matrices(self) -> dict[str, Matrix]:
        """Confusion matrices [truth, prediction]: of the actor only, because the other labels are sets."""
        return {"actor": self.counts.actor}

    def add(self, counts: PixelCounts) -> None:
        """Adds what `eval_step` returned; in int64, because a whole test set has more than 2^31 pixels."""
        counts = jax.tree.map(lambda x: np.asarray(x, np.int64), counts)
        self.total = jax.tree.map(np.add, self.total, counts) if self.total else counts

    def to_result(self, step: int) -> dict[str, Any]:
        """The content of metrics/<split>.json; scores in percent."""
        result: dict[str, Any] = {"step": step, "frames": self.frames, **self._scores(self.counts)}
        precision = average_precision(self.counts.precision)
        result["mean_average_precision"] = {"action": _mean(precision)}
        if self.space.frequent:
            _, actions = self.space.frequent
            result["frequent"] = self._frequent_scores(self.space.frequent)
            result["mean_average_precision"]["action_frequent"] = _mean(precision[np.array(actions) - 1])
        result["background_baseline"] = self._scores(self._background())
        return result

    def per_class(self) -> dict[str, ClassScores]:
        """Of every kind of label: accuracy and IoU of every class in percent (NaN where undefined), true pixels."""
        sets = {kind: _set_scores(counts) for kind, counts in _sets(self.counts).items()}
        return {"actor": per_class(self.counts.actor)} | sets

    def _scores(self, counts: PixelCounts) -> dict[str, dict[str, float]]:
        """glo, ave and mIoU of every kind of label."""
        result = {"actor": scores(counts.actor)}
        for kind, sets in _sets(counts).items():
            result[kind] = _score_row(mean_overlap(sets.overlap), _set_scores(sets))
        return result

    def _frequent_scores(self, frequent: tuple[tuple[int, ...], tuple[int, ...]]) -> dict[str, dict[str, float]]:
        """The same for the frequent classes: `frequent` has the numbers of actors and of actions."""
        actors, actions = (np.array([0, *sorted(numbers)]) for numbers in frequent)
        pairs = [j for j, (actor, action) in enumerate(self.space.pairs, 1) if actor in actors and action in actions]
        chosen = {"action": actions, "joint": np.array([0, *pairs])}
        matrix = self.counts.actor
        glo = 100 * float(np.diag(matrix)[actors].sum() / max(1, matrix[actors].sum()))
        result = {"actor": _score_row(glo, _choose(per_class(matrix), actors))}
        for kind, sets in _sets(self.counts).items():
            classes = _choose(_set_scores(sets), chosen[kind])
            assert sets.frequent_overlap is not None  # because the label space has frequent classes
            result[kind] = _score_row(mean_overlap(sets.frequent_overlap), classes)
        return result

    def _background(self) -> PixelCounts:
        """The counts of a model that predicts background everywhere, for the same truth; `precision` is not changed."""
        counts = self.counts
        return counts._replace(
            actor=all_background(counts.actor),
            action=_background_sets(counts.action),
            joint=_background_sets(counts.joint),
        )


def _sets(counts: PixelCounts) -> dict[str, SetCounts]:
    """The kinds of label that are sets."""
    return {"action": counts.action, "joint": counts.joint}


def _background_sets(counts: SetCounts) -> SetCounts:
    hit, prediction = np.zeros_like(counts.truth), np.zeros_like(counts.truth)
    hit[0, 0] = counts.truth[0, 0]
    pixels = counts.overlap.sum()
    prediction[0, 0] = pixels
    overlap = np.zeros_like(counts.overlap)
    overlap[1, 1] = hit[0, 0]
    overlap[0, 1] = pixels - hit[0, 0]
    return counts._replace(hit=hit, prediction=prediction, overlap=overlap)


def _set_scores(counts: SetCounts) -> ClassScores:
    """Scores of every class from its pixels in both, in the truth and in the prediction."""
    hit, truth, prediction = map(classes_of, (counts.hit, counts.truth, counts.prediction))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"accuracy": 100 * hit / truth, "iou": 100 * hit / (truth + prediction - hit), "pixels": truth}


def _choose(classes: ClassScores, numbers: Int[np.ndarray, " chosen"]) -> ClassScores:
    return {key: values[numbers] for key, values in classes.items()}


def _score_row(glo: float, classes: ClassScores) -> dict[str, float]:
    return {"glo": glo, "ave": _mean(classes["accuracy"]), "miou": _mean(classes["iou"])}


def classes_of(table: Int[np.ndarray, "rows columns"]) -> Int[np.ndarray, " classes"]:
    """Counts [actors or 1, 1 + A] -> [classes]: of the actions, or of the joint classes, background first."""
    return table[0] if len(table) == 1 else np.concatenate([table[0, :1], table[1:, 1:].ravel()])


def mean_overlap(histogram: Int[np.ndarray, "intersection union"]) -> float:
    """Mean of intersection over union in percent, from pixels by the sizes of both; 0 without any pixel."""
    shared, union = np.indices(histogram.shape)
    total = histogram.sum()
    return float(100 * (histogram * (shared / np.maximum(union, 1))).sum() / total) if total else 0.0


def average_precision(histogram: Int[np.ndarray, "2 classes bins"]) -> Float[np.ndarray, " classes"]:
    """Average precision of every class in percent, NaN for a class that is not in the truth.

    Args:
        histogram: pixels by the class's logit: those that have the class, and all.
    """
    with_class, every = np.cumsum(histogram[:, :, ::-1], axis=-1)
    total = with_class[:, -1:]
    precision = with_class / np.maximum(every, 1)
    gained = np.diff(with_class, axis=-1, prepend=0)
    with np.errstate(invalid="ignore"):
        return 100 * (precision * gained).sum(-1) / np.where(total[:, 0] > 0, total[:, 0], np.nan)


def _mean(values: Float[np.ndarray, " classes"]) -> float:
    """Mean of the defined values; 0 if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
