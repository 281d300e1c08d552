"""What the network reads of a batch, and its outputs for it."""

from typing import NotRequired, TypedDict, cast

import jax
import jax.numpy as jnp
from flax.typing import VariableDict
from jaxtyping import Bool, Float32, Int32, Key, UInt8

from ssa2d_jax.models.ssa2d import SSA2D, Outputs


class DeviceBatch(TypedDict):
    """A device's share of a batch; `HostBatch` in data/batch.py says what the arrays are."""

    video: UInt8[jax.Array, "B T H W 3"]
    label_time: Int32[jax.Array, "B L"]
    label_valid: Bool[jax.Array, "B L"]
    actor: UInt8[jax.Array, "B L h w"]
    action: UInt8[jax.Array, "B L h w"] | Bool[jax.Array, "B L h w A"]
    label_size: Int32[jax.Array, "B 2"]
    clip_valid: Bool[jax.Array, " B"]
    flow: NotRequired[Float32[jax.Array, "B T H W 2"]]
    clip_key: NotRequired[Key[jax.Array, " B"]]  # for what training draws at random; the step makes it


def normalize(video: UInt8[jax.Array, "*clip H W 3"]) -> Float32[jax.Array, "*clip H W 3"]:
    """Scales RGB to [-1, 1]."""
    return video.astype(jnp.float32) / 127.5 - 1.0


def network_inputs(
    batch: DeviceBatch, model: SSA2D
) -> tuple[Float32[jax.Array, "B T H W 3"], Float32[jax.Array, "B T H W 2"] | None]:
    """Returns the batch's video, normalized, and its flow if the network has a stream for it."""
    return normalize(batch["video"]), batch["flow"] if model.flow else None


def network_outputs(variables: VariableDict, batch: DeviceBatch, model: SSA2D) -> Outputs:
    """Returns the network's logits for a batch, outside training."""
    return cast(Outputs, model.apply(variables, *network_inputs(batch, model)))
