"""The encoders for SSA2D, by their name in config.model.encoder; docs/architecture.md describes the contract."""

from collections.abc import Callable

import flax.linen as nn

from ssa2d_jax.models.i3d import I3D
from ssa2d_jax.models.pooled import PooledEncoder
from ssa2d_jax.models.s3d import S3D

ENCODERS: dict[str, Callable[..., nn.Module]] = {"i3d": I3D, "s3d": S3D, "pooled": PooledEncoder}
ENCODER = "encoder"  # the name of the encoder's submodule in SSA2D
_WITHOUT_MIXED_4F = ("pooled",)
_DEEPER = ("Mixed_3c", "Mixed_4f", "Mixed_5c")


def deeper_endpoints(encoder: str) -> tuple[str, ...]:
    """The endpoints of an encoder with cells of 8 pixels and more that other parts of the network may ask for."""
    return tuple(name for name in _DEEPER if name != "Mixed_4f" or encoder not in _WITHOUT_MIXED_4F)
