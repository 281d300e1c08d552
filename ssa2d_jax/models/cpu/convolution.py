"""The form in which a CPU computes a 3-D convolution, and its gradients."""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Float

from ssa2d_jax.models.cpu.frames import conv3d_by_frames, conv3d_transpose_by_phases
from ssa2d_jax.models.cpu.kernel_gradient import conv3d_kernel_gradient, conv3d_transpose_kernel_gradient
from ssa2d_jax.models.cpu.matmul import NARROW, conv3d_by_matmul, suits_matmul
from ssa2d_jax.models.cpu.winograd import (
    conv3d_by_winograd,
    conv3d_transpose_by_winograd,
    input_gradient_by_winograd,
    kernel_gradient_by_winograd,
    transpose_input_gradient_by_winograd,
    transpose_kernel_gradient_by_winograd,
)

Triple = tuple[int, ...]  # for T, H, W; hashable, because jax.custom_vjp compares it
ONES = (1, 1, 1)
# Winograd's form needs this many positions (T * H * W) to be worth the time that it takes to compile.
MANY_POSITIONS = 1000

X = Float[jax.Array, "B T H W Cin"]
Y = Float[jax.Array, "B t y x Cout"]
Kernel = Float[jax.Array, "kt kh kw Cin Cout"]


def conv3d(x: X, kernel: Kernel, strides: Sequence[int], dilation: Sequence[int]) -> Y:
    """3-D convolution, padding 'SAME'; output sizes are input sizes divided by strides, rounded up."""
    strides, dilation = tuple(strides), tuple(dilation)
    if suits_matmul(x.shape[1:4], kernel.shape, strides, dilation):
        return conv3d_by_matmul(x, kernel, strides, dilation)
    if jnp.finfo(x.dtype).bits < 32:  # its gradients are left to XLA
        return conv3d_by_frames(x, kernel, strides, dilation)
    return _conv3d(x, kernel, strides, dilation)


def conv3d_transpose(x: X, kernel: Kernel, strides: Sequence[int]) -> Y:
    """3-D transposed convolution, padding 'SAME'; output sizes are input sizes times strides."""
    return _conv3d_transpose(x, kernel, tuple(strides))


def suits_winograd(x: X, kernel_shape: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> bool:
    """Whether `conv3d_by_winograd` is the faster form for x and this kernel, and exact enough."""
    fits = tuple(kernel_shape[1:3]) == (3, 3) and tuple(strides[1:]) == (1, 1) and tuple(dilation) == ONES
    return fits and _is_large(x, kernel_shape)


def transpose_suits_winograd(x: X, kernel_shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether `conv3d_transpose_by_winograd` is the faster form for x and this kernel, and exact enough."""
    fits = tuple(kernel_shape[1:3]) == (3, 3) and tuple(strides[1:]) == (2, 2) and kernel_shape[0] >= strides[0]
    return fits and _is_large(x, kernel_shape)


def _is_large(x: X, kernel_shape: Sequence[int]) -> bool:
    """Whether there is enough to compute for Winograd's form, in float32: its sums would lose too much of a half."""
    many = math.prod(x.shape[1:4]) >= MANY_POSITIONS and math.prod(kernel_shape[3:]) > NARROW
    return many and jnp.finfo(x.dtype).bits >= 32


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv3d(x: X, kernel: Kernel, strides: Triple, dilation: Triple) -> Y:
    if suits_winograd(x, kernel.shape, strides, dilation):
        return conv3d_by_winograd(x, kernel, strides[0])
    return conv3d_by_frames(x, kernel, strides, dilation)


def _forward(x: X, kernel: Kernel, strides: Triple, dilation: Triple) -> tuple[Y, tuple[X, Kernel]]:
    return _conv3d(x, kernel, strides, dilation), (x, kernel)


def _backward(strides: Triple, dilation: Triple, inputs: tuple[X, Kernel], gradient: Y) -> tuple[X, Kernel]:
    x, kernel = inputs
    if suits_winograd(x, kernel.shape, strides, dilation):
        kernel_gradient = kernel_gradient_by_winograd(x, gradient, kernel.shape[0], strides[0])
        return input_gradient_by_winograd(gradient, kernel, x.shape[1], strides[0]), kernel_gradient
    _, transposed = jax.vjp(lambda x: conv3d_by_frames(x, kernel, strides, dilation), x)
    return transposed(gradient)[0], conv3d_kernel_gradient(x, gradient, kernel, strides, dilation)


_conv3d.defvjp(_forward, _backward)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv3d_transpose(x: X, kernel: Kernel, strides: Triple) -> Y:
    if transpose_suits_winograd(x, kernel.shape, strides):
        return conv3d_transpose_by_winograd(x, kernel, strides)
    return conv3d_transpose_by_phases(x, kernel, strides)


def _forward_transpose(x: X, kernel: Kernel, strides: Triple) -> tuple[Y, tuple[X, Kernel]]:
    return _conv3d_transpose(x, kernel, strides), (x, kernel)


def _backward_transpose(strides: Triple, inputs: tuple[X, Kernel], gradient: Y) -> tuple[X, Kernel]:
    x, kernel = inputs
    if transpose_suits_winograd(x, kernel.shape, strides):
        kernel_gradient = transpose_kernel_gradient_by_winograd(x, gradient, kernel.shape[:3], strides)
        return transpose_input_gradient_by_winograd(gradient, kernel, strides), kernel_gradient
    _, transposed = jax.vjp(lambda x: conv3d_transpose_by_phases(x, kernel, strides), x)
    return transposed(gradient)[0], conv3d_transpose_kernel_gradient(x, gradient, kernel, strides)


_conv3d_transpose.defvjp(_forward_transpose, _backward_transpose)
