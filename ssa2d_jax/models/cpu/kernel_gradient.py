"""The gradient of a 3-D convolution with respect to its kernel as matrix products, for CPUs."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from ssa2d_jax.models.arrays import same_paddings, shift_axis, sum_over_positions, tap_inputs
from ssa2d_jax.models.cpu.strides import fold_input, fold_kernel, strides_fold

AXES = (0, 1, 2)  # T, H, W
ONES = (1, 1, 1)
# The taps of an axis are copied side by side as long as they have no more channels than this.
MOST_STACKED = 512
# Up to so many input channels (the stem's) strides in space are folded into the channels.
FEW = 4

Array = Float[jax.Array, "..."]


def conv3d_kernel_gradient(
    x: Float[jax.Array, "B T H W Cin"],
    gradient: Float[jax.Array, "B t y x Cout"],
    kernel: Float[jax.Array, "kt kh kw Cin Cout"],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Float[jax.Array, "kt kh kw Cin Cout"]:
    """The gradient of a convolution, padding 'SAME', with respect to its kernel.

    Args:
        x: its input.
        gradient: that with respect to its output.
        kernel: its kernel.
        strides: of T, H, W.
        dilation: of T, H, W.
    """
    pads = same_paddings(x.shape[1:4], kernel.shape[:3], strides, dilation)
    if tuple(strides[1:]) != (1, 1) and kernel.shape[3] <= FEW and strides_fold(x.shape[1:4], strides, dilation):
        folded, unfold = jax.vjp(lambda kernel: fold_kernel(kernel, strides, pads)[0], kernel)
        folded_pads = fold_kernel(kernel, strides, pads)[1]
        return unfold(_tap_products(fold_input(x, strides), gradient, folded.shape[:3], ONES, ONES, folded_pads))[0]
    return _tap_products(x, gradient, kernel.shape[:3], strides, dilation, pads)


def conv3d_transpose_kernel_gradient(
    x: Float[jax.Array, "B t y x Cin"],
    gradient: Float[jax.Array, "B T H W Cout"],
    kernel: Float[jax.Array, "kt kh kw Cin Cout"],
    strides: Sequence[int],
) -> Float[jax.Array, "kt kh kw Cin Cout"]:
    """The same for `conv3d_transpose`: input and output's gradient change places, and the taps are flipped."""
    pads = same_paddings(gradient.shape[1:4], kernel.shape[:3], strides, ONES)
    return _tap_products(gradient, x, kernel.shape[:3], strides, ONES, pads, transposed=True)


def _tap_products(
    x: Array,
    gradient: Array,
    taps: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    pads: Sequence[tuple[int, int]],
    transposed: bool = False,
) -> Float[jax.Array, "kt kh kw Cin Cout"]:
    """For each tap the product of the inputs that meet it with the output's gradient, over all positions.

    So that these are few large products, the taps of an axis lie side by side in the channels: as copies of the
    input, or of the gradient, which moves the other way, whichever has fewer channels.
    """
    sizes = [*taps, x.shape[4], gradient.shape[4]]

    def inputs(x: Array, axis: int) -> list[Array]:
        return tap_inputs(x, axis + 1, taps[axis], strides[axis], dilation[axis], pads[axis])

    by_input, by_gradient, apart = [3], [4], list[int]()  # axes of the kernel, from the slowest
    for axis in reversed(AXES):
        moves_gradient = strides[axis] == 1 and gradient.shape[4] < x.shape[4]
        channels = taps[axis] * min(x.shape[4], gradient.shape[4] if moves_gradient else x.shape[4])
        if channels > MOST_STACKED and axis != AXES[-1]:
            apart.insert(0, axis)
        elif moves_gradient:
            moves = [tap * dilation[axis] - pads[axis][0] for tap in range(taps[axis])]
            gradient = jnp.concatenate([shift_axis(gradient, axis + 1, move) for move in moves], axis=-1)
            by_gradient.insert(0, axis)
        else:
            x = jnp.concatenate(inputs(x, axis), axis=-1)
            by_input.insert(0, axis)
    parts = [x]
    for axis in apart:
        parts = [tap for part in parts for tap in inputs(part, axis)]
    if transposed:
        products = [sum_over_positions(gradient, part) for part in parts]
        order, kernel = [*apart, *by_gradient, *by_input], (0, 1, 2, 4, 3)
    else:
        products = [sum_over_positions(part, gradient) for part in parts]
        order, kernel = [*apart, *by_input, *by_gradient], (0, 1, 2, 3, 4)
    y = jnp.stack(products).reshape([sizes[axis] for axis in order])
    y = y.transpose([order.index(axis) for axis in kernel])
    return jnp.flip(y, AXES) if transposed else y
