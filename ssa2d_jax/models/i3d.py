"""The I3D encoder: Inception-V1 inflated to 3-D, up to Mixed_5c, without its last pooling."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from ssa2d_jax.models import layers
from ssa2d_jax.models.units import Endpoints, MakeUnit, Unit3d, scaled_width

Widths = tuple[int, tuple[int, int], tuple[int, int], int]
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
SHARED = ("Mixed_5b", "Mixed_5c")  # blocks that two streams have in common
# Window and strides of the pooling before a block. MaxPool3d_5a is left out, so that Mixed_5c keeps
# T/4 x H/16 x W/16.
POOLS = {
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
}


class Mixed(nn.Module):
    """One inception block: four branches side by side, concatenated in channels."""

    widths: Widths
    temporal_taps: int
    unit: MakeUnit

    @nn.compact
    def __call__(self, x: Float[jax.Array, "B T H W Cin"]) -> Float[jax.Array, "B T H W Cout"]:
        width_0, (reduced_1, width_1), (reduced_2, width_2), width_3 = self.widths
        kernel = (self.temporal_taps, 3, 3)
        branch_0 = self.unit(width_0, name="Branch_0_Conv3d_0a_1x1")(x)
        branch_1 = self.unit(reduced_1, name="Branch_1_Conv3d_0a_1x1")(x)
        branch_1 = self.unit(width_1, kernel, name="Branch_1_Conv3d_0b_3x3")(branch_1)
        branch_2 = self.unit(reduced_2, name="Branch_2_Conv3d_0a_1x1")(x)
        branch_2 = self.unit(width_2, kernel, name="Branch_2_Conv3d_0b_3x3")(branch_2)
        branch_3 = layers.max_pool3d(x, kernel, (1, 1, 1))
        branch_3 = self.unit(width_3, name="Branch_3_Conv3d_0b_1x1")(branch_3)
        return jnp.concatenate([branch_0, branch_1, branch_2, branch_3], axis=-1)


class Trunk(nn.Module):
    """One stream of I3D for video or flow, up to Mixed_4f: its endpoints by name."""

    width: float
    temporal_kernels: bool
    unit: MakeUnit

    @nn.compact
    def __call__(self, x: Float[jax.Array, "B T H W C"]) -> Endpoints:
        scale, taps = partial(scaled_width, multiplier=self.width), partial(_temporal_taps, self.temporal_kernels)
        endpoints = {}
        x = self.unit(scale(64), (taps(7), 7, 7), (2, 2, 2), name="Conv3d_1a_7x7")(x)
        x = layers.max_pool3d(x, (1, 3, 3), (1, 2, 2))
        x = self.unit(scale(64), name="Conv3d_2b_1x1")(x)
        x = self.unit(scale(192), (taps(3), 3, 3), name="Conv3d_2c_3x3")(x)
        endpoints["Conv3d_2c_3x3"] = x
        for name, widths in MIXED.items():
            if name in SHARED:
                break
            if name in POOLS:
                window, strides = POOLS[name]
                x = layers.max_pool3d(x, (taps(window[0]), *window[1:]), strides)
            x = Mixed(jax.tree.map(scale, widths), taps(3), self.unit, name=name)(x)
            endpoints[name] = x
        return endpoints


class I3D(nn.Module):
    """I3D (Carreira and Zisserman, 2017) as the paper's encoder; its endpoints have their published names.

    It reads video in [-1, 1], T divisible by 4, H and W by 16, and returns, among others,
        Conv3d_2c_3x3  [B, T/2, H/4,  W/4,  192 * width]
        Mixed_3c       [B, T/2, H/8,  W/8,  480 * width]
        Mixed_5c       [B, T/4, H/16, W/16, 1024 * width]
    With `flow` in [-1, 1] there are two streams with separate trunks (submodules `rgb` and `flow`). Both pass through
    the same Mixed_5b and Mixed_5c, and every endpoint has the channels of both streams, RGB first.
    `temporal_kernels=False` cuts every temporal kernel, and every pooling window, to one frame.
    """

    width: float = 1.0
    temporal_kernels: bool = True
    train: bool = False
    momentum: float = 0.9
    stats_axis: str | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, video: Float[jax.Array, "B T H W _"], flow: Float[jax.Array, "B T H W 2"] | None = None
    ) -> Endpoints:
        unit = self.unit()
        trunk = partial(Trunk, self.width, self.temporal_kernels, unit)
        streams = [trunk(name="rgb")(video)]
        if flow is not None:
            streams.append(trunk(name="flow")(flow))
        # The shared blocks see both streams as one batch, so their batch norm has common statistics.
        x = jnp.concatenate([endpoints["Mixed_4f"] for endpoints in streams])
        endpoints = jax.tree.map(lambda *arrays: jnp.concatenate(arrays, axis=-1), *streams)
        for name in SHARED:
            widths = jax.tree.map(partial(scaled_width, multiplier=self.width), MIXED[name])
            x = Mixed(widths, _temporal_taps(self.temporal_kernels, 3), unit, name=name)(x)
            endpoints[name] = jnp.concatenate(jnp.split(x, len(streams)), axis=-1)
        return endpoints

    def unit(self) -> MakeUnit:
        """Returns what makes every unit of the encoder."""
        return partial(Unit3d, train=self.train, momentum=self.momentum, stats_axis=self.stats_axis, dtype=self.dtype)


def _temporal_taps(temporal_kernels: bool, taps: int) -> int:
    return taps if temporal_kernels else 1
