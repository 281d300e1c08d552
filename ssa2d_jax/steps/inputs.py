"""What the network reads of a batch."""

import jax
import jax.numpy as jnp

from ssa2d_jax.models.ssa2d import SSA2D

DEVICES = "devices"
Arrays = dict[str, jax.Array]


def normalize(video: jax.Array) -> jax.Array:
    """uint8 -> float32 in [-1, 1]."""
    return video.astype(jnp.float32) / 127.5 - 1.0


def network_inputs(batch: Arrays, model: SSA2D) -> tuple[jax.Array, jax.Array | None]:
    """What the network reads of a batch: normalised video, and flow if it has a stream for it."""
    return normalize(batch["video"]), batch["flow"] if model.flow else None
