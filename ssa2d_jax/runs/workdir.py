"""A run's folder: the name of every file in it."""

import dataclasses
from pathlib import Path

NEWEST, BEST = 0, -1  # instead of a checkpoint's step


@dataclasses.dataclass(frozen=True)
class Workdir:
    """The paths of a run in `folder`. Nothing is read or created here."""

    folder: Path

    @property
    def config(self) -> Path:
        """The config that the run was trained with."""
        return self.folder / "config.json"

    @property
    def data(self) -> Path:
        """Which data the run was trained with (`Source.identity`)."""
        return self.folder / "data.txt"

    @property
    def labels(self) -> Path:
        """The names of the classes."""
        return self.folder / "labels.json"

    @property
    def machine(self) -> Path:
        """With which cores, backend and versions of JAX the run was last trained."""
        return self.folder / "machine.json"

    @property
    def initial_weights(self) -> Path:
        """Where the weights came from at the start."""
        return self.folder / "initial_weights.txt"

    @property
    def parameters(self) -> Path:
        """A table of the network's parameters."""
        return self.folder / "parameters.txt"

    @property
    def lock(self) -> Path:
        """Locked by the process that trains here."""
        return self.folder / ".lock"

    @property
    def checkpoints(self) -> Path:
        """Has a folder for every checkpoint, named by its step."""
        return self.folder / "checkpoints"

    @property
    def metrics(self) -> Path:
        """Has the scores, and the tables of the training."""
        return self.folder / "metrics"

    @property
    def pictures(self) -> Path:
        """Has the pictures of the last evaluation of each split."""
        return self.folder / "pictures"

    @property
    def training_history(self) -> Path:
        """Losses and rates over the training steps."""
        return self.metrics / "training.csv"

    @property
    def open_rows(self) -> Path:
        """Rows of the training history that were not full when a checkpoint was saved."""
        return self.folder / "open_rows.json"

    @property
    def score_history(self) -> Path:
        """The scores of every evaluation."""
        return self.metrics / "scores.csv"

    @property
    def speed(self) -> Path:
        """How long the network takes for a frame."""
        return self.folder / "speed.json"

    @property
    def predicted_scores(self) -> Path:
        """The scores of the labels that predict wrote for the test videos."""
        return self.folder / "predicted_scores.json"

    @property
    def report(self) -> Path:
        """The page of --mode=report."""
        return self.folder / "report.html"

    @property
    def ablation_table(self) -> Path:
        """The table of an ablation, in Markdown; in the folder that holds its runs."""
        return self.folder / "ablation.md"

    @property
    def ablation_csv(self) -> Path:
        """The same table, in full precision."""
        return self.folder / "ablation.csv"

    def scores(self, split: str) -> Path:
        """The last scores on a split."""
        return self.metrics / f"{split}.json"

    def class_scores(self, split: str) -> Path:
        """The last scores on a split, class by class."""
        return self.metrics / f"{split}_per_class.csv"

    def clip_agreement(self, split: str) -> Path:
        """How well each clip of a split was labelled."""
        return self.metrics / f"{split}_per_clip.csv"

    @classmethod
    def scored(cls, folder: Path, split: str) -> "list[Workdir]":
        """The workdirs in `folder` (or `folder` itself) that have scores on a split, in order."""
        paths = folder.glob(f"**/{cls(folder).scores(split).relative_to(folder)}")
        return [cls(path.parents[1]) for path in sorted(paths, key=lambda path: path.parents[1])]

    def has_checkpoint(self) -> bool:
        """Whether anything was saved."""
        return any(self.checkpoints.glob("[0-9]*"))
