"""What the network reads of a batch, and its outputs for it."""

from typing import cast

import jax
import jax.numpy as jnp
from flax.typing import VariableDict
from jaxtyping import Float32, UInt8

from ssa2d_jax.models.ssa2d import SSA2D, Outputs

DEVICES = "devices"  # the name of the device axis
Arrays = dict[str, jax.Array]  # a batch (see data/batch.py), label maps, counts or metrics, by name


def normalize(video: UInt8[jax.Array, "*clip H W 3"]) -> Float32[jax.Array, "*clip H W 3"]:
    """Scales RGB to [-1, 1]."""
    return video.astype(jnp.float32) / 127.5 - 1.0


def network_inputs(
    batch: Arrays, model: SSA2D
) -> tuple[Float32[jax.Array, "B T H W 3"], Float32[jax.Array, "B T H W 2"] | None]:
    """Returns the batch's video, normalized, and its flow if the network has a stream for it."""
    return normalize(batch["video"]), batch["flow"] if model.flow else None


def network_outputs(variables: VariableDict, batch: Arrays, model: SSA2D) -> Outputs:
    """Returns the network's logits for a batch, outside training."""
    return cast(Outputs, model.apply(variables, *network_inputs(batch, model)))
