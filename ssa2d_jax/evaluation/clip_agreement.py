"""How well each clip of a split is labelled, and the clips that are shown: the first, the best and the worst."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float

from ssa2d_jax.data.batch import HostBatch, device_arrays
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.text import csv_text


class ShownClip(NamedTuple):
    """A clip as a batch of one, and its caption: name and agreement."""

    caption: str
    clip: HostBatch


class ClipRow(NamedTuple):
    """A row of the table: agreement in percent, NaN for a clip without any foreground."""

    name: str
    labelled_frames: int
    agreement: float


class Ranking:
    """The `size` clips with the smallest keys, in order."""

    def __init__(self, size: int):
        self.size = size
        self.entries: list[tuple[tuple[float, int], ShownClip]] = []

    def accepts(self, key: tuple[float, int]) -> bool:
        """Whether a clip with this key is among the `size` first."""
        return len(self.entries) < self.size or (self.size > 0 and key < self.entries[-1][0])

    def add(self, key: tuple[float, int], clip: ShownClip) -> None:
        """Adds a clip; the last one drops out if there are more than `size`."""
        self.entries.append((key, clip))
        self.entries.sort(key=lambda entry: entry[0])
        del self.entries[self.size :]

    def first(self, count: int) -> list[ShownClip]:
        """The first `count` clips."""
        return [clip for _, clip in self.entries[:count]]


class ClipAgreement:
    """Agreement of every clip of an evaluation, in percent.

    Agreement is counted over the pixels of labelled frames that truth or prediction calls foreground: it is the share
    of them with equal joint labels; with multi-label data, the mean over them of |S∩P| / |S∪P| (S: true actions, P:
    predicted ones). It ranks clips; the score of a split (metrics.py) is not the mean of it.

    The `keep` first, best and worst clips are kept as a whole, for pictures.
    """

    def __init__(self, keep: int):
        self.keep = keep
        self.numbered: dict[int, ClipRow] = {}  # by the number of the clip in the split
        self.rankings = {name: Ranking(keep) for name in ("clip", "best", "worst")}

    @property
    def rows(self) -> list[ClipRow]:
        """The clips in the order of the split."""
        return [self.numbered[number] for number in sorted(self.numbered)]

    def add(self, batch: HostBatch, overlap: Float[np.ndarray, "B 2"], start: int | None = None) -> None:
        """Adds the clips of a batch.

        Args:
            overlap: of every clip, the pixels that agree and the pixels that truth or prediction calls foreground.
            start: the number of the batch's first clip in the split, if other processes have some of the clips; None:
                its valid clips follow those that were added before.
        """
        arrays = device_arrays(batch)
        for i in map(int, np.flatnonzero(arrays["clip_valid"])):
            hit, union = map(float, overlap[i])
            number = len(self.numbered) if start is None else start + i
            name = batch["clip_id"][i] if "clip_id" in batch else f"clip {number}"
            frames = int(arrays["label_valid"][i].sum())
            row = ClipRow(name, frames, 100 * hit / union if union else math.nan)
            self.numbered[number] = row
            self._keep(row, number, {key: array[i : i + 1] for key, array in arrays.items()})

    def shown_clips(self) -> dict[str, ShownClip]:
        """The kept clips: clip_0, clip_1, ... (the first), best_0, ... and worst_0, ...; no clip is best and worst."""
        ranked = sum(not math.isnan(row.agreement) for row in self.numbered.values())
        best = min(self.keep, (ranked + 1) // 2)
        worst = min(self.keep, ranked - best)
        counts = {"clip": self.keep, "best": best, "worst": worst}
        groups = {name: self.rankings[name].first(count) for name, count in counts.items()}
        return {f"{group}_{i}": clip for group, clips in groups.items() for i, clip in enumerate(clips)}

    def write(self, path: Path) -> None:
        """Writes a csv file of all clips, the worst first."""
        ordered = sorted(self.rows, key=lambda row: (math.isnan(row.agreement), row.agreement))
        rows = [
            (name, frames, "" if math.isnan(agreement) else f"{agreement:.2f}") for name, frames, agreement in ordered
        ]
        replace_text(path, csv_text([("clip", "labelled_frames", "agreement"), *rows]))

    def _keep(self, row: ClipRow, number: int, clip: Mapping[str, np.ndarray]) -> None:
        """Keeps a copy of clip `number` if it is among the first, the best or the worst."""
        agreement = row.agreement
        # Among equal clips, earlier ones are better and later ones worse, so that no clip is both.
        keys = {"best": (-agreement, number), "worst": (agreement, -number)}
        keys = {"clip": (0.0, number)} | ({} if math.isnan(agreement) else keys)
        chosen = [(self.rankings[name], key) for name, key in keys.items() if self.rankings[name].accepts(key)]
        if not chosen:
            return
        text = "no foreground" if math.isnan(agreement) else f"{agreement:.0f} %"
        # Copies: a view would keep the whole batch in memory.
        copy = cast(HostBatch, {key: array.copy() for key, array in clip.items()})
        shown = ShownClip(f"{row.name}: {text}", copy)
        for ranking, key in chosen:
            ranking.add(key, shown)
