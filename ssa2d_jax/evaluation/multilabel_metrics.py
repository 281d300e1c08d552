"""The score where a pixel may have several actions (VidOR), from the counts of several.py.

Every pixel has a set of labels. Actions: the actions it has, or background if it has none. Joint: the pairs of
its actor with each of its actions, or background if it lacks either. A prediction is such a set, too: the actions
whose probability reaches the threshold, the most probable actor. Then, with S the true set of a pixel, P the predicted:

    glo   mean over pixels of |S and P| / |S or P|
    ave   mean over the classes in the truth of (pixels with the class in both) / (pixels with it in S)
    mIoU  mean over the classes in truth or prediction of (pixels with it in both) / (pixels with it in S or P)

Where every pixel has one label, these are A2D's. The actor has one label a pixel, and A2D's score. For the 20 most
frequent classes, ave and mIoU are means over these and the background; glo is over the pixels with one of these or
background in S, of what remains of S and P when all other classes are struck out.

Average precision needs no threshold: a class's area under its precision-recall curve over all pixels, as steps, from a
histogram of its logits; the mean is over the classes in the truth.
"""

import dataclasses
from typing import Any

import numpy as np

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.evaluation.metrics import all_background, per_class, scores

KINDS = ("action", "joint")


@dataclasses.dataclass
class MultilabelCounts:
    """Sums of what `several.count` returns, int64, over a whole split."""

    space: LabelSpace
    counts: dict[str, np.ndarray]
    frames: int = 0

    @classmethod
    def empty(cls, space: LabelSpace) -> "MultilabelCounts":
        return cls(space, {})

    @property
    def matrices(self) -> dict[str, np.ndarray]:
        """Confusion matrices [truth, prediction]: of the actor alone, as the others are sets."""
        return {"actor": self.counts["actor"]}

    def add(self, counts: dict[str, Any]) -> None:
        """Adds what `steps.eval_step` returned; in int64, since a full test set counts past 2^31."""
        for key, value in counts.items():
            if key != "frames":
                self.counts[key] = self.counts.get(key, 0) + np.asarray(value, np.int64)
        self.frames += int(counts["frames"])

    def report(self, step: int) -> dict[str, Any]:
        """What goes into metrics/<split>.json, numbers in percent."""
        result: dict[str, Any] = {"step": step, "frames": self.frames, **self._all(self.counts)}
        precision = average_precision(self.counts["precision"])
        result["mean_average_precision"] = {"action": _mean(precision)}
        if self.space.frequent:
            result["frequent"] = self._all(self.counts, frequent=True)
            result["mean_average_precision"]["action_frequent"] = _mean(precision[np.array(self.space.frequent[1]) - 1])
        result["background_baseline"] = self._all(self._background())
        return result

    def per_class(self) -> dict[str, dict[str, np.ndarray]]:
        """By kind: accuracy and IoU of every class in percent (NaN where undefined), pixels of truth."""
        return {"actor": per_class(self.counts["actor"])} | {kind: self._classes(self.counts, kind) for kind in KINDS}

    def _classes(self, counts: dict[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
        hit, truth, prediction = (classes_of(one) for one in counts[kind])
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"accuracy": 100 * hit / truth, "iou": 100 * hit / (truth + prediction - hit), "pixels": truth}

    def _all(self, counts: dict[str, np.ndarray], frequent: bool = False) -> dict[str, dict[str, float]]:
        chosen = self._frequent() if frequent else {}
        actor = scores(counts["actor"])
        if frequent:
            matrix, few = counts["actor"], chosen["actor"]
            classes = {key: values[few] for key, values in per_class(matrix).items()}
            actor = {
                "glo": 100 * float(np.diag(matrix)[few].sum() / max(1, matrix[few].sum())),
                "ave": _mean(classes["accuracy"]),
                "miou": _mean(classes["iou"]),
            }
        result = {"actor": actor}
        for kind in KINDS:
            classes = self._classes(counts, kind)
            if frequent:
                classes = {key: values[chosen[kind]] for key, values in classes.items()}
            overlap = counts[f"{kind}_overlap" + ("_frequent" if frequent else "")]
            result[kind] = {
                "glo": mean_overlap(overlap),
                "ave": _mean(classes["accuracy"]),
                "miou": _mean(classes["iou"]),
            }
        return result

    def _frequent(self) -> dict[str, np.ndarray]:
        """By kind: the numbers of the frequent classes and the background."""
        actors, actions = (np.array([0, *sorted(numbers)]) for numbers in self.space.frequent)
        joint = [j for j, pair in enumerate(self.space.pairs, 1) if pair[0] in actors and pair[1] in actions]
        return {"actor": actors, "action": actions, "joint": np.array([0, *joint])}

    def _background(self) -> dict[str, np.ndarray]:
        """The counts of a model that answers background everywhere, for the same truth; no `precision`."""
        counts = {"actor": all_background(self.counts["actor"])}
        for kind in KINDS:
            truth = self.counts[kind][1]
            hit, prediction = np.zeros_like(truth), np.zeros_like(truth)
            hit[0, 0] = truth[0, 0]
            pixels = self.counts[f"{kind}_overlap"].sum()
            prediction[0, 0] = pixels
            counts[kind] = np.stack([hit, truth, prediction])
            counts[f"{kind}_overlap"] = np.zeros_like(self.counts[f"{kind}_overlap"])
            counts[f"{kind}_overlap"][1, 1] = hit[0, 0]
            counts[f"{kind}_overlap"][0, 1] = pixels - hit[0, 0]
        return counts


def classes_of(table: np.ndarray) -> np.ndarray:
    """Counts [actors or 1, 1 + A] -> [classes]: of the actions, or of the joint classes, background first."""
    return table[0] if len(table) == 1 else np.concatenate([table[0, :1], table[1:, 1:].ravel()])


def mean_overlap(histogram: np.ndarray) -> float:
    """Mean of intersection over union in percent, from pixels [size of the intersection, of the union]."""
    shared, union = np.indices(histogram.shape)
    total = histogram.sum()
    return float(100 * (histogram * (shared / np.maximum(union, 1))).sum() / total) if total else 0.0


def average_precision(histogram: np.ndarray) -> np.ndarray:
    """[classes] in percent (NaN: not in the truth) from pixels [2, classes, bins]: those with the class, all."""
    with_class, every = np.cumsum(histogram[:, :, ::-1], axis=-1)
    total = with_class[:, -1:]
    precision = with_class / np.maximum(every, 1)
    gained = np.diff(with_class, axis=-1, prepend=0)
    with np.errstate(invalid="ignore"):
        return 100 * (precision * gained).sum(-1) / np.where(total[:, 0] > 0, total[:, 0], np.nan)


def _mean(values: np.ndarray) -> float:
    """Mean of what is defined; 0 if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
