"""How long a trained network takes on this device: speed.json in its workdir."""

import json
import time
from pathlib import Path

import jax
import numpy as np

from ssa2d_jax.runs.run import load_run_as_saved
from ssa2d_jax.steps.forward import make_forward
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log

NAME = "speed.json"
_RUNS = 3


def measure_once(workdir: Path) -> None:
    """Writes `NAME` unless it is there: milliseconds a frame of the network alone, the best of a few runs of one clip.

    A run that can't be restored is left without, and that is said.
    """
    if (workdir / NAME).exists():
        return
    try:
        run = load_run_as_saved(workdir)
    except (InputError, OSError, ValueError, KeyError, AttributeError) as error:
        log(f"{workdir}: not timed ({error})")
        return
    config = run.config
    forward = make_forward(run.model, run.variables)
    frames = np.zeros((1, config.data.clip_frames, *config.data.size, 5 if config.model.flow else 3), np.uint8)
    jax.block_until_ready(forward(frames))
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        jax.block_until_ready(forward(frames))
        times.append(time.perf_counter() - start)
    figures = {
        "milliseconds_a_frame": 1000 * min(times) / config.data.clip_frames,
        "device": jax.devices()[0].device_kind,
        "clip": list(frames.shape[1:4]),
    }
    replace_text(workdir / NAME, json.dumps(figures, indent=2) + "\n")
