"""The device axis, over which the steps sum and batch norm shares its statistics."""

DEVICES = "devices"  # its name in `jax.pmap` and `jax.lax.psum`
