"""Strided convolutions as equal ones without strides: blocks of the strides' size become channels."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

Pads = list[tuple[int, int]]  # zeros before and after T, H and W


def strides_fold(sizes: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> bool:
    """Whether the strides can be folded for an input of these sizes (T, H, W)."""
    whole = all(size % stride == 0 for size, stride in zip(sizes, strides, strict=True))
    return whole and tuple(dilation) == (1, 1, 1)


def fold_input(x: Float[jax.Array, "B T H W C"], strides: Sequence[int]) -> Float[jax.Array, "B t y x blockC"]:
    """The input with whole blocks of the strides' size as channels."""
    (s, u, v), (batch, time, height, width, channels) = strides, x.shape
    x = x.reshape(batch, time // s, s, height // u, u, width // v, v, channels).transpose(0, 1, 3, 5, 2, 4, 6, 7)
    return x.reshape(batch, time // s, height // u, width // v, math.prod(strides) * channels)


def fold_kernel(
    kernel: Float[jax.Array, "kt kh kw Cin Cout"], strides: Sequence[int], pads: Sequence[tuple[int, int]]
) -> tuple[Float[jax.Array, "a b c blockCin Cout"], Pads]:
    """The kernel for the folded input, and its padding.

    Taps of zero in front make the padding before an axis a multiple of the stride, those at the end the kernel.
    """
    zeros, blocks, folded_pads = [], [], []
    for taps, stride, (before, _) in zip(kernel.shape[:3], strides, pads, strict=True):
        front = -before % stride
        back = -(front + taps) % stride
        number, first = (front + taps + back) // stride, (before + front) // stride
        zeros.append((front, back))
        blocks.append(number)
        folded_pads.append((first, number - 1 - first))
    kernel = jnp.pad(kernel, (*zeros, (0, 0), (0, 0)))
    (s, u, v), (a, b, c) = strides, blocks
    channels_in, channels_out = kernel.shape[3:]
    kernel = kernel.reshape(a, s, b, u, c, v, channels_in, channels_out).transpose(0, 2, 4, 1, 3, 5, 6, 7)
    return kernel.reshape(a, b, c, math.prod(strides) * channels_in, channels_out), folded_pads
