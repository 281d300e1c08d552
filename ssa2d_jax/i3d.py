"""The I3D encoder: Inception-V1 inflated to 3-D, up to Mixed_5c, without its last pooling."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ssa2d_jax import layers
from ssa2d_jax.units import Unit3d, scaled_width

# Channels of Branch_0's 1^3; Branch_1's 1^3, 3^3; Branch_2's 1^3, 3^3; Branch_3's 1^3 after its pooling.
MIXED = {
    "Mixed_3b": (64, (96, 128), (16, 32), 32),
    "Mixed_3c": (128, (128, 192), (32, 96), 64),
    "Mixed_4b": (192, (96, 208), (16, 48), 64),
    "Mixed_4c": (160, (112, 224), (24, 64), 64),
    "Mixed_4d": (128, (128, 256), (24, 64), 64),
    "Mixed_4e": (112, (144, 288), (32, 64), 64),
    "Mixed_4f": (256, (160, 320), (32, 128), 128),
    "Mixed_5b": (256, (160, 320), (32, 128), 128),
    "Mixed_5c": (384, (192, 384), (48, 128), 128),
}
# Window and strides of the poolings that come before a block. MaxPool3d_5a is left out, so that
# Mixed_5c keeps T/4 x H/16 x W/16.
POOLS = {
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
}


class Mixed(nn.Module):
    """One inception block: four branches side by side, concatenated in channels."""

    widths: tuple[int, tuple[int, int], tuple[int, int], int]
    temporal: int
    unit: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        branch_0, (reduce_1, branch_1), (reduce_2, branch_2), branch_3 = self.widths
        kernel = (self.temporal, 3, 3)
        one = self.unit(branch_0, name="Branch_0_Conv3d_0a_1x1")(x)
        two = self.unit(reduce_1, name="Branch_1_Conv3d_0a_1x1")(x)
        two = self.unit(branch_1, kernel, name="Branch_1_Conv3d_0b_3x3")(two)
        three = self.unit(reduce_2, name="Branch_2_Conv3d_0a_1x1")(x)
        three = self.unit(branch_2, kernel, name="Branch_2_Conv3d_0b_3x3")(three)
        four = layers.max_pool3d(x, kernel, (1, 1, 1))
        four = self.unit(branch_3, name="Branch_3_Conv3d_0b_1x1")(four)
        return jnp.concatenate([one, two, three, four], axis=-1)


class I3D(nn.Module):
    """I3D (Carreira and Zisserman, 2017) as the paper's encoder; endpoints go by their published names.

    x [B, T, H, W, 3] in [-1, 1], T divisible by 4, H and W by 16 -> dict of
        Conv3d_2c_3x3  [B, T/2, H/4,  W/4,  192 * width]
        Mixed_3c       [B, T/2, H/8,  W/8,  480 * width]
        Mixed_5c       [B, T/4, H/16, W/16, 1024 * width]
    `temporal_kernels=False` cuts every temporal kernel, and every pooling's, to one frame.
    """

    width: float = 1.0
    temporal_kernels: bool = True
    train: bool = False
    momentum: float = 0.9
    stats_axis: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> dict[str, jax.Array]:
        unit = partial(Unit3d, train=self.train, momentum=self.momentum, stats_axis=self.stats_axis, dtype=self.dtype)
        wide = partial(scaled_width, multiplier=self.width)
        temporal = (lambda frames: frames) if self.temporal_kernels else (lambda frames: 1)
        endpoints = {}
        x = unit(wide(64), (temporal(7), 7, 7), (2, 2, 2), name="Conv3d_1a_7x7")(x)
        x = layers.max_pool3d(x, (1, 3, 3), (1, 2, 2))
        x = unit(wide(64), name="Conv3d_2b_1x1")(x)
        x = unit(wide(192), (temporal(3), 3, 3), name="Conv3d_2c_3x3")(x)
        endpoints["Conv3d_2c_3x3"] = x
        for name, widths in MIXED.items():
            if name in POOLS:
                window, strides = POOLS[name]
                x = layers.max_pool3d(x, (temporal(window[0]), *window[1:]), strides)
            x = Mixed(jax.tree.map(wide, widths), temporal(3), unit, name=name)(x)
            endpoints[name] = x
        return endpoints
