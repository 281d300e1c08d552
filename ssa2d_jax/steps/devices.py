"""jax.pmap over the local devices: no other file uses the device axis of batches."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import jax
import numpy as np
import optax
from flax.typing import VariableDict
from jaxtyping import Float32

from ssa2d_jax.data.batch import Batch, device_arrays
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.eval_step import eval_step
from ssa2d_jax.steps.inputs import DEVICES, Arrays
from ssa2d_jax.steps.multilabel_counts import PixelCounts
from ssa2d_jax.steps.state import TrainState
from ssa2d_jax.steps.train_step import train_step
from ssa2d_jax.utils.errors import InputError

Shards = Mapping[str, np.ndarray]  # a batch with a leading device axis
TrainStep = Callable[[TrainState, Shards], tuple[TrainState, Arrays]]
EvalStep = Callable[[VariableDict, Shards], tuple[Arrays | PixelCounts, Float32[jax.Array, "devices B 2"]]]
_Tree = TypeVar("_Tree")


def pmap_train_step(
    model: SSA2D,
    optimizer: optax.GradientTransformation,
    *,
    weights: Mapping[str, float],
    microbatches: int,
    ema_decay: float,
    frozen: bool = False,
    devices: Sequence[jax.Device] | None = None,
) -> TrainStep:
    """Compiles `train_step` for every device; the memory of the old state is used again for the new one."""
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


def pmap_eval_step(model: SSA2D, space: LabelSpace, threshold: float = 0.5) -> EvalStep:
    """Compiles `eval_step` for every device: it returns counts over all devices, and the agreement of every clip."""
    step = partial(eval_step, model=model, space=space, threshold=threshold)
    return jax.pmap(step, axis_name=DEVICES, in_axes=(None, 0), out_axes=(None, 0))


def replicate(state: _Tree) -> _Tree:
    """Copies a tree of arrays to every device, in the layout that a step returns, so that steps compile only once."""
    mesh = jax.sharding.Mesh(jax.local_devices(), (DEVICES,))
    return jax.device_put(state, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))


def shard(batch: Batch, devices: int | None = None) -> Shards:
    """Gives the batch's arrays a leading device axis: [B, ...] -> [devices, B / devices, ...].

    Raises:
        InputError: The devices cannot get equal numbers of clips.
    """
    devices = devices or jax.local_device_count()
    clips = len(batch["clip_valid"])
    if clips % devices:
        raise InputError(f"a batch of {clips} clips cannot be divided among {devices} devices; change the batch size")
    return {key: x.reshape(devices, -1, *x.shape[1:]) for key, x in device_arrays(batch).items()}
