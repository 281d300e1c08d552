"""A trace of a few training steps, for TensorBoard's profiler."""

import time
from pathlib import Path

import jax
from ml_collections import ConfigDict

from ssa2d_jax.data.batch import Source
from ssa2d_jax.steps import devices
from ssa2d_jax.steps.state import init_state
from ssa2d_jax.training.loop import make_step
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log


def profile(config: ConfigDict, workdir: Path, source: Source, updates: int = 3) -> Path:
    """Traces `updates` updates of a fresh network into `workdir`, for TensorBoard's profiler; saves nothing else.

    -> the trace's folder. The updates before, which compile, are left out. InputError where `workdir` has a run.
    """
    if (workdir / "checkpoints").exists():
        raise InputError(f"{workdir} holds a run; give --mode=profile a folder of its own")
    model, optimizer, train_step = make_step(config, source)
    state = devices.replicate(init_state(model.clone(stats_axis=None), optimizer, config))
    batches = source.train_batches(0)
    for number in range(updates + 2):
        if number == 2:
            jax.profiler.start_trace(str(workdir))
            start = time.monotonic()
        with jax.profiler.StepTraceAnnotation("update", step_num=number):
            state, sums = train_step(state, devices.shard(next(batches)))
            jax.block_until_ready(sums)
    seconds = time.monotonic() - start
    jax.profiler.stop_trace()
    folder = max((workdir / "plugins" / "profile").iterdir())
    log(f"{updates} updates in {seconds:.2f} s; trace in {folder}")
    log(f"open it: pip install xprof, then tensorboard --logdir {workdir}, or ui.perfetto.dev with its *.trace.json.gz")
    return folder
