"""Scoring a model by the A2D protocol: every annotated frame once, at its own resolution."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from ssa2d_jax import metrics, parallel
from ssa2d_jax.batch import Batches, InputError, Source, check_batch
from ssa2d_jax.label_space import LabelSpace
from ssa2d_jax.progress import Progress, say
from ssa2d_jax.restore import Run
from ssa2d_jax.several_scores import SeveralCounts

Counts = metrics.Confusions | SeveralCounts


def evaluate(
    eval_step: Callable[..., Any],
    variables: Any,
    batches: Batches,
    space: LabelSpace,
    frames: int,
    split: str,
) -> Counts:
    """Runs `eval_step` (of `parallel.pmap_eval_step`) over one pass of `batches` and sums the confusion matrices.

    Raises InputError when the batches held another number of labelled frames than `frames`: a score
    over a part of a split is not a score.
    """
    confusions = (SeveralCounts if space.several else metrics.Confusions).empty(space)
    progress = Progress(f"evaluating {split}", "frames", frames)
    for batch in batches:
        if not confusions.frames:
            check_batch(batch)
        before = confusions.frames
        confusions.add(jax.device_get(eval_step(variables, parallel.shard(batch))))
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
    step: int,
    split: str,
    workdir: Path,
    space: LabelSpace,
    *,
    left_out: int,
    data: str,
    published: bool,
) -> dict[str, Any]:
    """Writes metrics/<split>.json and its per-class table, says the scores, and returns them.

    `left_out` videos of the split could not be used; the score is not of the whole split then, and says so. `data`
    says which data (Source.identity). Scores on other data than the run was trained with go to another_<split>.json.
    """
    trained_on = workdir / "data.txt"
    if trained_on.exists() and trained_on.read_text().strip() != data:
        say(f"these are other data than the run was trained with: {data}")
        split = f"another_{split}"
    result = confusions.report(step) | {"left_out_videos": left_out, "data": data}
    metrics.write_report(workdir / "metrics", split, result, confusions.per_class(), space)
    say(f"\n{split}: {confusions.frames} labelled frames, percent")
    say(metrics.table(result, published=published))
    if left_out:
        say(f"{left_out} videos of this split could not be used: the scores are those of the others")
    say(f"written: {workdir / 'metrics' / (split + '.json')}, {split}_per_class.csv\n")
    return result


def evaluate_run(
    run: Run,
    workdir: Path,
    source: Source,
    splits: tuple[str, ...],
    space: LabelSpace,
    *,
    published: bool,
    threshold: float = 0.5,
) -> None:
    """Scores a restored run on `splits` of `source` and publishes the results in its workdir."""
    check_splits(splits, source)
    eval_step = parallel.pmap_eval_step(run.model, space, threshold)
    variables = parallel.replicate(run.variables)
    for split in splits:
        frames = source.label_frames[split]
        confusions = evaluate(eval_step, variables, source.eval_batches(split), space, frames, split)
        publish(
            confusions,
            run.step,
            split,
            workdir,
            space,
            left_out=source.left_out[split],
            data=source.identity,
            published=published,
        )
