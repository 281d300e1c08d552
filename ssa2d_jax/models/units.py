"""What encoders and decoders share: their building block (convolution, batch norm, ReLU) and the endpoints' type."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from ssa2d_jax.models import layers

BATCH_NORM_EPSILON = 1e-3
Endpoints = dict[str, Float[jax.Array, "B _ _ _ _"]]  # an encoder's outputs, by I3D's published names
DEEPER_ENDPOINTS = ("Mixed_3c", "Mixed_4f", "Mixed_5c")  # with cells of 8 or 16 pixels a side
MakeUnit = Callable[..., nn.Module]  # (features, kernel_size, strides, name=...) -> a unit


def scaled_width(channels: int, multiplier: float) -> int:
    """Multiplies a number of channels and rounds it to a multiple of 4 (of 8 from 32 up), at least 4."""
    multiple = 8 if channels * multiplier >= 32 else 4
    return max(4, int(channels * multiplier / multiple + 0.5) * multiple)


class Unit3d(nn.Module):
    """3-D convolution (or transposed convolution) without bias, batch norm without scale, ReLU.

    Output sizes are input sizes divided by `strides`, rounded up; with `transposed`, multiplied by them.
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
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[jax.Array, "B T H W Cin"]) -> Float[jax.Array, "B t y x Cout"]:
        x = self._convolution()(x)
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

    @nn.nowrap
    def _convolution(self) -> nn.Module:
        if self.transposed:
            return layers.ConvTranspose3d(
                self.features, self.kernel_size, self.strides, dtype=self.dtype, name="conv_3d"
            )
        return layers.Conv3d(
            self.features, self.kernel_size, self.strides, self.dilation, dtype=self.dtype, name="conv_3d"
        )
