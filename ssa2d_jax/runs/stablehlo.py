"""A run as a program by itself: StableHLO that jax runs without any code of this project."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from flax.typing import VariableDict
from jax import export
from jaxtyping import Shaped, UInt8

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.models.units import BATCH_NORM_EPSILON
from ssa2d_jax.runs.load_run import Run
from ssa2d_jax.steps import label_grid
from ssa2d_jax.steps.forward import probabilities
from ssa2d_jax.utils.files import replace_bytes, replace_text
from ssa2d_jax.utils.progress import log

PLATFORMS = ("cpu", "cuda")
LABELS, SCRIPT = "labels.json", "run_exported.py"
_SCRIPT = '''"""Runs an exported SSA2D on clips: pip install jax flatbuffers.

python run_exported.py clips.npy labels.npz

clips.npy: uint8 RGB {shape}, any number B of clips. A clip is {frames}
of a video, resized to that size. labels.npz gets what the program returns: {results}.
labels.json, beside this file, names the classes: a number of labels.npz counts from 0, the background.
"""

import sys
from pathlib import Path

import jax
import numpy as np
from jax import export

SIZE = {size}  # of a clip

if len(sys.argv) != 3 or not sys.argv[2].endswith(".npz"):
    sys.exit("usage: python run_exported.py clips.npy labels.npz\\nclips.npy: uint8 RGB {shape}")
try:
    clips = np.load(sys.argv[1], allow_pickle=False)
except (OSError, ValueError, EOFError) as error:
    sys.exit(f"error: {{sys.argv[1]}} is no .npy file of numbers, as numpy.save writes it ({{type(error).__name__}})")
if getattr(clips, "dtype", None) != np.uint8 or clips.shape[1:] != SIZE or not len(clips):
    found = f"{{clips.dtype}} {{list(clips.shape)}}" if isinstance(clips, np.ndarray) else "no single array"
    sys.exit(f"error: {{sys.argv[1]}} holds {{found}}; needed: uint8 {shape}, any number B of clips, values 0 to 255")
platform = "cpu" if jax.default_backend() == "cpu" else "cuda"
path = Path(__file__).with_name(f"model_{{platform}}.stablehlo")
if not path.is_file():
    sys.exit(f"error: {{path}} is missing; copy it from the folder that export wrote")
try:
    program = export.deserialize(bytearray(path.read_bytes()))
    results = program.call(clips)
except Exception as error:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if jax.__version_info__ < {version_info}:  # that of the jax that wrote it
        reason += "; it was written with jax {version}, this is {{}}, and an older one often can't read it".format(
            jax.__version__
        )
    sys.exit(f"error: {{path}} can't be run: {{reason}}")
np.savez_compressed(sys.argv[2], **{{name: np.asarray(array) for name, array in results.items()}})
print({{name: array.shape for name, array in results.items()}})
'''


def export_run(run: Run, folder: Path, platforms: tuple[str, ...] = PLATFORMS) -> list[Path]:
    """Writes model_<platform>.stablehlo of `run` for each of `platforms`, `LABELS` and `SCRIPT` into `folder`.

    The program takes clips uint8 [B, T, H, W, 3] (two streams: [B, T, H, W, 5], flow as optical_flow.py packs it) at
    the network's T, H, W and any B, and returns what `results` does. Batch norm is folded into the convolutions,
    and the weights are inside. JAX promises to read such a file for six months after the version that wrote it.

    Returns:
        The paths of the programs.
    """
    data, channels, space = run.config.data, 5 if run.model.flow else 3, run.space
    batch = export.symbolic_shape("b")[0]
    clips = jax.ShapeDtypeStruct((batch, data.clip_frames, *data.size, channels), jnp.uint8)
    variables = fold_batch_norm(jax.device_get(run.variables))
    program = jax.jit(functools.partial(results, run.model, variables, space, run.threshold))
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for platform in platforms:
        with use_lowering(Lowering.for_platform(platform)):
            exported = export.export(program, platforms=[platform])(clips)
        path = folder / f"model_{platform}.stablehlo"
        replace_bytes(path, bytes(exported.serialize()))
        log(f"written: {path}, {path.stat().st_size / 2**20:.0f} MiB")
        paths.append(path)
        jax.clear_caches()  # the next platform lowers operations in another way
    clip = dict(zip(("frames", "height", "width"), (data.clip_frames, *data.size), strict=True))
    names = space.to_json() | ({} if space.multilabel else {"joint": list(space.joint)})
    text = json.dumps(names | {"clip": clip | {"frame_step": data.frame_step}}, indent=1)
    replace_text(folder / LABELS, text + "\n")
    clip_size = (data.clip_frames, *data.size, channels)
    shape = f"[B, {', '.join(map(str, clip_size))}]"
    every = "frames in a row" if data.frame_step == 1 else f"frames, every {data.frame_step}th one,"
    script = _SCRIPT.format(
        version=jax.__version__,
        version_info=jax.__version_info__,
        shape=shape,
        size=clip_size,
        frames=f"{data.clip_frames} {every}",
        results=", ".join(_names(space)),
    )
    replace_text(folder / SCRIPT, script)
    for name in (LABELS, SCRIPT):
        log(f"written: {folder / name}")
    return paths


def results(
    model: SSA2D, variables: VariableDict, space: LabelSpace, threshold: float, clips: UInt8[jax.Array, "B T H W C"]
) -> dict[str, Shaped[jax.Array, "B T H W *classes"]]:
    """What an exported program returns for every frame, at the network's size.

    Returns:
        actor_probabilities, action_probabilities: float32 [B, T, H, W, classes]; foreground: float32 [B, T, H, W].
        actor, action, joint: uint8 [B, T, H, W], decided as for the scores. With multi-label data there is no joint,
        and the probabilities of the actions are independent.
    """
    actor, action, foreground = probabilities(model, variables, clips, space.multilabel, whole=True)
    arrays = {"actor_probabilities": actor, "action_probabilities": action, "foreground": foreground}
    arrays["actor"] = jnp.argmax(actor, -1).astype(jnp.uint8)
    if space.multilabel:
        arrays["action"] = jnp.where(action.max(-1) >= threshold, jnp.argmax(action, -1) + 1, 0).astype(jnp.uint8)
    else:
        arrays["action"] = jnp.argmax(action, -1).astype(jnp.uint8)
        arrays["joint"] = label_grid.joint_decision(jnp.log(actor + 1e-30), jnp.log(action + 1e-30), space)
    return arrays


def fold_batch_norm(variables: VariableDict) -> VariableDict:
    """Variables of the same function with batch norm's scale in the kernels; its variance becomes 1: XLA drops it."""
    params, stats = flatten_dict(variables["params"], sep="/"), flatten_dict(variables["batch_stats"], sep="/")
    for name in [name for name in stats if name.endswith("/batch_norm/var")]:
        unit = name.removesuffix("/batch_norm/var")
        scale = 1 / jnp.sqrt(stats[name] + BATCH_NORM_EPSILON)
        params[f"{unit}/conv_3d/kernel"] = params[f"{unit}/conv_3d/kernel"] * scale
        stats[f"{unit}/batch_norm/mean"] = stats[f"{unit}/batch_norm/mean"] * scale
        stats[name] = jnp.full_like(stats[name], 1 - BATCH_NORM_EPSILON)
    return {"params": unflatten_dict(params, sep="/"), "batch_stats": unflatten_dict(stats, sep="/")}


def _names(space: LabelSpace) -> tuple[str, ...]:
    names = ("actor", "action", "actor_probabilities", "action_probabilities", "foreground")
    return names if space.multilabel else ("joint", *names)
