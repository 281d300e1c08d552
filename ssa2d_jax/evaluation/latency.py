"""How long a trained network takes on this device: speed.json in its workdir."""

import json
import time
from pathlib import Path

import jax
import numpy as np

from ssa2d_jax.runs.load_run import load_run_as_saved
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.steps.forward import make_forward
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text, write_if_permitted
from ssa2d_jax.utils.progress import log

_REPETITIONS = 3


def write_speed_if_missing(workdir: Path) -> None:
    """Writes speed.json unless it exists: the network's milliseconds per frame, the fastest of a few calls with a clip.

    A run that cannot be loaded, or whose folder may not be written, gets no file; a line on stderr says why.
    """
    path = Workdir(workdir).speed
    if path.exists():
        return
    try:
        run = load_run_as_saved(workdir)
    except (InputError, OSError, ValueError, KeyError, AttributeError) as error:
        log(f"{workdir}: speed not measured ({error})")
        return
    config = run.config
    forward = make_forward(run.model, run.variables)
    frames = np.zeros((1, config.data.clip_frames, *config.data.size, 5 if config.model.flow else 3), np.uint8)
    jax.block_until_ready(forward(frames))
    seconds = []
    for _ in range(_REPETITIONS):
        start = time.perf_counter()
        jax.block_until_ready(forward(frames))
        seconds.append(time.perf_counter() - start)
    result = {
        "milliseconds_a_frame": 1000 * min(seconds) / config.data.clip_frames,
        "device": jax.devices()[0].device_kind,
        "clip": list(frames.shape[1:4]),
    }
    write_if_permitted(lambda: replace_text(path, json.dumps(result, indent=2) + "\n"), workdir)
