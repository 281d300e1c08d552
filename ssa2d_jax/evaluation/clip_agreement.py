"""How well each clip of a split is labelled, and the clips that people look at: the first, the best and the worst."""

import csv
import io
import math
from pathlib import Path

import numpy as np

from ssa2d_jax.data.batch import Batch, device_arrays
from ssa2d_jax.utils.files import replace_text

Shown = tuple[str, Batch]  # a clip's name and agreement in words, and the clip as a batch of one


class ClipAgreement:
    """Agreement of every clip that an evaluation went through, in percent.

    Agreement is the share, among the labelled frames' pixels that truth or prediction calls foreground, of those whose
    joint labels are the same; where a pixel may have several actions, the mean over those pixels of |S∩P| / |S∪P|. It
    ranks clips; the score of a split is another thing (metrics.py), and not the mean of these.

    `keep` clips each, the first, the best and the worst, are kept whole, for pictures.
    """

    def __init__(self, keep: int):
        self.keep = keep
        self.rows: list[tuple[str, int, float]] = []  # clip, labelled frames, agreement (NaN: no foreground at all)
        self._first: list[Shown] = []
        self._best: list[tuple[float, int, Shown]] = []
        self._worst: list[tuple[float, int, Shown]] = []

    def add(self, batch: Batch, overlap: np.ndarray) -> None:
        """Counts a batch; `overlap` [B, 2]: pixels that agree, and pixels that either side calls foreground."""
        arrays = device_arrays(batch)
        for i in np.flatnonzero(arrays["clip_valid"]):
            hit, union = map(float, overlap[i])
            agreement, number = 100 * hit / union if union else math.nan, len(self.rows)
            name = batch["clip_id"][i] if "clip_id" in batch else f"clip {number}"
            self.rows.append((name, int(arrays["label_valid"][i].sum()), agreement))
            self._keep(agreement, number, name, arrays, i)

    def shown(self) -> dict[str, Shown]:
        """clip_0, clip_1, ... (the first), best_0, ... and worst_0, ...; none is both among the best and the worst."""
        ranked = sum(agreement == agreement for *_, agreement in self.rows)
        best = min(self.keep, (ranked + 1) // 2)
        groups = {
            "clip": self._first,
            "best": [shown for *_, shown in self._best[:best]],
            "worst": [shown for *_, shown in self._worst[: min(self.keep, ranked - best)]],
        }
        return {f"{group}_{i}": shown for group, some in groups.items() for i, shown in enumerate(some)}

    def write(self, path: Path) -> None:
        """Writes a csv of all clips, the worst first."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["clip", "labelled_frames", "agreement"])
        for name, frames, agreement in sorted(self.rows, key=lambda row: (math.isnan(row[2]), row[2])):
            writer.writerow([name, frames, "" if math.isnan(agreement) else f"{agreement:.2f}"])
        replace_text(path, text.getvalue())

    def _keep(self, agreement: float, number: int, name: str, arrays: dict[str, np.ndarray], i: int) -> None:
        # Of those that are equal, the earlier are better and the later worse: none is both.
        keys = {id(self._best): (-agreement, number), id(self._worst): (agreement, -number)}
        ranked = [] if math.isnan(agreement) else [self._best, self._worst]
        wanted = [one for one in ranked if len(one) < self.keep or (self.keep and keys[id(one)] < one[-1][:2])]
        first = len(self._first) < self.keep
        if not wanted and not first:
            return
        # Copies: a view would keep the whole batch in memory.
        clip = {key: array[i : i + 1].copy() for key, array in arrays.items()}
        told = "no foreground" if math.isnan(agreement) else f"{agreement:.0f} %"
        shown = (f"{name}: {told}", clip)
        if first:
            self._first.append(shown)
        for ranking in wanted:
            ranking.append((*keys[id(ranking)], shown))
            ranking.sort(key=lambda entry: entry[:2])
            del ranking[self.keep :]
