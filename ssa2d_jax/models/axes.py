"""Padding and slicing along one axis, for the forms of operations that CPUs take."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding before and after an axis under TensorFlow's 'SAME'; of an odd total, the greater part comes after."""
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def pad_axis(
    x: Float[jax.Array, "B T H W C"], axis: int, before: int, after: int, value: float
) -> Float[jax.Array, "B t y x C"]:
    """Pads one axis; negative numbers cut it."""
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (before, after, 0)
    return lax.pad(x, jnp.asarray(value, x.dtype), widths)


def take_strided(
    x: Float[jax.Array, "B T H W C"], axis: int, start: int, number: int, stride: int
) -> Float[jax.Array, "B t y x C"]:
    """`number` slices along one axis, every `stride`-th from `start` on."""
    return lax.slice_in_dim(x, start, start + (number - 1) * stride + 1, stride, axis)
