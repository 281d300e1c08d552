"""The smallest encoder, "pooled": it sees little, and compiles in a fraction of the time that I3D takes."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from ssa2d_jax.models.layers import max_pool3d
from ssa2d_jax.models.units import Endpoints, Unit3d, scaled_width

STRIDES = {"Conv3d_2c_3x3": (2, 4, 4), "Mixed_3c": (2, 8, 8), "Mixed_5c": (4, 16, 16)}  # by endpoint
_CHANNELS = 64


class PooledEncoder(nn.Module):
    """For every endpoint the maxima of the input's channels over blocks, mixed by one 1x1x1 unit.

    It is there to try every stage in seconds (`configs/sprites.py:tiny`), and as the shortest example of an encoder.
    No kernel is longer than a frame, so `temporal_kernels` changes nothing.
    """

    width: float = 1.0
    temporal_kernels: bool = True
    train: bool = False
    momentum: float = 0.9
    stats_axis: str | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, video: Float[jax.Array, "B T H W 3"], flow: Float[jax.Array, "B T H W 2"] | None = None
    ) -> Endpoints:
        """Returns the endpoints; T is divisible by 4, H and W by 16."""
        x = video if flow is None else jnp.concatenate([video, flow], axis=-1)
        unit = partial(
            Unit3d,
            scaled_width(_CHANNELS, self.width),
            train=self.train,
            momentum=self.momentum,
            stats_axis=self.stats_axis,
            dtype=self.dtype,
        )
        return {name: unit(name=name)(max_pool3d(x, stride, stride)) for name, stride in STRIDES.items()}
