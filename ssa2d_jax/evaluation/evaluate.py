"""Scoring a model by the A2D protocol: every annotated frame once, at its own resolution."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from ssa2d_jax.data.batch import Batches, Source, check_batch
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.evaluation import metrics, pictures
from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from ssa2d_jax.evaluation.multilabel_metrics import MultilabelCounts
from ssa2d_jax.runs.run import Run
from ssa2d_jax.steps import devices
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress, log
from ssa2d_jax.utils.text import plural

Counts = metrics.Confusions | MultilabelCounts


def evaluate(
    eval_step: Callable[..., Any],
    variables: Any,
    batches: Batches,
    space: LabelSpace,
    frames: int,
    split: str,
    clips: ClipAgreement | None = None,
) -> Counts:
    """Runs `eval_step` (of `parallel.pmap_eval_step`) over one pass of `batches` and sums the confusion matrices.

    Every clip's own agreement goes into `clips`, if that is given.

    Raises InputError when the batches held another number of labelled frames than `frames`: a score
    over a part of a split is not a score.
    """
    confusions = (MultilabelCounts if space.multilabel else metrics.Confusions).empty(space)
    progress = Progress(f"evaluating {split}", "frames", frames)
    for batch in batches:
        if not confusions.frames:
            check_batch(batch)
        before = confusions.frames
        counts, agreement = jax.device_get(eval_step(variables, devices.shard(batch)))
        confusions.add(counts)
        if clips is not None:
            clips.add(batch, agreement.reshape(-1, agreement.shape[-1]))
        progress.add(confusions.frames - before)
    if confusions.frames != frames:
        raise InputError(
            f"split {split!r} has {frames} labelled frames but {confusions.frames} were read; "
            "delete the prepared data and run --mode=prepare again"
        )
    return confusions


def check_splits(splits: Sequence[str], source: Source) -> None:
    """Raises InputError unless every one of `splits` is there to be evaluated."""
    unknown = [split for split in splits if split not in source.label_frames]
    if unknown:
        raise InputError(f"config.train.eval_splits names {unknown}; there are {sorted(source.label_frames)}")


def publish(
    confusions: Counts,
    clips: ClipAgreement,
    step: int,
    split: str,
    workdir: Path,
    space: LabelSpace,
    *,
    left_out: int,
    data: str,
    published: bool,
) -> tuple[dict[str, Any], str]:
    """Writes metrics/<split>.json and its tables of classes and clips, and says the scores.

    -> (the scores, the split's name in files). `left_out` videos of the split could not be used; the score is not of
    the whole split then, and says so. `data` says which data (Source.identity). What is of other data than the run
    was trained with goes by another_<split>.
    """
    trained_on = workdir / "data.txt"
    if trained_on.exists() and trained_on.read_text().strip() != data:
        log(f"these are other data than the run was trained with: {data}")
        split = f"another_{split}"
    result = confusions.report(step) | {"left_out_videos": left_out, "data": data}
    metrics.write_report(workdir / "metrics", split, result, confusions.per_class(), space)
    log(f"\n{split}: {confusions.frames} labelled frames, percent")
    log(metrics.table(result, published=published))
    if left_out:
        log(f"{plural(left_out, 'video')} of this split could not be used: the scores are those of the others")
    clips.write(workdir / "metrics" / f"{split}_per_clip.csv")
    log(f"written: {workdir / 'metrics' / (split + '.json')}, {split}_per_class.csv, {split}_per_clip.csv\n")
    return result, split


def evaluate_run(
    run: Run,
    workdir: Path,
    source: Source,
    splits: tuple[str, ...],
    *,
    published: bool,
    threshold: float = 0.5,
    image_clips: int = 0,
) -> None:
    """Scores a restored run on `splits` of `source` and publishes the results in its workdir.

    With `image_clips`, pictures of that many clips of the first, the best and the worst, too.
    """
    check_splits(splits, source)
    space = run.space
    eval_step = devices.pmap_eval_step(run.model, space, threshold)
    label_maps = pictures.compile_label_maps(run.model, space, threshold)
    variables = devices.replicate(run.variables)
    for split in splits:
        frames = source.label_frames[split]
        clips = ClipAgreement(image_clips)
        confusions = evaluate(eval_step, variables, source.eval_batches(split), space, frames, split, clips)
        _, name = publish(
            confusions,
            clips,
            run.step,
            split,
            workdir,
            space,
            left_out=source.left_out[split],
            data=source.identity,
            published=published,
        )
        if image_clips:
            pictures.save(
                workdir / "pictures", name, pictures.draw(label_maps, run.variables, confusions, clips, space)
            )
            log(f"pictures: {workdir / 'pictures'}")
