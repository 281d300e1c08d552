"""jax.pmap over the devices of all processes, over which the steps sum. Only this file divides batches among devices.

A process hands over its own clips of a batch, and holds the state and the sums on its own devices.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Protocol, TypeVar, runtime_checkable

import jax
import numpy as np
import optax
from flax.typing import VariableDict
from jaxtyping import Float32

from ssa2d_jax.data.batch import HostBatch, device_arrays
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.runtime import processes
from ssa2d_jax.steps.device_axis import DEVICES
from ssa2d_jax.steps.eval_step import ConfusionCounts, eval_step
from ssa2d_jax.steps.multilabel_counts import PixelCounts
from ssa2d_jax.steps.state import TrainState
from ssa2d_jax.steps.train_step import Sums, train_step
from ssa2d_jax.utils.errors import InputError

Shards = Mapping[str, np.ndarray]  # a batch with a leading device axis
EvalStep = Callable[[VariableDict, Shards], tuple[ConfusionCounts | PixelCounts, Float32[jax.Array, "devices B 2"]]]
_Tree = TypeVar("_Tree")


@runtime_checkable
class TrainStep(Protocol):
    """A training step on all devices; it is compiled at its first call, or by `lower(state, batch).compile()`."""

    def __call__(self, state: TrainState, batch: Shards, /) -> tuple[TrainState, Sums]: ...

    def lower(self, state: TrainState, batch: Shards, /) -> jax.stages.Lowered: ...


def pmap_train_step(
    model: SSA2D,
    optimizer: optax.GradientTransformation,
    *,
    loss_weights: Mapping[str, float],
    microbatches: int,
    ema_decay: float,
    freeze_encoder: bool = False,
    devices: Sequence[jax.Device] | None = None,
) -> TrainStep:
    """Compiles `train_step` for every device; the memory of the old state is used again for the new one."""
    step = partial(
        train_step,
        model=model,
        optimizer=optimizer,
        loss_weights=loss_weights,
        microbatches=microbatches,
        ema_decay=ema_decay,
        freeze_encoder=freeze_encoder,
    )
    return jax.pmap(
        step,
        axis_name=DEVICES,
        in_axes=(None, 0),
        out_axes=(None, None),
        donate_argnums=(0,),
        devices=devices,
    )


@lru_cache(maxsize=32)
def pmap_eval_step(model: SSA2D, space: LabelSpace, threshold: float) -> EvalStep:
    """Compiles `eval_step` for every device: it returns counts over all devices, and the agreement of every clip.

    Equal arguments give the same step, which is compiled once.
    """
    step = partial(eval_step, model=model, space=space, threshold=threshold)
    return jax.pmap(step, axis_name=DEVICES, in_axes=(None, 0), out_axes=(None, 0))


def replicate(state: _Tree) -> _Tree:
    """Copies a tree of arrays to every device of this process, in the layout that a step returns.

    So steps compile only once.
    """
    mesh = jax.sharding.Mesh(jax.local_devices(), (DEVICES,))
    return jax.device_put(state, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))


class Agreement:
    """The largest of a number that every process offers once a step, known to all of them one step later.

    The sum over devices that carries it runs beside the step, so that nothing waits for it. With one process it is the
    number itself, at once.
    """

    def __init__(self) -> None:
        self._pending: jax.Array | None = None
        if processes.count() > 1:
            self._largest = jax.pmap(lambda value: jax.lax.pmax(value, DEVICES), axis_name=DEVICES, out_axes=None)

    def offer(self, value: int) -> int:
        """Offers this step's number, and returns the largest of those of the step before."""
        if processes.count() == 1:
            return value
        before = self._pending
        self._pending = self._largest(np.full(jax.local_device_count(), value, np.int32))
        return 0 if before is None else int(before)


def shard(batch: HostBatch, devices: int | None = None) -> Shards:
    """Gives the batch's arrays a leading axis of this process's devices: [B, ...] -> [devices, B / devices, ...].

    Raises:
        InputError: the devices cannot get equal numbers of clips.
    """
    devices = devices or jax.local_device_count()
    clips = len(batch["clip_valid"])
    if clips % devices:
        raise InputError(f"a batch of {clips} clips cannot be divided among {devices} devices; change the batch size")
    return {key: x.reshape(devices, -1, *x.shape[1:]) for key, x in device_arrays(batch).items()}
