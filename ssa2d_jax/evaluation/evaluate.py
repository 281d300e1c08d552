"""Scoring a model by the A2D protocol: every annotated frame once, at its own resolution."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.typing import VariableDict

from ssa2d_jax.data.batch import Batches, Source, check_batch
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.evaluation import metrics, pictures
from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from ssa2d_jax.evaluation.gathered_clips import gather_clips
from ssa2d_jax.evaluation.multilabel_metrics import MultilabelTotals
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.runs.load_run import Run
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.runtime import processes
from ssa2d_jax.steps import devices
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import Diverged, InputError
from ssa2d_jax.utils.files import write_if_permitted
from ssa2d_jax.utils.progress import Progress, log, waiting
from ssa2d_jax.utils.text import plural

Totals = metrics.ConfusionTotals | MultilabelTotals


def evaluate(
    eval_step: devices.EvalStep,
    variables: VariableDict,
    batches: Batches,
    space: LabelSpace,
    frames: int,
    split: str,
    clips: ClipAgreement | None = None,
) -> Totals:
    """Sums the counts of `eval_step` (see `devices.pmap_eval_step`) over all `batches` of a split.

    Args:
        frames: number of labelled frames of the split.
        clips: gets the agreement of every clip.

    Raises:
        InputError: the batches had another number of labelled frames than `frames`: a score over a part of a split is
            not a score.
        Diverged: the network's outputs are not finite.
    """
    totals: Totals = (MultilabelTotals if space.multilabel else metrics.ConfusionTotals).empty(space)
    progress = Progress(f"evaluating {split}", "frames", frames)
    start = 0  # of the batch's clips in the split
    for batch in batches:
        frames_before = totals.frames
        if frames_before:
            batch_counts, agreement = jax.device_get(eval_step(variables, devices.shard(batch)))
        else:
            check_batch(batch)
            with waiting(f"evaluating {split}", "the first time the network is compiled for it"):
                batch_counts, agreement = jax.device_get(eval_step(variables, devices.shard(batch)))
        if np.isnan(agreement).any():
            raise Diverged(
                f"the network's outputs for {split!r} are not finite: its training diverged, and the score would be "
                "that of background alone; choose an earlier step (config.eval.step) or a lower learning rate"
            )
        totals.add(batch_counts)
        if clips is not None:
            mine = len(batch["clip_valid"])
            clips.add(batch, agreement.reshape(-1, agreement.shape[-1]), start + processes.index() * mine)
            start += mine * processes.count()
        progress.add(totals.frames - frames_before)
    if totals.frames != frames:
        raise InputError(
            f"split {split!r} has {frames} labelled frames but {totals.frames} were read; "
            f"delete the prepared data and run {commands.short('prepare')} again"
        )
    return totals


def check_splits(splits: Sequence[str], source: Source) -> None:
    """Raises InputError if the data have no such split."""
    unknown = [split for split in splits if split not in source.label_frames]
    if unknown:
        raise InputError(f"config.train.eval_splits names {unknown}; there are {sorted(source.label_frames)}")


@dataclasses.dataclass(frozen=True)
class SplitScores:
    """The scores on a split: what went into its files, and what its pictures are drawn from.

    `name` is the split's name in files. On other data than the run was trained with it is another_<split>.
    """

    name: str
    result: dict[str, Any]  # metrics/<name>.json
    totals: Totals
    clips: ClipAgreement
    is_written: bool


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """Scores one network on splits of `source` and writes the results into `workdir`."""

    space: LabelSpace
    source: Source
    workdir: Path
    eval_step: devices.EvalStep
    make_label_maps: pictures.MakeLabelMaps
    published: bool  # print the papers' scores, too
    image_clips: int  # clips for pictures, of each: the first, the best and the worst
    may_be_read_only: bool = False  # the scores are printed, at least, if nothing may be written into `workdir`

    @classmethod
    def from_model(
        cls,
        model: SSA2D,
        space: LabelSpace,
        source: Source,
        workdir: Path,
        *,
        threshold: float,
        published: bool,
        image_clips: int,
    ) -> "Evaluator":
        """An evaluator of `model`, whose classes are `space`; its functions compile when they are first called."""
        return cls(
            space=space,
            source=source,
            workdir=workdir,
            eval_step=devices.pmap_eval_step(model, space, threshold),
            make_label_maps=pictures.compile_label_maps(model, space, threshold),
            published=published,
            image_clips=image_clips,
        )

    def score(self, split: str, step: int, variables: VariableDict, batches: Batches | None = None) -> SplitScores:
        """Scores `variables`, as they are after training step `step`, on a split, and writes and prints the scores.

        Args:
            variables: on every device (`devices.replicate`).
            batches: the split's batches, if not those of `source` itself.
        """
        batches = self.source.eval_batches(split) if batches is None else batches
        clips = ClipAgreement(self.image_clips)
        totals = evaluate(self.eval_step, variables, batches, self.space, self.source.label_frames[split], split, clips)
        return self._publish(totals, gather_clips(clips), split, step)

    def _publish(self, totals: Totals, clips: ClipAgreement, split: str, step: int) -> SplitScores:
        """The first process writes the scores with their tables of classes and clips, and prints the scores."""
        files, identity, left_out = Workdir(self.workdir), self.source.identity, self.source.left_out[split]
        is_other = lambda: files.data.exists() and files.data.read_text().strip() != identity
        if processes.on_first(is_other):
            log(f"these are other data than the run was trained with: {identity}")
            split = f"another_{split}"
        result = totals.to_result(step) | {"left_out_videos": left_out, "data": identity}
        log(f"\n{split}: {totals.frames} labelled frames, percent")
        log(metrics.table(result, published=self.published))
        if left_out:
            log(f"{plural(left_out, 'video')} of this split could not be used: the scores are those of the others")

        def write() -> None:
            metrics.write_scores(files, split, result, totals.per_class(), self.space)
            clips.write(files.clip_agreement(split))
            paths = files.scores(split), files.class_scores(split).name, files.clip_agreement(split).name
            log(f"written: {paths[0]}, {paths[1]}, {paths[2]}\n")

        return SplitScores(split, result, totals, clips, self._write(write))

    def _write(self, write: Callable[[], None]) -> bool:
        """Calls `write`; returns whether it was permitted, if that may be refused."""

        def write_on_first() -> bool:
            if self.may_be_read_only:
                return write_if_permitted(write, self.workdir)
            write()
            return True

        return processes.on_first(write_on_first)

    def draw(self, scores: SplitScores, variables: VariableDict) -> dict[str, np.ndarray]:
        """Draws the pictures of a split, saves them in place of its earlier ones, and returns them by name.

        Of several processes the first one draws, and the others return none.
        """
        images: dict[str, np.ndarray] = {}

        def draw() -> None:
            with waiting(f"drawing pictures of {scores.name}", "the first time the network is compiled for them"):
                images.update(pictures.draw(self.make_label_maps, variables, scores.totals, scores.clips, self.space))
            self._write(lambda: pictures.save(Workdir(self.workdir).pictures, scores.name, images))

        processes.on_first(draw)
        return images


def evaluate_run(
    run: Run,
    workdir: Path,
    source: Source,
    splits: tuple[str, ...],
    *,
    published: bool,
    threshold: float,
    image_clips: int = 0,
) -> None:
    """Scores a run on `splits` of `source`, prints the scores, and writes the results into its workdir if it may.

    Args:
        published: print the papers' scores, too.
        threshold: multi-label data: a pixel has every action whose probability is at least this.
        image_clips: clips for pictures, of each: the first, the best and the worst; 0: no pictures.
    """
    check_splits(splits, source)
    evaluator = Evaluator.from_model(
        run.model, run.space, source, workdir, threshold=threshold, published=published, image_clips=image_clips
    )
    evaluator = dataclasses.replace(evaluator, may_be_read_only=True)
    variables = devices.replicate(run.variables)
    for split in splits:
        scores = evaluator.score(split, run.step, variables)
        if image_clips and scores.is_written:
            evaluator.draw(scores, run.variables)
            log(f"pictures: {Workdir(workdir).pictures}")
