"""The network's operations: 3-D convolutions, max pooling and linear interpolation, channels last.

Each operation has a plain lax form, `*_reference`, which GPUs and TPUs run; on CPU the equal forms of
lowering.py take its place. Kernels are [kt, kh, kw, Cin, Cout], padding is TensorFlow's 'SAME'.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ssa2d_jax.models import cpu_lowering

NDHWC = ("NDHWC", "DHWIO", "NDHWC")
ONES = (1, 1, 1)


_platform: contextvars.ContextVar[str | None] = contextvars.ContextVar("platform", default=None)


def runs_on_cpu() -> bool:
    """Whether functions traced now will run on CPU: jax's default backend, or what `lowered_for` says."""
    return (_platform.get() or jax.default_backend()) == "cpu"


@contextlib.contextmanager
def lowered_for(platform: str) -> Iterator[None]:
    """What is traced inside is for `platform` ("cpu", "cuda", ...), whichever runs here."""
    token = _platform.set(platform)
    try:
        yield
    finally:
        _platform.reset(token)


def conv3d(x: jax.Array, kernel: jax.Array, strides: Sequence[int] = ONES, dilation: Sequence[int] = ONES) -> jax.Array:
    """3-D convolution, padding 'SAME': x [B, T, H, W, Cin], kernel [kt, kh, kw, Cin, Cout], one dtype.

    -> [B, ceil(T / st), ceil(H / sh), ceil(W / sw), Cout]. ValueError if the shapes don't fit.
    """
    check_shapes(x, kernel, strides, dilation)
    if kernel.shape[:3] == ONES and tuple(strides) == ONES:
        return jnp.dot(x, kernel[0, 0, 0])
    if runs_on_cpu():
        return cpu_lowering.conv3d_by_frames(x, kernel, strides, dilation)
    return conv3d_reference(x, kernel, strides, dilation)


def conv3d_reference(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int] = ONES, dilation: Sequence[int] = ONES
) -> jax.Array:
    """`conv3d` as XLA has it."""
    return lax.conv_general_dilated(x, kernel, strides, "SAME", rhs_dilation=dilation, dimension_numbers=NDHWC)


def conv3d_transpose(x: jax.Array, kernel: jax.Array, strides: Sequence[int]) -> jax.Array:
    """Transposed 3-D convolution: x [B, T, H, W, Cin], kernel [kt, kh, kw, Cin, Cout], one dtype.

    -> [B, T * st, H * sh, W * sw, Cout]. Equals lax.conv_transpose(x, kernel, strides, 'SAME') with a DHWIO
    kernel that is not flipped: along each axis out[y] sums kernel[t] * x[(y + t - before) / stride] over t
    where that is whole and inside; before = 2 for 3 taps and stride 2. ValueError if the shapes don't fit.
    """
    check_shapes(x, kernel, strides, ONES)
    if runs_on_cpu():
        return cpu_lowering.conv3d_transpose_by_phases(x, kernel, strides)
    return conv3d_transpose_reference(x, kernel, strides)


def conv3d_transpose_reference(x: jax.Array, kernel: jax.Array, strides: Sequence[int]) -> jax.Array:
    """`conv3d_transpose` as XLA has it."""
    return lax.conv_transpose(x, kernel, strides, "SAME", dimension_numbers=NDHWC)


def max_pool3d(x: jax.Array, window: Sequence[int], strides: Sequence[int]) -> jax.Array:
    """Max pooling, padding 'SAME' with -inf: x [B, T, H, W, C] -> [B, T / st, H / sh, W / sw, C], rounded up.

    Values that tie for a maximum share its gradient on CPU; elsewhere one of them has all of it.
    """
    check_map(x, window, strides)
    if runs_on_cpu():
        return cpu_lowering.max_pool3d_by_axes(x, window, strides)
    return max_pool3d_reference(x, window, strides)


def max_pool3d_reference(x: jax.Array, window: Sequence[int], strides: Sequence[int]) -> jax.Array:
    """`max_pool3d` as XLA has it."""
    return nn.max_pool(x, tuple(window), tuple(strides), "SAME")


def check_map(x: jax.Array, *triples: Sequence[int]) -> None:
    """ValueError unless x is [B, T, H, W, C] with no axis empty, and every triple three numbers from 1 up."""
    if x.ndim != 5 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; needed is [B, T, H, W, C] with no axis empty")
    for triple in triples:
        if len(triple) != 3 or min(triple) < 1:
            raise ValueError(f"{tuple(triple)} has to be three numbers from 1 up, for T, H and W")


def check_shapes(x: jax.Array, kernel: jax.Array, strides: Sequence[int], dilation: Sequence[int]) -> None:
    """ValueError unless `kernel` [kt, kh, kw, Cin, Cout] fits x [B, T, H, W, Cin]."""
    check_map(x, strides, dilation)
    if kernel.ndim != 5 or 0 in kernel.shape or kernel.shape[3] != x.shape[4]:
        raise ValueError(
            f"a kernel {kernel.shape} does not fit x {x.shape}: needed is [kt, kh, kw, {x.shape[4]}, Cout]"
        )


def inflated_normal(time_stride: int = 1) -> Callable:
    """Initialiser of [kt, kh, kw, Cin, Cout] kernels: a LeCun-normal 2-D kernel in the middle temporal tap, else 0.

    A fresh network then sees single frames, and learns to use their neighbours much faster than it would unlearn a
    random mixture of them. The kernel of a transposed convolution with a temporal stride gets a triangle instead,
    so that it interpolates linearly between its input's frames.
    """

    def init(key: jax.Array, shape: Sequence[int], dtype: Any = jnp.float32) -> jax.Array:
        off_middle = np.abs(np.arange(shape[0]) - (shape[0] - 1) / 2)
        profile = np.maximum(0.0, 1.0 - off_middle / time_stride)[:, None, None, None, None]
        return nn.initializers.lecun_normal()(key, tuple(shape[1:]), dtype) * jnp.asarray(profile, dtype)

    return init


class Conv3d(nn.Module):
    """`conv3d` with parameters `kernel` and, with `use_bias`, `bias`, cast to `dtype` to compute."""

    features: int
    kernel_size: tuple[int, int, int]
    strides: tuple[int, int, int] = ONES
    dilation: tuple[int, int, int] = ONES
    use_bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", inflated_normal(), shape)
        y = conv3d(x.astype(self.dtype), kernel.astype(self.dtype), self.strides, self.dilation)
        return _with_bias(self, y) if self.use_bias else y


class ConvTranspose3d(nn.Module):
    """`conv3d_transpose` with parameters `kernel` and, with `use_bias`, `bias`."""

    features: int
    kernel_size: tuple[int, int, int] = (3, 3, 3)
    strides: tuple[int, int, int] = ONES
    use_bias: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", inflated_normal(self.strides[0]), shape)
        y = conv3d_transpose(x.astype(self.dtype), kernel.astype(self.dtype), self.strides)
        return _with_bias(self, y) if self.use_bias else y


def _with_bias(module: nn.Module, y: jax.Array) -> jax.Array:
    bias = module.param("bias", nn.initializers.zeros_init(), (y.shape[-1],))
    return y + bias.astype(y.dtype)


def interpolation_matrix(size: int, size_in: int) -> np.ndarray:
    """[size, size_in] float32: row i weighs the inputs of output i (half-pixel centres, edges clamped)."""
    centre = np.clip((np.arange(size) + 0.5) * size_in / size - 0.5, 0, size_in - 1)
    return np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(size_in))).astype(np.float32)


def upsample_linear(x: jax.Array, size: Sequence[int]) -> jax.Array:
    """Linear interpolation of x [B, T, H, W, C] to [B, *size, C], one small matrix an axis."""
    check_map(x, size)
    for axis, length in enumerate(size, start=1):
        if length != x.shape[axis]:
            matrix = jnp.asarray(interpolation_matrix(length, x.shape[axis]), x.dtype)
            y = jnp.tensordot(matrix, x, (1, axis), precision=lax.Precision.HIGHEST)
            x = jnp.moveaxis(y, 0, axis)
    return x
