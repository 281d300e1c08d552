"""The parts of benchmarks/gpu.py. Each returns the rows of a table."""

import dataclasses
import functools
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from ml_collections import ConfigDict

from benchmarks.memory import peak_bytes
from benchmarks.speed import gradient_of, matmul_speed, model_flops, timed
from configs import default, sprites
from ssa2d_jax.data.batch import HostBatch, check_batch
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.runs import stablehlo
from ssa2d_jax.runs.load_run import Run
from ssa2d_jax.steps import devices
from ssa2d_jax.steps.device_axis import DEVICES
from ssa2d_jax.steps.optimizer import make_optimizer
from ssa2d_jax.steps.state import TrainState, build_model, init_state, init_variables
from ssa2d_jax.utils.errors import InputError

Rows = list[dict[str, float | str]]
# Name, matmul precision, dtype of activations. What a device has no unit for is done as the next better.
_STEP_COLUMNS = ("clips a second", "share of a matmul's speed, %", "peak memory, GiB", "compiled in, s")
PRECISIONS = (("float32", "highest", False), ("TF32", "default", False), ("bfloat16", "default", True))


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is measured: clips of [T, H, W], the width of the network, clips of a step, and the training."""

    frames: int = 16
    size: int = 224
    width: float = 1.0
    batch: int = 14
    repeats: int = 10
    minutes: float = 3.0
    clips: Path | None = None
    encoder: str = "i3d"

    @classmethod
    def of(cls, small: bool, clips: Path | None, minutes: float) -> "Setting":
        if small:
            return cls(4, 32, 0.0625, 2, 2, minutes, clips)
        return cls(clips=clips, minutes=minutes)

    def describe(self) -> str:
        return f"{self.frames}x{self.size}x{self.size}, width {self.width:g}, {self.batch} clips a step"

    def config(self) -> ConfigDict:
        config = default.get_config()
        config.data.clip_frames, config.data.size = self.frames, (self.size, self.size)
        config.model.encoder = self.encoder
        config.model.encoder_width = config.model.decoder_width = self.width
        config.train.batch_size = self.batch
        return config


def agree(setting: Setting) -> Rows:
    """Outputs and gradients of one clip on the device against the CPU's plain float32."""
    cpu, config = jax.local_devices(backend="cpu")[0], setting.config()
    video = np.random.default_rng(0).uniform(-1, 1, (1, setting.frames, setting.size, setting.size, 3))
    with jax.default_device(cpu), use_lowering(Lowering.PLAIN):
        model = build_model(config.model, A2D, stats_axis=None)
        variables = jax.device_get(_random(model, config))
        expected = _outputs(model, variables, video)
    rows: Rows = []
    for name, precision, is_bfloat16 in PRECISIONS:
        cast = model.clone(dtype=jnp.bfloat16) if is_bfloat16 else model
        with jax.default_matmul_precision(precision):
            found = _outputs(cast, variables, video)
        row: dict[str, float | str] = {"precision": name}
        for part, tree in expected.items():
            row[f"{part}, relative error"] = _relative_error(found[part], tree)
        rows.append(row)
    return rows


def _random(model: SSA2D, config: ConfigDict) -> PyTree:
    """Variables as of a network that has learned something: fresh ones have outputs of zeros."""
    variables, rng = init_variables(model, config), np.random.default_rng(1)

    def moved(x: jax.Array) -> jax.Array:
        noise = rng.standard_normal(x.shape, np.float32)
        return x + (noise / np.sqrt(x[..., 0].size) if x.ndim > 1 else 0.1 * np.abs(noise))

    return jax.tree.map(moved, variables)


def _outputs(model: SSA2D, variables: PyTree, video: np.ndarray) -> dict[str, PyTree]:
    """The logits, and the gradient with its loss over them."""
    clip = jnp.asarray(video, jnp.float32)
    outputs = jax.jit(lambda v, x: model.apply(v, x))(variables, clip)  # traced anew, in the form that is set
    return jax.device_get({"forward": outputs, "gradient": gradient_of(model)(variables, clip)[0]})


def _relative_error(found: PyTree, expected: PyTree) -> float:
    """The norm of the difference of two trees, divided by that of the second."""
    norm = lambda tree: float(np.sqrt(sum(np.sum(np.square(x, dtype=np.float64)) for x in jax.tree.leaves(tree))))
    return norm(jax.tree.map(np.subtract, found, expected)) / norm(expected)


def step(setting: Setting) -> Rows:
    """Whole training steps, with Adam, of random clips; with fewer clips where memory does not hold all."""
    rows: Rows = []
    for name, precision, is_bfloat16 in reversed(PRECISIONS):  # a peak of memory is of all that ran before
        batch = setting.batch
        while batch:
            try:
                with jax.default_matmul_precision(precision):
                    found = _timed_step(setting, batch, is_bfloat16)
                rows.append({"precision": name, "clips": batch, **found})
                break
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error):
                    raise
                batch //= 2
        else:
            rows.append({"precision": name, "clips": 0, **dict.fromkeys(_STEP_COLUMNS, "out of memory")})
    return rows


def _timed_step(setting: Setting, batch: int, is_bfloat16: bool) -> dict[str, float | str]:
    config = setting.config()
    config.model.bfloat16 = is_bfloat16
    state, train_step = _training(config, lambda _: 1e-4)
    arrays = devices.shard(_random_batch(setting, batch), 1)
    start = time.perf_counter()
    state, _ = jax.block_until_ready(train_step(state, arrays))
    compiling = time.perf_counter() - start
    seconds = []
    for _ in range(setting.repeats):
        start = time.perf_counter()
        state, _ = jax.block_until_ready(train_step(state, arrays))
        seconds.append(time.perf_counter() - start)
    speed = batch / float(np.median(seconds))
    model = build_model(config.model, A2D, stats_axis=None)
    video = jnp.zeros((1, setting.frames, setting.size, setting.size, 3))
    flops = 3 * model_flops(model, state.variables(), video)  # of a gradient: of the forward pass, and twice it back
    side = 2048 if jax.default_backend() == "cpu" else 8192
    share = 100 * speed * flops / matmul_speed(side, jnp.bfloat16 if is_bfloat16 else jnp.float32)
    stats = jax.devices()[0].memory_stats() or {}
    memory = stats.get("peak_bytes_in_use", peak_bytes()) / 2**30
    return dict(zip(_STEP_COLUMNS, (speed, share, memory, compiling), strict=True))


def _training(config: ConfigDict, schedule: Callable[[Any], Any]) -> tuple[TrainState, devices.TrainStep]:
    """A fresh state on the first device, and the training step for it."""
    model = build_model(config.model, A2D, stats_axis=DEVICES)
    rule = make_optimizer(config.train, schedule)
    loss = config.loss
    train_step = devices.pmap_train_step(
        model,
        rule,
        loss_weights={"actor": loss.actor_weight, "action": loss.action_weight, "mask": loss.mask_weight},
        microbatches=1,
        ema_decay=0.0,
        devices=jax.devices()[:1],
    )
    return init_state(model.clone(stats_axis=None), rule, config), train_step


def _random_batch(setting: Setting, batch: int) -> HostBatch:
    rng, size = np.random.default_rng(0), (setting.size, setting.size)
    labels = lambda classes: rng.integers(0, classes, (batch, 3, *size)).astype(np.uint8)
    return {
        "video": rng.integers(0, 256, (batch, setting.frames, *size, 3)).astype(np.uint8),
        "label_time": rng.integers(0, setting.frames, (batch, 3)).astype(np.int32),
        "label_valid": np.ones((batch, 3), bool),
        "actor": labels(8),
        "action": labels(10),
        "label_size": np.full((batch, 2), setting.size, np.int32),
        "clip_valid": np.ones(batch, bool),
    }


def export(setting: Setting) -> Rows:
    """The exported program of this device, run by its own script in a fresh process, against the live network."""
    config = setting.config()
    model = build_model(config.model, A2D, stats_axis=None)
    run = Run(model, _random(model, config), 0, config, A2D)
    shape = (2, setting.frames, setting.size, setting.size, 3)
    clips = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stablehlo.export_run(run, folder, ("cpu" if jax.default_backend() == "cpu" else "cuda",))
        np.save(folder / "clips.npy", clips)
        # Two processes share the card: the other takes what it needs.
        words = [sys.executable, str(folder / stablehlo.SCRIPT), "clips.npy", "labels.npz"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"the exported program failed: {done.stderr[-2000:]}")
        with np.load(folder / "labels.npz") as file:
            exported = dict(file)
    live = jax.jit(functools.partial(stablehlo.results, model, run.variables, A2D, run.threshold))(clips)
    return [
        {"result": key, "largest difference": float(np.abs(np.subtract(live[key], value, dtype=np.float64)).max())}
        for key, value in exported.items()
    ]


def train(setting: Setting) -> Rows:
    """A training from scratch by configs/sprites.py, and the mean loss of each tenth of its time."""
    if setting.clips is None:
        raise InputError("the part train needs --clips; write them by python -m benchmarks.gpu --write_clips=clips.npz")
    batches = read_clips(setting.clips)
    config = sprites.get_config()
    state, train_step = _training(config, lambda step: 3e-3 * jnp.minimum(1.0, (step + 1) / 100))
    state, sums = jax.block_until_ready(train_step(state, devices.shard(next(batches), 1)))
    losses, start = [(0.0, float(sums["loss"]))], time.perf_counter()
    while (passed := time.perf_counter() - start) < 60 * setting.minutes:
        state, sums = train_step(state, devices.shard(next(batches), 1))
        losses.append((passed, float(sums["loss"])))
    times, values = np.array(losses).T
    tenths = np.minimum((10 * times / (60 * setting.minutes)).astype(int), 9)
    rows: Rows = []
    for tenth in np.unique(tenths):
        inside = tenths == tenth
        last = np.flatnonzero(inside)[-1]
        rows.append({"step": str(last + 1), "seconds": times[last], "mean loss": values[inside].mean()})
    return rows


def write_clips(path: Path, count: int) -> None:
    """Writes `count` augmented batches of the sprites' training split, which are rendered if they are missing."""
    from input_pipeline import source  # takes TensorFlow

    batches = source.open_batches(sprites.get_config()).train_batches(0)
    arrays = [{key: value for key, value in next(batches).items() if key != "clip_id"} for _ in range(count)]
    stacked = {key: np.stack([np.asarray(batch[key]) for batch in arrays]) for key in arrays[0]}
    np.savez_compressed(path, **stacked)  # type: ignore[arg-type]  # no array is called allow_pickle
    print(f"written: {path}, {count} batches of {stacked['video'].shape[1:]}, {path.stat().st_size / 2**20:.0f} MiB")


def read_clips(path: Path) -> Iterator[HostBatch]:
    """The batches of a file of `write_clips`, again and again. Raises InputError if it is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} can't be read as .npz: {error}; write it by --write_clips") from None
    if "video" not in arrays or len({len(array) if array.ndim else 0 for array in arrays.values()}) != 1:
        raise InputError(f"{path} holds no batches; write it by --write_clips")
    batches: list[Any] = [{key: array[i] for key, array in arrays.items()} for i in range(len(arrays["video"]))]
    for batch in batches:
        check_batch(batch)
    return itertools.cycle(batches)


def forms(setting: Setting) -> Rows:
    """Seconds of one clip, forward and with its gradient, of lax's own operations and of the forms for CPUs."""
    config = setting.config()
    model = build_model(config.model, A2D, stats_axis=None)
    variables = _random(model, config)
    video = jnp.zeros((1, setting.frames, setting.size, setting.size, 3))
    rows: Rows = []
    for form in (Lowering.PLAIN, Lowering.CPU):
        with use_lowering(form):
            jax.clear_caches()
            forward, _ = timed(jax.jit(lambda v, x: model.apply(v, x)), variables, video, repeats=setting.repeats)
            back, _ = timed(gradient_of(model), variables, video, repeats=setting.repeats)
        rows.append({"form": form.value, "forward, s": forward, "forward and backward, s": back})
    return rows
