"""The network's operations: 3-D convolutions, max pooling and linear interpolation, channels last."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

NDHWC = ("NDHWC", "DHWIO", "NDHWC")


def conv3d_reference(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], dilation: Sequence[int]
) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel, strides, "SAME", rhs_dilation=dilation, dimension_numbers=NDHWC
    )


def conv3d_transpose_reference(x: jax.Array, kernel: jax.Array, strides: Sequence[int]) -> jax.Array:
    return lax.conv_transpose(x, kernel, strides, "SAME", dimension_numbers=NDHWC)


def max_pool3d_reference(x: jax.Array, window: Sequence[int], strides: Sequence[int]) -> jax.Array:
    return nn.max_pool(x, tuple(window), tuple(strides), "SAME")


conv3d = conv3d_reference
conv3d_transpose = conv3d_transpose_reference
max_pool3d = max_pool3d_reference


class Conv3d(nn.Module):
    features: int
    kernel_size: tuple[int, int, int]
    strides: tuple[int, int, int] = (1, 1, 1)
    dilation: tuple[int, int, int] = (1, 1, 1)
    use_bias: bool = False
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32
    kernel_init: Any = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, self.param_dtype)
        y = conv3d(x.astype(self.dtype), kernel.astype(self.dtype), self.strides, self.dilation)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), self.param_dtype)
            y = y + bias.astype(self.dtype)
        return y


class ConvTranspose3d(nn.Module):
    features: int
    kernel_size: tuple[int, int, int] = (3, 3, 3)
    strides: tuple[int, int, int] = (1, 1, 1)
    use_bias: bool = False
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32
    kernel_init: Any = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, self.param_dtype)
        y = conv3d_transpose(x.astype(self.dtype), kernel.astype(self.dtype), self.strides)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), self.param_dtype)
            y = y + bias.astype(self.dtype)
        return y


def interpolation_matrix(size: int, size_in: int) -> np.ndarray:
    """[size, size_in] float32: row i weighs the inputs of output i (half-pixel centres, edges clamped)."""
    centre = (np.arange(size) + 0.5) * size_in / size - 0.5
    centre = np.clip(centre, 0, size_in - 1)
    return np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(size_in))).astype(np.float32)


def upsample_linear(x: jax.Array, size: Sequence[int]) -> jax.Array:
    """Linear interpolation of x [B, T, H, W, C] to [B, *size, C] by one small matrix an axis."""
    for axis, out in enumerate(size, start=1):
        if out != x.shape[axis]:
            matrix = jnp.asarray(interpolation_matrix(out, x.shape[axis]), x.dtype)
            x = jnp.moveaxis(jnp.tensordot(matrix, x, (1, axis)), 0, axis)
    return x
