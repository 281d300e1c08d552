"""3-D convolution as one matrix product, for CPUs: faster than any convolution of XLA's where channels are few.

The taps of some axes are stacked in the input's channels, those of the other axes are computed side by side as
outputs and summed with shifts. Both are copies, and so are their gradients; what remains are plain matrix products.
The results equal those of the lax form up to float rounding.
"""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from ssa2d_jax.models.arrays import multiply_channels, same_paddings, shift_axis, tap_inputs
from ssa2d_jax.models.cpu.strides import fold_input, fold_kernel, strides_fold

# Products of input and output channels up to which the copies cost less, in time and memory, than the product gains.
NARROW = 2048
# Up to so many outputs a strided kernel gains from folding its strides into the channels.
NARROW_STRIDED = 32
AXES = (0, 1, 2)


def suits_matmul(
    sizes: Sequence[int], kernel_shape: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> bool:
    """Whether `conv3d_by_matmul` is the faster form for x of these sizes (T, H, W) and this kernel."""
    channels_in, channels_out = kernel_shape[3:]
    if math.prod(kernel_shape[:3]) == 1 or channels_in * channels_out > NARROW:
        return False
    if tuple(strides[1:]) == (1, 1):
        return True
    return strides_fold(sizes, strides, dilation) and channels_out <= NARROW_STRIDED


def conv3d_by_matmul(
    x: Float[jax.Array, "B T H W Cin"],
    kernel: Float[jax.Array, "kt kh kw Cin Cout"],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Float[jax.Array, "B t y x Cout"]:
    """3-D convolution, padding 'SAME'.

    Strides in space are folded into the channels: blocks of that size become channels, and the kernel gets taps of
    zero until blocks cover it.

    Output sizes are input sizes divided by strides, rounded up; they must be whole if there are strides in space.
    """
    pads = same_paddings(x.shape[1:4], kernel.shape[:3], strides, dilation)
    if tuple(strides[1:]) != (1, 1):
        x = fold_input(x, strides)
        kernel, pads = fold_kernel(kernel, strides, pads)
        strides = (1, 1, 1)
    stacked = _axes_to_stack(kernel.shape, strides)
    summed = [axis for axis in AXES if axis not in stacked]
    for axis in stacked:
        inputs = tap_inputs(x, axis + 1, kernel.shape[axis], strides[axis], dilation[axis], pads[axis])
        x = jnp.concatenate(inputs, axis=-1)
    order = (*reversed(stacked), 3, *summed, 4)  # the axis stacked last varies slowest in the channels
    matrix = kernel.transpose(order).reshape(x.shape[4], -1)
    y = multiply_channels(x, matrix)
    for axis in summed:
        y = _sum(y, axis, kernel.shape[axis], dilation[axis], pads[axis][0])
    return y


def _axes_to_stack(kernel_shape: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """The axes whose taps are stacked in the input, so that the fewest numbers are copied; strided axes must be."""
    taps, (channels_in, channels_out) = kernel_shape[:3], kernel_shape[3:]
    choices = [
        axes
        for number in range(4)
        for axes in itertools.combinations(AXES, number)
        if all(axis in axes for axis in AXES if strides[axis] > 1)
    ]

    def copied(axes: tuple[int, ...]) -> int:
        inside = math.prod(taps[axis] for axis in axes)
        return inside * channels_in + math.prod(taps) // inside * channels_out

    return min(choices, key=copied)


def _sum(
    planes: Float[jax.Array, "B T H W tapsC"], axis: int, taps: int, dilation: int, before: int
) -> Float[jax.Array, "B T H W C"]:
    """Sums the products of an axis' taps, which lie side by side in the channels, shifted to where they belong."""
    y = jnp.zeros((*planes.shape[:-1], planes.shape[-1] // taps), planes.dtype)
    for tap, plane in enumerate(jnp.split(planes, taps, axis=-1)):
        y = y + shift_axis(plane, axis + 1, before - tap * dilation)
    return y
