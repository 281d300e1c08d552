"""3-D convolution with 3x3 taps in space by Winograd's minimal filtering, and its gradients, for CPUs.

Every block of 2x2 outputs costs 16 products where the plain form takes 36 (Winograd, 1980; Lavin and Gray, "Fast
Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1). The kernel, and a block's 4x4 inputs, are
replaced by 4x4 small sums each; then there is one matrix product along the channels for each of the 16, and small sums
of these products are the outputs. The results are as near to the exact ones as those of the plain form.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from ssa2d_jax.models.arrays import pad_axis, same_padding, shift_axis, sum_over_positions, take_strided

TIME, HEIGHT, WIDTH = 1, 2, 3
BLOCK, TAPS = 2, 3  # outputs of a block and taps of a kernel, along one axis
# F(2, 3), section 4.1: which sums to take of a block's inputs, of the kernel's taps, and of the products.
INPUT_SUMS = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
KERNEL_SUMS = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
OUTPUT_SUMS = ((1, 1, 1, 0), (0, 1, -1, -1))

Array = Float[jax.Array, "..."]
Parts = list[list[Array]]  # 4x4 sums for all blocks: rows, columns
Split = Callable[[Array, int], list[Array]]  # an array's values that take part in the sums along an axis


def conv3d_by_winograd(
    x: Float[jax.Array, "B T H W Cin"], kernel: Float[jax.Array, "kt 3 3 Cin Cout"]
) -> Float[jax.Array, "B T H W Cout"]:
    """3-D convolution, padding 'SAME', without strides."""
    taps = range(kernel.shape[0])
    pads = same_padding(x.shape[TIME], len(taps), 1)
    return _convolve(x, _sum_twice(KERNEL_SUMS, kernel, _values, (1, 1)), taps, pads)


def input_gradient_by_winograd(
    gradient: Float[jax.Array, "B T H W Cout"], kernel: Float[jax.Array, "kt 3 3 Cin Cout"]
) -> Float[jax.Array, "B T H W Cin"]:
    """The gradient of `conv3d_by_winograd` with respect to x: a convolution with the flipped taps."""
    taps = range(kernel.shape[0])[::-1]
    pads = same_padding(gradient.shape[TIME], len(taps), 1)[::-1]
    flipped = _sum_twice(KERNEL_SUMS, kernel, lambda part, axis: _values(part, axis)[::-1], (1, 1))
    return _convolve(gradient, flipped, taps, pads, swapped=True)


def kernel_gradient_by_winograd(
    x: Float[jax.Array, "B T H W Cin"], gradient: Float[jax.Array, "B T H W Cout"], taps: int
) -> Float[jax.Array, "{taps} 3 3 Cin Cout"]:
    """The gradient of `conv3d_by_winograd` with respect to a kernel of so many temporal taps."""
    before, after = same_padding(x.shape[TIME], taps, 1)
    by_gradient = gradient.shape[4] < x.shape[4]
    if not by_gradient:
        x = pad_axis(x, TIME, before, after, 0)

    def multiply(part: Array, gradient_part: Array) -> Array:
        if by_gradient:  # whose taps are copied side by side, because it has fewer channels
            shifted = [shift_axis(gradient_part, TIME, tap - before) for tap in range(taps)]
            product = sum_over_positions(part, jnp.concatenate(shifted, axis=-1))
            return product.reshape(part.shape[4], taps, -1).swapaxes(0, 1)
        part = _stack_taps(part, range(taps), gradient.shape[TIME])
        return sum_over_positions(part, gradient_part).reshape(taps, -1, gradient.shape[4])

    inputs = _sum_twice(INPUT_SUMS, x, _block_inputs, (HEIGHT, WIDTH))
    gradients = _sum_twice(_transposed(OUTPUT_SUMS), gradient, _block_outputs, (HEIGHT, WIDTH))
    products = jnp.stack([jnp.stack(row, axis=1) for row in _pairwise(multiply, inputs, gradients)], axis=1)
    rows = _sum_twice(_transposed(KERNEL_SUMS), products, _values, (1, 1))
    return jnp.stack([jnp.stack(row, axis=1) for row in rows], axis=1)


def _convolve(
    x: Float[jax.Array, "B T H W C"],
    matrices: Parts,
    taps: Sequence[int],
    pads: tuple[int, int],
    swapped: bool = False,
) -> Float[jax.Array, "B T H W D"]:
    """The convolution with a kernel whose 4x4 sums, [kt, C, D] or `swapped` [kt, D, C], are given.

    `taps` are the temporal taps in the order of the frames that they meet. They are placed where fewer channels must
    be copied: stacked in the input's channels, or computed side by side as outputs and summed with shifts.
    """
    frames, height, width = x.shape[1:4]
    channels_out = matrices[0][0].shape[1 if swapped else 2]
    stacked = 2 * x.shape[4] <= channels_out
    if stacked:
        x = pad_axis(x, TIME, *pads, 0)

    def multiply(part: Array, matrix: Array) -> Array:
        # The temporal taps become one with the channels that are summed (stacked), or with those of the product.
        beside = stacked == swapped
        matrix = jnp.concatenate(list(matrix), axis=-1) if beside else matrix.reshape(-1, matrix.shape[2])
        if stacked:
            part = _stack_taps(part, taps, frames)
        product = lax.dot_general(part.reshape(-1, part.shape[4]), matrix, (((1,), (int(swapped),)), ((), ())))
        return product.reshape(*part.shape[:4], -1)

    products = _pairwise(multiply, _sum_twice(INPUT_SUMS, x, _block_inputs, (HEIGHT, WIDTH)), matrices)
    columns = zip(*[_sums(OUTPUT_SUMS, row) for row in products], strict=True)
    blocks = [_sums(OUTPUT_SUMS, column) for column in columns]  # by column and row of the block
    if not stacked:
        blocks = [[_sum_shifted(values, taps, pads[0]) for values in column] for column in blocks]
    y = jnp.stack([jnp.stack(column, axis=HEIGHT + 1) for column in blocks], axis=WIDTH + 2)
    y = y.reshape(*y.shape[:2], y.shape[2] * BLOCK, y.shape[4] * BLOCK, channels_out)
    return y[:, :, :height, :width]


def _pairwise(operation: Callable[[Array, Array], Array], parts: Parts, others: Parts) -> Parts:
    return [[operation(*pair) for pair in zip(*rows, strict=True)] for rows in zip(parts, others, strict=True)]


def _sum_twice(weights: Sequence[Sequence[float]], x: Array, split: Split, axes: tuple[int, int]) -> Parts:
    """Sums along two axes, one after the other: rows, columns."""
    return [_sums(weights, split(row, axes[1])) for row in _sums(weights, split(x, axes[0]))]


def _sums(weights: Sequence[Sequence[float]], values: Sequence[Array]) -> list[Array]:
    """For each row of weights, the weighted sum of the values; most weights are 1, -1 and 0."""

    def add(row: Sequence[float]) -> Array:
        terms = [value if weight == 1 else weight * value for weight, value in zip(row, values, strict=True) if weight]
        return sum(terms[1:], start=terms[0])

    return [add(row) for row in weights]


def _transposed(weights: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    return list(zip(*weights, strict=True))


def _values(x: Array, axis: int) -> list[Array]:
    return [lax.index_in_dim(x, i, axis, keepdims=False) for i in range(x.shape[axis])]


def _block_inputs(x: Array, axis: int) -> list[Array]:
    """The four inputs that each block of two outputs has along an axis."""
    size = x.shape[axis]
    blocks = -(-size // BLOCK)
    x = pad_axis(x, axis, 1, (blocks + 1) * BLOCK - size - 1, 0)
    return [take_strided(x, axis, offset, blocks, BLOCK) for offset in range(BLOCK + TAPS - 1)]


def _block_outputs(y: Array, axis: int) -> list[Array]:
    """The two outputs of each block along an axis."""
    blocks = -(-y.shape[axis] // BLOCK)
    y = pad_axis(y, axis, 0, blocks * BLOCK - y.shape[axis], 0)
    return [take_strided(y, axis, offset, blocks, BLOCK) for offset in range(BLOCK)]


def _stack_taps(x: Float[jax.Array, "B T h w C"], taps: Sequence[int], frames: int) -> Float[jax.Array, "B t h w ktC"]:
    """The inputs that the temporal taps meet, side by side in the channels, from the first tap to the last."""
    starts = [taps.index(tap) for tap in range(len(taps))]
    return jnp.concatenate([take_strided(x, TIME, start, frames, 1) for start in starts], axis=-1)


def _sum_shifted(
    planes: Float[jax.Array, "B T h w ktC"], taps: Sequence[int], before: int
) -> Float[jax.Array, "B T h w C"]:
    """Sums the products of the temporal taps, which lie side by side in the channels, shifted to where they belong."""
    by_tap = enumerate(jnp.split(planes, len(taps), axis=-1))
    shifted = [shift_axis(plane, TIME, before - taps.index(tap)) for tap, plane in by_tap]
    return sum(shifted[1:], start=shifted[0])
