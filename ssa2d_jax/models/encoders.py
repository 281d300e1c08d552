"""The encoders for SSA2D, by their name in config.model.encoder; docs/architecture.md describes the contract."""

from collections.abc import Callable

import flax.linen as nn

from ssa2d_jax.models.i3d import I3D
from ssa2d_jax.models.pooled import PooledEncoder
from ssa2d_jax.models.s3d import S3D
from ssa2d_jax.models.units import DEEPER_ENDPOINTS

ENCODERS: dict[str, Callable[..., nn.Module]] = {"i3d": I3D, "s3d": S3D, "pooled": PooledEncoder}
ENCODER = "encoder"  # the name of the encoder's submodule in SSA2D
WITHOUT_MIXED_4F = ("pooled",)  # encoders without that endpoint


def deeper_endpoints(encoder: str) -> tuple[str, ...]:
    """Those of DEEPER_ENDPOINTS that an encoder has."""
    return tuple(name for name in DEEPER_ENDPOINTS if name != "Mixed_4f" or encoder not in WITHOUT_MIXED_4F)
