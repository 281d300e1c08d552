"""A trace of a few training steps, for TensorBoard's profiler."""

import contextlib
import time
from pathlib import Path

import jax
from ml_collections import ConfigDict

from ssa2d_jax.data.batch import Source
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.runtime import processes
from ssa2d_jax.steps import devices
from ssa2d_jax.steps.state import init_state
from ssa2d_jax.training.setup import make_step
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import compile_note, log, waiting
from ssa2d_jax.utils.text import plural

_WARM_UP = 2  # steps before the trace; they compile


def profile(config: ConfigDict, workdir: Path, source: Source, steps: int = 3) -> Path:
    """Traces training steps of a fresh network into `workdir`; nothing else is saved.

    Args:
        steps: steps in the trace; those that compile come before it.

    Returns:
        The folder of the trace, which the first process writes of its own devices; for the others `workdir`.

    Raises:
        InputError: `workdir` holds a run.
    """
    if processes.on_first(Workdir(workdir).checkpoints.exists):
        raise InputError(f"{workdir} holds a run; give {commands.short('profile')} its own --workdir")
    model, optimizer, train_step = make_step(config, source)
    with waiting("initializing the network", compile_note("up to a minute")):
        state = devices.replicate(init_state(model.clone(stats_axis=None), optimizer, config))
    batches = source.train_batches(0)
    start = 0.0
    for number in range(_WARM_UP + steps):
        if number == _WARM_UP:
            if processes.is_first():
                jax.profiler.start_trace(str(workdir))
            start = time.monotonic()
        note = (
            waiting("compiling the training step", compile_note("a minute or more"))
            if number == 0
            else contextlib.nullcontext()
        )
        with note, jax.profiler.StepTraceAnnotation("step", step_num=number):
            state, metrics = train_step(state, devices.shard(next(batches)))
            jax.block_until_ready(metrics)
    seconds = time.monotonic() - start
    if not processes.is_first():
        return workdir
    jax.profiler.stop_trace()
    folder = max((workdir / "plugins" / "profile").iterdir())
    log(f"{plural(steps, 'step')} in {seconds:.2f} s; trace in {folder}")
    log(f"open it: pip install xprof, then tensorboard --logdir {workdir}, or ui.perfetto.dev with its *.trace.json.gz")
    return folder
