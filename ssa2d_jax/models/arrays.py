"""Steps that operations on [B, T, H, W, C] are made of: padding, slices, and products along the channels."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Padding before and after an axis under TensorFlow's 'SAME'; of an odd total, the greater part comes after."""
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def same_paddings(
    sizes: Sequence[int], taps: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """`same_padding` of T, H and W."""
    return [same_padding(*axis) for axis in zip(sizes, taps, strides, dilation, strict=True)]


def pad_axis(
    x: Float[jax.Array, "B T H W C"], axis: int, before: int, after: int, value: float
) -> Float[jax.Array, "B t y x C"]:
    """Pads one axis; negative numbers cut it."""
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (before, after, 0)
    return lax.pad(x, jnp.asarray(value, x.dtype), widths)


def shift_axis(x: Float[jax.Array, "B T H W C"], axis: int, by: int) -> Float[jax.Array, "B T H W C"]:
    """Moves the values along one axis, towards its end where `by` is positive; zeros follow them."""
    if abs(by) >= x.shape[axis]:
        return jnp.zeros_like(x)
    return pad_axis(x, axis, by, -by, 0)


def interleave(parts: Sequence[Float[jax.Array, "B T H W C"]], axis: int) -> Float[jax.Array, "B t y x C"]:
    """Interleaves arrays of one shape along an axis."""
    if len(parts) == 1:
        return parts[0]
    y = jnp.stack(parts, axis=axis + 1)
    return y.reshape(*y.shape[:axis], -1, *y.shape[axis + 2 :])


def take_strided(
    x: Float[jax.Array, "B T H W C"], axis: int, start: int, number: int, stride: int
) -> Float[jax.Array, "B t y x C"]:
    """`number` slices along one axis, every `stride`-th from `start` on."""
    return lax.slice_in_dim(x, start, start + (number - 1) * stride + 1, stride, axis)


def tap_inputs(
    x: Float[jax.Array, "B T H W C"],
    axis: int,
    taps: int,
    stride: int,
    dilation: int,
    pad: tuple[int, int],
    value: float = 0,
) -> list[Float[jax.Array, "B t y x C"]]:
    """The inputs of each tap along one axis, for all outputs there; `pad` is filled with `value`."""
    outputs = (x.shape[axis] + sum(pad) - (taps - 1) * dilation - 1) // stride + 1
    x = pad_axis(x, axis, *pad, value)
    return [take_strided(x, axis, tap * dilation, outputs, stride) for tap in range(taps)]


def multiply_channels(
    x: Float[jax.Array, "B T H W Cin"], matrix: Float[jax.Array, "Cin Cout"]
) -> Float[jax.Array, "B T H W Cout"]:
    """The matrix product along the channels, with all other axes as one.

    For the kernel's gradient, a sum over those axes, XLA would otherwise copy the output's gradient first.
    """
    return jnp.dot(x.reshape(-1, x.shape[4]), matrix).reshape(*x.shape[:4], matrix.shape[1])


def sum_over_positions(x: Float[jax.Array, "B T H W M"], y: Float[jax.Array, "B T H W N"]) -> Float[jax.Array, "M N"]:
    """The products of all pairs of channels, summed over all positions."""
    return lax.dot_general(x.reshape(-1, x.shape[4]), y.reshape(-1, y.shape[4]), (((0,), (0,)), ((), ())))
