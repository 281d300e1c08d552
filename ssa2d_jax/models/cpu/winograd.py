"""3-D convolution with 3x3 taps in space by Winograd's minimal filtering, and its gradients, for CPUs.

Every block of 4x4 outputs costs 36 products where the plain form takes 144, every block of 2x2 costs 16 where it takes
36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4). The kernel, and a
block's inputs, are replaced by as many small sums each (minimal_filtering.py); then there is one matrix product along
the channels for each of them, and small sums of these products are the outputs.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from ssa2d_jax.models.arrays import pad_axis, sum_over_positions, take_strided
from ssa2d_jax.models.cpu.frame_shifts import Shifts, shifts_by_phase
from ssa2d_jax.models.cpu.minimal_filtering import Filtering, Weights, minimal_filtering

TIME, HEIGHT, WIDTH = 1, 2, 3
TAPS = 3  # of a kernel along an axis in space
# An axis of fewer rows or columns is cut into blocks of 2, otherwise of 4; for the kernel's gradient from fewer on.
SMALL_AXIS = 40
SMALL_AXIS_OF_GRADIENT = 20

Array = Float[jax.Array, "..."]
Parts = list[list[Array]]  # the sums of all blocks: rows, columns
Filters = tuple[Filtering, Filtering]  # of the rows and of the columns


def conv3d_by_winograd(
    x: Float[jax.Array, "B T H W Cin"], kernel: Float[jax.Array, "kt 3 3 Cin Cout"], stride: int = 1
) -> Float[jax.Array, "B t H W Cout"]:
    """3-D convolution, padding 'SAME', with a stride in time only."""
    frames = -(-x.shape[TIME] // stride)
    phases = shifts_by_phase(x.shape[TIME], kernel.shape[0], stride)
    parts = [_correlate(x[:, phase::stride], kernel, shifts, frames) for phase, shifts in phases.items()]
    return sum(parts[1:], start=parts[0])


def input_gradient_by_winograd(
    gradient: Float[jax.Array, "B t H W Cout"],
    kernel: Float[jax.Array, "kt 3 3 Cin Cout"],
    frames: int,
    stride: int = 1,
) -> Float[jax.Array, "B {frames} H W Cin"]:
    """The gradient of `conv3d_by_winograd` with respect to x, of so many frames."""
    phases = shifts_by_phase(frames, kernel.shape[0], stride)
    y = []
    for phase in range(stride):
        shifts = {tap: -shift for tap, shift in phases.get(phase, {}).items()}
        y.append(_correlate(gradient, kernel, shifts, len(range(phase, frames, stride)), transposed=True))
    if stride == 1:
        return y[0]
    y = [pad_axis(part, TIME, 0, y[0].shape[TIME] - part.shape[TIME], 0) for part in y]
    stacked = jnp.stack(y, axis=TIME + 1)
    return stacked.reshape(stacked.shape[0], -1, *stacked.shape[3:])[:, :frames]


def kernel_gradient_by_winograd(
    x: Float[jax.Array, "B T H W Cin"], gradient: Float[jax.Array, "B t H W Cout"], taps: int, stride: int = 1
) -> Float[jax.Array, "{taps} 3 3 Cin Cout"]:
    """The gradient of `conv3d_by_winograd` with respect to a kernel of so many temporal taps."""
    filters, phases = _filters(x, SMALL_AXIS_OF_GRADIENT), shifts_by_phase(x.shape[TIME], taps, stride)
    zeros = jnp.zeros((x.shape[4], gradient.shape[4]), x.dtype)

    def multiply(part: Array, gradient_part: Array) -> Float[jax.Array, "kt Cin Cout"]:
        by_tap = dict.fromkeys(range(taps), zeros)
        for phase, shifts in phases.items():
            by_tap |= _multiply_taps(part[:, phase::stride], gradient_part, shifts)
        return jnp.stack([by_tap[tap] for tap in range(taps)])

    outputs = [_transposed(one.outputs) for one in filters]
    gradients = _sum_twice(outputs, gradient, lambda y, axis: _block_outputs(y, axis, filters))
    products = _pairwise(multiply, _input_parts(x, filters), gradients)
    by_column = _sum_products([_transposed(one.taps) for one in filters], products)
    return jnp.stack([jnp.stack(column, axis=1) for column in by_column], axis=2)


def _filters(x: Array, small_axis: int) -> Filters:
    """How the rows and the columns of a map are cut into blocks."""
    height, width = (minimal_filtering(2 if x.shape[axis] < small_axis else 4, TAPS) for axis in (HEIGHT, WIDTH))
    return height, width


def _correlate(
    x: Float[jax.Array, "B T H W C"],
    kernel: Float[jax.Array, "kt 3 3 _ _"],
    shifts: Shifts,
    frames: int,
    transposed: bool = False,
) -> Float[jax.Array, "B {frames} H W D"]:
    """For `frames` frames the sum over the temporal taps in `shifts`.

    The kernel is [kt, 3, 3, C, D]; if it is `transposed`, [kt, 3, 3, D, C], and its taps in space are flipped. The
    temporal taps are placed where fewer channels must be copied: stacked in the input's channels, or computed side by
    side as outputs and summed with shifts.
    """
    channels_out = kernel.shape[3 if transposed else 4]
    if not shifts:
        return jnp.zeros((x.shape[0], frames, *x.shape[2:4], channels_out), x.dtype)
    filters, (x_frames, height, width) = _filters(x, SMALL_AXIS), x.shape[1:4]
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

    matrices = _matrices(kernel, list(shifts), filters, stacked, transposed)
    products = _pairwise(multiply, _input_parts(x, filters), matrices)
    blocks = _sum_products([one.outputs for one in filters], products)
    if not stacked:

        def add_taps(planes: Array) -> Array:
            by_tap = zip(jnp.split(planes, len(shifts), axis=-1), shifts.values(), strict=True)
            moved = [pad_axis(plane, TIME, -shift, frames + shift - x_frames, 0) for plane, shift in by_tap]
            return sum(moved[1:], start=moved[0])

        blocks = [[add_taps(values) for values in column] for column in blocks]
    y = jnp.stack([jnp.stack(column, axis=HEIGHT + 1) for column in blocks], axis=WIDTH + 2)
    y = y.reshape(*y.shape[:2], y.shape[2] * y.shape[3], y.shape[4] * y.shape[5], channels_out)
    return y[:, :, :height, :width]


def _matrices(
    kernel: Float[jax.Array, "kt 3 3 _ _"], taps: Sequence[int], filters: Filters, stacked: bool, transposed: bool
) -> Parts:
    """The kernel's sums, with the temporal taps in one axis with the channels that are to be summed, or to come out."""
    if list(taps) != list(range(kernel.shape[0])):
        kernel = jnp.stack([kernel[tap] for tap in taps])
    if transposed:
        kernel = kernel[:, ::-1, ::-1]
    first, second = kernel.shape[3:]
    if stacked == transposed:
        kernel = kernel.transpose(1, 2, 3, 0, 4).reshape(TAPS, TAPS, first, -1)
    else:
        kernel = kernel.transpose(1, 2, 0, 3, 4).reshape(TAPS, TAPS, -1, second)
    rows = _sums(filters[0].taps, list(kernel))
    return [_sums(filters[1].taps, list(row)) for row in rows]


def _multiply_taps(x: Array, gradient: Array, shifts: Shifts) -> dict[int, Float[jax.Array, "Cin Cout"]]:
    """For each tap in `shifts` the product of the frames that it reads with the gradient's, over all positions."""
    extra = x.shape[TIME] - gradient.shape[TIME]
    if gradient.shape[4] < x.shape[4]:  # the gradient's frames are copied side by side, as they have fewer channels
        moved = [pad_axis(gradient, TIME, shift, extra - shift, 0) for shift in shifts.values()]
        products = jnp.split(sum_over_positions(x, jnp.concatenate(moved, axis=-1)), len(shifts), axis=1)
    else:
        moved = [pad_axis(x, TIME, -shift, shift - extra, 0) for shift in shifts.values()]
        products = jnp.split(sum_over_positions(jnp.concatenate(moved, axis=-1), gradient), len(shifts), axis=0)
    return dict(zip(shifts, products, strict=True))


def _input_parts(x: Float[jax.Array, "B T H W C"], filters: Filters) -> Parts:
    """The sums of each block's inputs."""
    return _sum_twice([one.inputs for one in filters], x, lambda x, axis: _block_inputs(x, axis, filters))


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


def _block_inputs(x: Array, axis: int, filters: Filters) -> list[Array]:
    """The inputs that each block of outputs has along an axis."""
    block, inputs = np.shape(filters[axis - HEIGHT].outputs)
    blocks = -(-x.shape[axis] // block)
    x = pad_axis(x, axis, TAPS // 2, blocks * block - x.shape[axis] + TAPS // 2, 0)
    return [take_strided(x, axis, offset, blocks, block) for offset in range(inputs)]


def _block_outputs(y: Array, axis: int, filters: Filters) -> list[Array]:
    """The outputs of each block along an axis."""
    block, _ = np.shape(filters[axis - HEIGHT].outputs)
    blocks = -(-y.shape[axis] // block)
    y = pad_axis(y, axis, 0, blocks * block - y.shape[axis], 0)
    return [take_strided(y, axis, offset, blocks, block) for offset in range(block)]
