"""The encoders that SSA2D can have, by their name in config.model.encoder; docs/architecture.md has the contract."""

from ssa2d_jax.models.i3d import I3D
from ssa2d_jax.models.s3d import S3D

ENCODERS = {"i3d": I3D, "s3d": S3D}
ENCODER = "encoder"  # whichever it is, the name of its submodule in SSA2D
