"""Correlations of one phase in time by minimal filtering in space, and their kernels' gradients.

The kernel, and the inputs of every block of outputs, are replaced by small sums each (minimal_filtering.py); then there
is one matrix product along the channels for each of these, and small sums of the products are the outputs.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from ssa2d_jax.models.arrays import pad_axis, sum_over_positions, take_strided
from ssa2d_jax.models.cpu.minimal_filtering import Filtering, Weights, minimal_filtering
from ssa2d_jax.models.cpu.phases import TIME, Shifts, move_frames

HEIGHT, WIDTH = 2, 3

Array = Float[jax.Array, "..."]
Parts = list[list[Array]]  # the sums of all blocks: rows, columns


class Axis(NamedTuple):
    """How the outputs along an axis in space are computed: in blocks; output i's first tap reads input i - before."""

    filtering: Filtering
    before: int


Axes = tuple[Axis, Axis]  # height, width


def axes_in_blocks(x: Array, taps: Sequence[int], befores: Sequence[int], few: int) -> Axes:
    """How the rows and columns of a map are cut into blocks, for 1 to 3 taps along each.

    With one or two taps a block has as many outputs; with three it has 4, or 2 where there are fewer than `few`.
    """

    def axis(size: int, taps: int, before: int) -> Axis:
        of_three = 2 if size < few else 4
        return Axis(minimal_filtering(taps if taps < 3 else of_three, taps), before)

    height, width = map(axis, x.shape[2:4], taps, befores)
    return height, width


def correlate(
    x: Float[jax.Array, "B T H W C"],
    kernel: Float[jax.Array, "kt kh kw _ _"],
    shifts: Shifts,
    frames: int,
    axes: Axes,
    transposed: bool = False,
) -> Float[jax.Array, "B {frames} H W D"]:
    """For `frames` frames the sum over the taps in space, and over the temporal taps in `shifts`.

    The kernel is [kt, kh, kw, C, D]; if it is `transposed`, [kt, kh, kw, D, C], and its taps in space are flipped. The
    temporal taps are placed where fewer channels must be copied: stacked in the input's channels, or computed side by
    side as outputs and summed with shifts.
    """
    channels_out = kernel.shape[3 if transposed else 4]
    if not shifts:
        return jnp.zeros((x.shape[0], frames, *x.shape[2:4], channels_out), x.dtype)
    x_frames, height, width = x.shape[1:4]
    stacked = 2 * x.shape[4] <= channels_out
    front = max(0, -min(shifts.values()))
    if stacked:
        x = pad_axis(x, TIME, front, max(0, max(shifts.values()) + frames - x_frames), 0)

    def multiply(part: Array, matrix: Float[jax.Array, "_ _"]) -> Array:
        if stacked:
            taken = [take_strided(part, TIME, front + shift, frames, 1) for shift in shifts.values()]
            part = jnp.concatenate(taken, axis=-1)
        product = lax.dot_general(part.reshape(-1, part.shape[4]), matrix, (((1,), (int(transposed),)), ((), ())))
        return product.reshape(*part.shape[:4], -1)

    matrices = _matrices(kernel, list(shifts), axes, stacked, transposed)
    products = _pairwise(multiply, _input_parts(x, axes), matrices)
    blocks = _sum_products([axis.filtering.outputs for axis in axes], products)
    if not stacked:

        def add_taps(planes: Array) -> Array:
            by_tap = zip(jnp.split(planes, len(shifts), axis=-1), shifts.values(), strict=True)
            moved = [move_frames(plane, shift, frames) for plane, shift in by_tap]
            return sum(moved[1:], start=moved[0])

        blocks = [[add_taps(values) for values in column] for column in blocks]
    y = jnp.stack([jnp.stack(column, axis=HEIGHT + 1) for column in blocks], axis=WIDTH + 2)
    y = y.reshape(*y.shape[:2], y.shape[2] * y.shape[3], y.shape[4] * y.shape[5], channels_out)
    return y[:, :, :height, :width]


def correlate_kernel_gradient(
    x: Float[jax.Array, "B T H W C"], gradient: Float[jax.Array, "B t H W D"], shifts: Shifts, axes: Axes
) -> Float[jax.Array, "_ kh kw C D"]:
    """The gradient of `correlate` with respect to its kernel, for the temporal taps in `shifts`, in their order."""
    outputs = [_transposed(axis.filtering.outputs) for axis in axes]
    gradients = _sum_twice(outputs, gradient, lambda y, axis: _block_outputs(y, axis, axes))
    multiply = functools.partial(_multiply_taps, shifts=shifts)
    products = _pairwise(multiply, _input_parts(x, axes), gradients)
    by_column = _sum_products([_transposed(axis.filtering.taps) for axis in axes], products)
    return jnp.stack([jnp.stack(column, axis=1) for column in by_column], axis=2)


def _matrices(
    kernel: Float[jax.Array, "kt kh kw _ _"], taps: Sequence[int], axes: Axes, stacked: bool, transposed: bool
) -> Parts:
    """The kernel's sums, with the temporal taps in one axis with the channels that are to be summed, or to come out."""
    if list(taps) != list(range(kernel.shape[0])):
        kernel = jnp.stack([kernel[tap] for tap in taps])
    if transposed:
        kernel = kernel[:, ::-1, ::-1]
    height, width, first, second = kernel.shape[1:]
    if stacked == transposed:
        kernel = kernel.transpose(1, 2, 3, 0, 4).reshape(height, width, first, -1)
    else:
        kernel = kernel.transpose(1, 2, 0, 3, 4).reshape(height, width, -1, second)
    rows = _sums(axes[0].filtering.taps, list(kernel))
    return [_sums(axes[1].filtering.taps, list(row)) for row in rows]


def _multiply_taps(x: Array, gradient: Array, shifts: Shifts) -> Float[jax.Array, "_ Cin Cout"]:
    """For each tap in `shifts` the product of the frames that it reads with the gradient's, over all positions."""
    if gradient.shape[4] < x.shape[4]:  # the gradient's frames are copied side by side, as they have fewer channels
        moved = [move_frames(gradient, -shift, x.shape[TIME]) for shift in shifts.values()]
        products = jnp.split(sum_over_positions(x, jnp.concatenate(moved, axis=-1)), len(shifts), axis=1)
    else:
        moved = [move_frames(x, shift, gradient.shape[TIME]) for shift in shifts.values()]
        products = jnp.split(sum_over_positions(jnp.concatenate(moved, axis=-1), gradient), len(shifts), axis=0)
    return jnp.stack(products)


def _input_parts(x: Float[jax.Array, "B T H W C"], axes: Axes) -> Parts:
    """The sums of each block's inputs."""
    return _sum_twice([axis.filtering.inputs for axis in axes], x, lambda x, axis: _block_inputs(x, axis, axes))


def _pairwise(operation: Callable[[Array, Array], Array], parts: Parts, others: Parts) -> Parts:
    return [[operation(*pair) for pair in zip(*rows, strict=True)] for rows in zip(parts, others, strict=True)]


def _sum_twice(weights: Sequence[Weights], x: Array, split: Callable[[Array, int], list[Array]]) -> Parts:
    """Sums along height and width, each with its weights, of the values into which `split` divides an axis."""
    return [_sums(weights[1], split(row, WIDTH)) for row in _sums(weights[0], split(x, HEIGHT))]


def _sum_products(weights: Sequence[Weights], products: Parts) -> Parts:
    """Sums of the products along both axes, each with its weights: columns, rows."""
    columns = zip(*[_sums(weights[1], row) for row in products], strict=True)
    return [_sums(weights[0], column) for column in columns]


def _sums(weights: Weights, values: Sequence[Array]) -> list[Array]:
    """For each row of weights, the weighted sum of the values; many weights are 1, -1 and 0."""

    def add(row: Sequence[float]) -> Array:
        terms = [value if weight == 1 else weight * value for weight, value in zip(row, values, strict=True) if weight]
        return sum(terms[1:], start=terms[0])

    return [add(row) for row in weights]


def _transposed(weights: Weights) -> Weights:
    return tuple(zip(*weights, strict=True))


def _block_inputs(x: Array, axis: int, axes: Axes) -> list[Array]:
    """The inputs that each block of outputs has along an axis."""
    filtering, before = axes[axis - HEIGHT]
    block, inputs = len(filtering.outputs), len(filtering.inputs)
    blocks = -(-x.shape[axis] // block)
    x = pad_axis(x, axis, before, blocks * block + inputs - block - before - x.shape[axis], 0)
    return [take_strided(x, axis, offset, blocks, block) for offset in range(inputs)]


def _block_outputs(y: Array, axis: int, axes: Axes) -> list[Array]:
    """The outputs of each block along an axis."""
    block = len(axes[axis - HEIGHT].filtering.outputs)
    blocks = -(-y.shape[axis] // block)
    y = pad_axis(y, axis, 0, blocks * block - y.shape[axis], 0)
    return [take_strided(y, axis, offset, blocks, block) for offset in range(block)]
