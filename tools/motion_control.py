"""Test whether a trained run reads motion: score it on normal test clips and on clips frozen at the scored frame.

python -m tools.motion_control --config=configs/sprites.py --workdir=runs/sprites

Both rows of the output score only the middle labelled frame of every clip. A frozen clip repeats that frame. Training
had no frozen clips, so the second row is lower for two reasons: no motion, and an unfamiliar kind of input.
"""

import sys

import jax
import numpy as np

from input_pipeline.source import open_batches
from ssa2d_jax.cli.arguments import parse
from ssa2d_jax.cli.config import load_config
from ssa2d_jax.data.batch import HostBatch
from ssa2d_jax.data.label_space import A2D, KINDS
from ssa2d_jax.evaluation import metrics
from ssa2d_jax.runs.load_run import check_label_space, load_run
from ssa2d_jax.steps import devices
from ssa2d_jax.utils.errors import InputError


def main() -> None:
    arguments = parse("motion_control", "motion_control", sys.argv[1:])
    if arguments.workdir is None:
        raise InputError("--workdir is needed, the folder of a run")
    config, workdir = load_config(arguments, scores=True), arguments.workdir
    run = load_run(workdir, config)
    check_label_space(workdir, run.space, A2D)
    source = open_batches(config)
    eval_step, variables = devices.pmap_eval_step(run.model, A2D, run.threshold), devices.replicate(run.variables)
    for name, change in (("unchanged", _middle), ("frozen", _frozen)):
        counts = metrics.ConfusionTotals.empty(A2D)
        for batch in source.eval_batches("test"):
            counts.add(jax.device_get(eval_step(variables, devices.shard(change(batch)))[0]))
        result = counts.to_result(run.step)
        scores = ", ".join(f"{kind} {result[kind]['miou']:.1f}" for kind in KINDS)
        print(f"{name} ({result['frames']} frames): mIoU {scores}")


def _middle(batch: HostBatch) -> HostBatch:
    """The batch with only the middle labelled frame of each clip marked as valid."""
    number = batch["label_valid"].sum(1, keepdims=True) // 2
    return batch | {"label_valid": batch["label_valid"] & (np.arange(batch["label_valid"].shape[1]) == number)}


def _frozen(batch: HostBatch) -> HostBatch:
    """The batch of `_middle` with every frame replaced by the labelled one."""
    batch = _middle(batch)
    clips, video = np.arange(len(batch["video"])), batch["video"]
    shown = video[clips, batch["label_time"][clips, batch["label_valid"].argmax(1)]]
    return batch | {"video": np.repeat(shown[:, None], video.shape[1], axis=1)}


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
