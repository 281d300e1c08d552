"""The network's operations: 3-D convolutions, max pooling and linear interpolation, channels last.

Each operation has a plain lax form, `*_reference`; on CPUs the equal forms of cpu/ replace it (see lowering.py).
Kernels are [kt, kh, kw, Cin, Cout], padding is TensorFlow's 'SAME'. Functions that check shapes themselves accept any
shape and raise ValueError.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import Initializer
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Float, Float32

from ssa2d_jax.models.arrays import multiply_channels
from ssa2d_jax.models.cpu import convolution as cpu_convolution
from ssa2d_jax.models.cpu.pooling import max_pool3d_by_axes
from ssa2d_jax.models.initializers import inflated_normal
from ssa2d_jax.models.lowering import Lowering, current_lowering

NDHWC = ("NDHWC", "DHWIO", "NDHWC")
ONES = (1, 1, 1)


def conv3d(
    x: Float[jax.Array, "..."],
    kernel: Float[jax.Array, "..."],
    strides: Sequence[int] = ONES,
    dilation: Sequence[int] = ONES,
) -> Float[jax.Array, "B t y x Cout"]:
    """3-D convolution, padding 'SAME'.

    Args:
        x: [B, T, H, W, Cin].
        kernel: [kt, kh, kw, Cin, Cout], of x's dtype.

    Returns:
        An array of t = ceil(T / strides[0]), y = ceil(H / strides[1]), x = ceil(W / strides[2]).

    Raises:
        ValueError: the shapes do not fit.
    """
    check_shapes(x, kernel, strides, dilation)
    if current_lowering() is Lowering.SHAPES:
        return _zeros(x, strides, kernel.shape[-1])
    if kernel.shape[:3] == ONES and tuple(strides) == ONES:
        return multiply_channels(x, kernel[0, 0, 0])
    if current_lowering() is Lowering.CPU:
        return cpu_convolution.conv3d(x, kernel, strides, dilation)
    return conv3d_reference(x, kernel, strides, dilation)


def conv3d_reference(
    x: Float[jax.Array, "B T H W Cin"],
    kernel: Float[jax.Array, "kt kh kw Cin Cout"],
    strides: Sequence[int] = ONES,
    dilation: Sequence[int] = ONES,
) -> Float[jax.Array, "B t y x Cout"]:
    """`conv3d` in its plain lax form."""
    return lax.conv_general_dilated(x, kernel, strides, "SAME", rhs_dilation=dilation, dimension_numbers=NDHWC)


def conv3d_transpose(
    x: Float[jax.Array, "B T H W Cin"], kernel: Float[jax.Array, "kt kh kw Cin Cout"], strides: Sequence[int]
) -> Float[jax.Array, "B t y x Cout"]:
    """Transposed 3-D convolution, equal to lax.conv_transpose(x, kernel, strides, 'SAME') with a DHWIO kernel.

    The kernel is not flipped: along each axis out[y] sums kernel[t] * x[(y + t - before) / stride] over all t for
    which that index is whole and inside; before = 2 for 3 taps and stride 2.

    Returns:
        An array of t = T * strides[0], y = H * strides[1], x = W * strides[2].

    Raises:
        ValueError: the shapes do not fit.
    """
    check_shapes(x, kernel, strides, ONES)
    if current_lowering() is Lowering.SHAPES:
        size = [length * stride for length, stride in zip(x.shape[1:4], strides, strict=True)]
        return jnp.zeros((len(x), *size, kernel.shape[-1]), x.dtype)
    if current_lowering() is Lowering.CPU:
        return cpu_convolution.conv3d_transpose(x, kernel, strides)
    return conv3d_transpose_reference(x, kernel, strides)


def conv3d_transpose_reference(
    x: Float[jax.Array, "B T H W Cin"], kernel: Float[jax.Array, "kt kh kw Cin Cout"], strides: Sequence[int]
) -> Float[jax.Array, "B t y x Cout"]:
    """`conv3d_transpose` in its plain lax form."""
    return lax.conv_transpose(x, kernel, strides, "SAME", dimension_numbers=NDHWC)


def max_pool3d(
    x: Float[jax.Array, "B T H W C"], window: Sequence[int], strides: Sequence[int]
) -> Float[jax.Array, "B t y x C"]:
    """Max pooling, padding 'SAME' with -inf; output sizes are those of `conv3d`.

    Values that tie for a maximum share its gradient in the CPU form; in the plain form one of them has all of it.

    Raises:
        ValueError: the shapes do not fit.
    """
    check_map(x, window, strides)
    if current_lowering() is Lowering.SHAPES:
        return _zeros(x, strides, x.shape[-1])
    if current_lowering() is Lowering.CPU:
        return max_pool3d_by_axes(x, window, strides)
    return max_pool3d_reference(x, window, strides)


def max_pool3d_reference(
    x: Float[jax.Array, "B T H W C"], window: Sequence[int], strides: Sequence[int]
) -> Float[jax.Array, "B t y x C"]:
    """`max_pool3d` in its plain lax form."""
    return nn.max_pool(x, tuple(window), tuple(strides), "SAME")


def check_map(x: Float[jax.Array, "..."], *triples: Sequence[int]) -> None:
    """Checks that x is [B, T, H, W, C] with no empty axis, and that every triple is three numbers from 1 up.

    Raises:
        ValueError: they are not.
    """
    if x.ndim != 5 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; it must be [B, T, H, W, C] with no empty axis")
    for triple in triples:
        if len(triple) != 3 or min(triple) < 1:
            raise ValueError(f"{tuple(triple)} must be three numbers from 1 up, for T, H and W")


def check_shapes(
    x: Float[jax.Array, "..."], kernel: Float[jax.Array, "..."], strides: Sequence[int], dilation: Sequence[int]
) -> None:
    """Checks that `kernel` [kt, kh, kw, Cin, Cout] fits x [B, T, H, W, Cin].

    Raises:
        ValueError: it does not.
    """
    check_map(x, strides, dilation)
    if kernel.ndim != 5 or 0 in kernel.shape or kernel.shape[3] != x.shape[4]:
        raise ValueError(
            f"a kernel {kernel.shape} does not fit x {x.shape}: it must be [kt, kh, kw, {x.shape[4]}, Cout]"
        )


def _zeros(
    x: Float[jax.Array, "B T H W Cin"], strides: Sequence[int], channels: int
) -> Float[jax.Array, "B t y x Cout"]:
    """What `conv3d` returns, but zeros."""
    size = [-(-length // stride) for length, stride in zip(x.shape[1:4], strides, strict=True)]
    return jnp.zeros((len(x), *size, channels), x.dtype)


def _kernel_initializer(module: nn.Module, time_stride: int = 1) -> Initializer:
    """`inflated_normal` when the module is initialized. Else flax only compares shapes, which zeros have sooner."""
    return inflated_normal(time_stride) if module.is_initializing() else nn.initializers.zeros_init()


class Conv3d(nn.Module):
    """`conv3d` with parameters `kernel` and, with `use_bias`, `bias`, cast to `dtype` to compute."""

    features: int
    kernel_size: tuple[int, int, int]
    strides: tuple[int, int, int] = ONES
    dilation: tuple[int, int, int] = ONES
    use_bias: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[jax.Array, "B T H W Cin"]) -> Float[jax.Array, "B t y x Cout"]:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", _kernel_initializer(self), shape)
        y = conv3d(x.astype(self.dtype), jnp.asarray(kernel, self.dtype), self.strides, self.dilation)
        return _with_bias(self, y) if self.use_bias else y


class ConvTranspose3d(nn.Module):
    """`conv3d_transpose` with parameters `kernel` and, with `use_bias`, `bias`, cast to `dtype` to compute."""

    features: int
    kernel_size: tuple[int, int, int] = (3, 3, 3)
    strides: tuple[int, int, int] = ONES
    use_bias: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[jax.Array, "B T H W Cin"]) -> Float[jax.Array, "B t y x Cout"]:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", _kernel_initializer(self, self.strides[0]), shape)
        y = conv3d_transpose(x.astype(self.dtype), jnp.asarray(kernel, self.dtype), self.strides)
        return _with_bias(self, y) if self.use_bias else y


def _with_bias(module: nn.Module, y: Float[jax.Array, "*grid C"]) -> Float[jax.Array, "*grid C"]:
    bias = module.param("bias", nn.initializers.zeros_init(), (y.shape[-1],))
    return y + bias.astype(y.dtype)


def interpolation_matrix(size: int, size_in: int) -> Float32[np.ndarray, "{size} {size_in}"]:
    """Row i weighs the inputs of output i, for linear interpolation with half-pixel centres and clamped edges."""
    centre = np.clip((np.arange(size) + 0.5) * size_in / size - 0.5, 0, size_in - 1)
    return np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(size_in))).astype(np.float32)


def upsample_linear(x: Float[jax.Array, "B T H W C"], size: Sequence[int]) -> Float[jax.Array, "B t y x C"]:
    """Linear interpolation to `size` (t, y, x), by one small matrix per axis."""
    check_map(x, size)
    for axis, length in enumerate(size, start=1):
        if length != x.shape[axis]:
            matrix = jnp.asarray(interpolation_matrix(length, x.shape[axis]), x.dtype)
            y = jnp.tensordot(matrix, x, (1, axis), precision=lax.Precision.HIGHEST)
            x = jnp.moveaxis(y, 0, axis)
    return x
