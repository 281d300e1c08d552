"""The S3D encoder: I3D with its kernels over time and space each taken apart into one over space and one over time."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax

from ssa2d_jax.models import layers
from ssa2d_jax.models.i3d import I3D


class SeparableUnit3d(nn.Module):
    """A unit of 1 x k x k, then one of kt x 1 x 1, each with batch norm and ReLU, in place of one of kt x k x k.

    x [B, T, H, W, C] -> [B, ceil(T / st), ceil(H / sh), ceil(W / sw), features]. With `gated`, each channel is
    multiplied by its gate in (0, 1), sigmoid(W mean(x) + b), the mean over the whole clip.
    """

    features: int
    kernel_size: tuple[int, int, int]
    strides: tuple[int, int, int]
    gated: bool
    unit: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        taps, *window = self.kernel_size
        stride, *steps = self.strides
        x = self.unit(self.features, (1, *window), (1, *steps), name="spatial")(x)
        x = self.unit(self.features, (taps, 1, 1), (stride, 1, 1), name="temporal")(x)
        if not self.gated:
            return x
        gate = layers.Conv3d(self.features, (1, 1, 1), use_bias=True, dtype=x.dtype, name="gate")
        return nn.sigmoid(gate(x.mean((1, 2, 3), keepdims=True))) * x


class S3D(I3D):
    """S3D (Xie et al., 2018), or with `feature_gating` S3D-G: fields, inputs and endpoints are those of I3D.

    Units without a temporal kernel stay whole and have no gate. With `temporal_kernels=False` that is all of them:
    S3D is then I3D without its temporal kernels.
    """

    feature_gating: bool = False

    def unit(self) -> Callable[..., nn.Module]:
        return partial(_unit, super().unit(), self.feature_gating)


def _unit(
    unit: Callable[..., nn.Module],
    gated: bool,
    features: int,
    kernel_size: tuple[int, int, int] = (1, 1, 1),
    strides: tuple[int, int, int] = (1, 1, 1),
    *,
    name: str,
) -> nn.Module:
    if kernel_size[0] == 1:
        return unit(features, kernel_size, strides, name=name)
    return SeparableUnit3d(features, kernel_size, strides, gated, unit, name=name)
