"""jax.pmap over the local devices: the only file that knows of a device axis."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import optax

from ssa2d_jax.data.batch import Batch, device_arrays
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.eval_step import eval_step
from ssa2d_jax.steps.inputs import DEVICES
from ssa2d_jax.steps.train_step import train_step
from ssa2d_jax.utils.errors import InputError


def pmap_train_step(
    model: SSA2D,
    optimizer: optax.GradientTransformation,
    *,
    weights: dict[str, float],
    microbatches: int,
    ema_decay: float,
    frozen: bool = False,
    devices: Sequence[jax.Device] | None = None,
) -> Any:
    """`steps.train_step` on every device: (state, shards) -> (state, metrics). The state's memory is reused."""
    step = partial(
        train_step,
        model=model,
        optimizer=optimizer,
        weights=weights,
        microbatches=microbatches,
        ema_decay=ema_decay,
        frozen=frozen,
    )
    return jax.pmap(
        step,
        axis_name=DEVICES,
        in_axes=(None, 0),
        out_axes=(None, None),
        donate_argnums=(0,),
        devices=devices,
    )


def pmap_eval_step(model: SSA2D, space: LabelSpace, threshold: float = 0.5) -> Any:
    """`steps.eval_step` on every device: (variables, shards) -> (counts over all of them, [devices, B, 2] by clip)."""
    step = partial(eval_step, model=model, space=space, threshold=threshold)
    return jax.pmap(step, axis_name=DEVICES, in_axes=(None, 0), out_axes=(None, 0))


def replicate(state: Any) -> Any:
    """`state` laid out as the update returns it, so that its first call compiles the only program there is."""
    mesh = jax.sharding.Mesh(jax.local_devices(), (DEVICES,))
    return jax.device_put(state, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))


def shard(batch: Batch, devices: int | None = None) -> dict[str, np.ndarray]:
    """The batch's arrays with a leading device axis: [B, ...] -> [devices, B / devices, ...]."""
    devices = devices or jax.local_device_count()
    clips = len(batch["clip_valid"])
    if clips % devices:
        raise InputError(f"a batch of {clips} clips can't be divided among {devices} devices; change the batch size")
    return {key: x.reshape(devices, -1, *x.shape[1:]) for key, x in device_arrays(batch).items()}
