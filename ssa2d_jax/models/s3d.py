"""The S3D encoder: I3D whose kernels over time and space are each split into one over space and one over time."""

from functools import partial

import flax.linen as nn
import jax
from jaxtyping import Float

from ssa2d_jax.models import layers
from ssa2d_jax.models.i3d import I3D
from ssa2d_jax.models.units import MakeUnit


class SeparableUnit3d(nn.Module):
    """A unit of 1 x k x k, then one of kt x 1 x 1, each with batch norm and ReLU, instead of one of kt x k x k.

    Output sizes are input sizes divided by `strides`, rounded up. With `gated`, each channel is multiplied by its gate
    in (0, 1), sigmoid(W mean(x) + b), with the mean over the whole clip.
    """

    features: int
    kernel_size: tuple[int, int, int]
    strides: tuple[int, int, int]
    gated: bool
    unit: MakeUnit

    @nn.compact
    def __call__(self, x: Float[jax.Array, "B T H W Cin"]) -> Float[jax.Array, "B t y x Cout"]:
        taps_t, taps_h, taps_w = self.kernel_size
        stride_t, stride_h, stride_w = self.strides
        x = self.unit(self.features, (1, taps_h, taps_w), (1, stride_h, stride_w), name="spatial")(x)
        x = self.unit(self.features, (taps_t, 1, 1), (stride_t, 1, 1), name="temporal")(x)
        if not self.gated:
            return x
        gate = layers.Conv3d(self.features, (1, 1, 1), use_bias=True, dtype=x.dtype, name="gate")
        return nn.sigmoid(gate(x.mean((1, 2, 3), keepdims=True))) * x


class S3D(I3D):
    """S3D (Xie et al., 2018), or S3D-G with `feature_gating`; fields, inputs and endpoints are those of I3D.

    Units without a temporal kernel are not split and have no gate. With `temporal_kernels=False` these are all units:
    S3D is then I3D without its temporal kernels.
    """

    feature_gating: bool = False

    def unit(self) -> MakeUnit:
        return partial(_make_unit, super().unit(), self.feature_gating)


def _make_unit(
    unit: MakeUnit,
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
