"""What mIoU hardly shows: whether outlines lie where the annotated ones do, and whether labels keep still.

The boundary F-score is that of Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation" (CVPR 2016), section 3: precision and recall of a class' outline, within a small distance. Here both are
counted over all frames, as mIoU is, and then averaged over classes.
"""

import dataclasses
from collections.abc import Iterable, Mapping

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from ssa2d_jax.data.label_space import IGNORE, LabelSpace

TOLERANCE = 3 / 320  # distance between outlines that fit, as a share of the frame's height
STILL = 4.0  # grey levels of 255 by which a still place may change from frame to frame, after a blur of 5x5
_BLUR = (5, 5)


@dataclasses.dataclass
class BoundaryTotals:
    """Pixels of outlines over many frames.

    Attributes:
        counts: by kind of label, for each class: pixels of the predicted outline, those of them near the true one,
            pixels of the true outline, those of them near the predicted one.
    """

    counts: dict[str, Int64[np.ndarray, "classes 4"]]

    @classmethod
    def empty(cls, space: LabelSpace) -> "BoundaryTotals":
        """No frames yet."""
        return cls({kind: np.zeros((len(names), 4), np.int64) for kind, names in space.names.items()})

    def add(self, kind: str, truth: UInt8[np.ndarray, "H W"], predicted: UInt8[np.ndarray, "H W"]) -> None:
        """Adds a frame; what lies within the tolerance of ignored pixels is left out."""
        radius = max(1, round(TOLERANCE * len(truth)))
        ignored = _near(truth == IGNORE, radius + 1)
        for number in np.union1d(truth, predicted):
            if number in (0, IGNORE):
                continue
            true, found = (_outline(maps == number) & ~ignored for maps in (truth, predicted))
            near = [outline & _near(other, radius) for outline, other in ((found, true), (true, found))]
            self.counts[kind][number] += [x.sum() for x in (found, near[0], true, near[1])]

    def f_scores(self, kind: str) -> Float64[np.ndarray, " classes"]:
        """The F-score of each class in percent; NaN for the background and for classes without an outline."""
        found, precise, true, recalled = self.counts[kind].T
        with np.errstate(invalid="ignore", divide="ignore"):
            precision, recall = precise / found, recalled / true
            scores = 200 * precision * recall / (precision + recall)
        # An outline that is only predicted, only true, or nowhere near.
        return np.where((found + true > 0) & np.isnan(scores), 0.0, scores)

    def to_result(self) -> dict[str, float]:
        """The mean over classes by kind; 0 if there is no outline."""
        scores = {kind: self.f_scores(kind) for kind in self.counts}
        return {kind: 0.0 if np.isnan(values).all() else float(np.nanmean(values)) for kind, values in scores.items()}


def _outline(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Pixels of a mask beside one that isn't in it; the frame's border is no outline."""
    inside = cv2.erode(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    return mask & (inside == 0)


def _near(mask: Bool[np.ndarray, "H W"], radius: int) -> Bool[np.ndarray, "H W"]:
    size = 2 * radius + 1
    return cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))) > 0


class Flicker:
    """Counts the pixels whose class changes between frames of a video in which the picture there does not."""

    def __init__(self) -> None:
        self.still = self.changed = 0

    def add(self, frames: Iterable[UInt8[np.ndarray, "H W 3"]], labels: Iterable[UInt8[np.ndarray, "H W"]]) -> None:
        """Adds a whole video: its frames and the classes of their pixels."""
        before = None
        for rgb, classes in zip(frames, labels, strict=False):
            grey = cv2.blur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), _BLUR)
            if before is not None:
                still = np.abs(grey - before[0]) < STILL
                self.still += int(still.sum())
                self.changed += int((still & (classes != before[1])).sum())
            before = grey, classes

    @property
    def percent(self) -> float:
        """Changed pixels among still ones, in percent; 0 if nothing was still."""
        return 100 * self.changed / self.still if self.still else 0.0


def describe(boundary: Mapping[str, float], flicker: float) -> str:
    """Both measures in two lines."""
    outlines = ", ".join(f"{kind} {value:.1f}" for kind, value in boundary.items())
    return (
        f"boundary F-score, within {TOLERANCE * 320:.0f} pixels at a height of 320: {outlines}\n"
        f"pixels that change their class from frame to frame where the picture is still: {flicker:.2f} %"
    )
