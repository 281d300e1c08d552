"""The one building block of encoder and decoders: convolution, batch norm, ReLU."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ssa2d_jax.models import layers

BATCH_NORM_EPSILON = 1e-3


def scaled_width(channels: int, multiplier: float) -> int:
    """`channels` times `multiplier`, rounded to a multiple of 4 (of 8 from 32 up), never under 4."""
    multiple = 8 if channels * multiplier >= 32 else 4
    return max(4, int(channels * multiplier / multiple + 0.5) * multiple)


class Unit3d(nn.Module):
    """3-D convolution (or transposed convolution) without bias, batch norm without scale, ReLU.

    x [B, T, H, W, C] -> [B, T', H', W', features]; with `transposed`, T' = T * stride, else T' = ceil(T / stride).
    `stats_axis` names the device axis over which the batch's statistics are shared, None for one device.
    """

    features: int
    kernel_size: tuple[int, int, int] = (1, 1, 1)
    strides: tuple[int, int, int] = (1, 1, 1)
    dilation: tuple[int, int, int] = (1, 1, 1)
    transposed: bool = False
    train: bool = False
    momentum: float = 0.9
    stats_axis: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if self.transposed:
            x = layers.ConvTranspose3d(self.features, self.kernel_size, self.strides, dtype=self.dtype, name="conv_3d")(
                x
            )
        else:
            x = layers.Conv3d(
                self.features, self.kernel_size, self.strides, self.dilation, dtype=self.dtype, name="conv_3d"
            )(x)
        x = nn.BatchNorm(
            use_running_average=not self.train,
            momentum=self.momentum,
            epsilon=BATCH_NORM_EPSILON,
            use_scale=False,
            axis_name=self.stats_axis if self.train else None,
            dtype=self.dtype,
            name="batch_norm",
        )(x)
        return nn.relu(x)
