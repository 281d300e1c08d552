"""3-D convolutions by Winograd's minimal filtering in space, and their gradients, for CPUs.

Every block of 4x4 outputs of 3x3 taps costs 36 products where the plain form takes 144, every block of 2x2 costs 16
where it takes 36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4). The
phases of a transposed convolution have two taps or one: every block of 2x2 outputs of 2x2 taps costs 9 products where
the plain form takes 16.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from ssa2d_jax.models.arrays import interleave, pad_axis
from ssa2d_jax.models.cpu.block_filtering import (
    HEIGHT,
    WIDTH,
    Array,
    axes_in_blocks,
    correlate,
    correlate_kernel_gradient,
)
from ssa2d_jax.models.cpu.phases import TIME, Shifts, shifts_by_phase, transposed_phases

TAPS = (3, 3)  # of a kernel in space
BEFORE = (1, 1)  # rows and columns of zeros before a map
# An axis of fewer rows or columns is cut into blocks of 2, otherwise of 4; for the kernel's gradient from fewer on.
SMALL_AXIS = 40
SMALL_AXIS_OF_GRADIENT = 20


def conv3d_by_winograd(
    x: Float[jax.Array, "B T H W Cin"], kernel: Float[jax.Array, "kt 3 3 Cin Cout"], stride: int = 1
) -> Float[jax.Array, "B t H W Cout"]:
    """3-D convolution, padding 'SAME', with a stride in time only."""
    frames = -(-x.shape[TIME] // stride)
    phases = shifts_by_phase(x.shape[TIME], kernel.shape[0], stride)
    axes = axes_in_blocks(x, TAPS, BEFORE, SMALL_AXIS)
    return _add(correlate(x[:, phase::stride], kernel, shifts, frames, axes) for phase, shifts in phases.items())


def input_gradient_by_winograd(
    gradient: Float[jax.Array, "B t H W Cout"],
    kernel: Float[jax.Array, "kt 3 3 Cin Cout"],
    frames: int,
    stride: int = 1,
) -> Float[jax.Array, "B {frames} H W Cin"]:
    """The gradient of `conv3d_by_winograd` with respect to x, of so many frames."""
    phases = shifts_by_phase(frames, kernel.shape[0], stride)
    axes = axes_in_blocks(gradient, TAPS, BEFORE, SMALL_AXIS)
    y = []
    for phase in range(stride):
        shifts = _backwards(phases.get(phase, {}))
        y.append(correlate(gradient, kernel, shifts, len(range(phase, frames, stride)), axes, transposed=True))
    longest = y[0].shape[TIME]
    return interleave([pad_axis(part, TIME, 0, longest - part.shape[TIME], 0) for part in y], TIME)[:, :frames]


def kernel_gradient_by_winograd(
    x: Float[jax.Array, "B T H W Cin"], gradient: Float[jax.Array, "B t H W Cout"], taps: int, stride: int = 1
) -> Float[jax.Array, "{taps} 3 3 Cin Cout"]:
    """The gradient of `conv3d_by_winograd` with respect to a kernel of so many temporal taps."""
    axes = axes_in_blocks(x, TAPS, BEFORE, SMALL_AXIS_OF_GRADIENT)
    zeros = jnp.zeros((*TAPS, x.shape[4], gradient.shape[4]), x.dtype)
    by_tap = dict.fromkeys(range(taps), zeros)
    for phase, shifts in shifts_by_phase(x.shape[TIME], taps, stride).items():
        by_tap |= zip(shifts, correlate_kernel_gradient(x[:, phase::stride], gradient, shifts, axes), strict=True)
    return jnp.stack([by_tap[tap] for tap in range(taps)])


def conv3d_transpose_by_winograd(
    x: Float[jax.Array, "B T H W Cin"], kernel: Float[jax.Array, "kt kh kw Cin Cout"], strides: Sequence[int]
) -> Float[jax.Array, "B T*{strides[0]} H*{strides[1]} W*{strides[2]} Cout"]:
    """3-D transposed convolution, padding 'SAME', of a kernel with at least as many taps as strides along each axis."""
    y = {}
    for phase in _phases(kernel.shape[:3], strides):
        axes = axes_in_blocks(x, phase.sizes, phase.before, SMALL_AXIS)
        y[phase.start] = correlate(x, phase.of_kernel(kernel), phase.shifts, x.shape[TIME], axes)
    t, h, w = map(range, strides)
    rows = {(i, j): interleave([y[i, j, k] for k in w], WIDTH) for i in t for j in h}
    return interleave([interleave([rows[i, j] for j in h], HEIGHT) for i in t], TIME)


def transpose_input_gradient_by_winograd(
    gradient: Float[jax.Array, "B T H W Cout"], kernel: Float[jax.Array, "kt kh kw Cin Cout"], strides: Sequence[int]
) -> Float[jax.Array, "B T//{strides[0]} H//{strides[1]} W//{strides[2]} Cin"]:
    """The gradient of `conv3d_transpose_by_winograd` with respect to x."""

    def of_phase(phase: _Phase) -> Array:
        part, (height, width) = phase.of_outputs(gradient, strides), phase.sizes
        before = height - 1 - phase.before[0], width - 1 - phase.before[1]
        axes = axes_in_blocks(part, phase.sizes, before, SMALL_AXIS)
        shifts, frames = _backwards(phase.shifts), part.shape[TIME]
        return correlate(part, phase.of_kernel(kernel), shifts, frames, axes, transposed=True)

    return _add(map(of_phase, _phases(kernel.shape[:3], strides)))


def transpose_kernel_gradient_by_winograd(
    x: Float[jax.Array, "B t h w Cin"],
    gradient: Float[jax.Array, "B T H W Cout"],
    taps: Sequence[int],
    strides: Sequence[int],
) -> Float[jax.Array, "kt kh kw Cin Cout"]:
    """The gradient of `conv3d_transpose_by_winograd` with respect to a kernel of so many taps."""
    by_tap = {}
    for phase in _phases(taps, strides):
        axes = axes_in_blocks(x, phase.sizes, phase.before, SMALL_AXIS_OF_GRADIENT)
        part = correlate_kernel_gradient(x, phase.of_outputs(gradient, strides), phase.shifts, axes)
        rows, columns = (range(number)[chosen] for number, chosen in zip(taps[1:], phase.taps, strict=True))
        for place in itertools.product(*map(enumerate, (phase.shifts, rows, columns))):
            inside, tap = zip(*place, strict=True)
            by_tap[tap] = part[inside]
    kernel = jnp.stack([by_tap[tap] for tap in itertools.product(*map(range, taps))])
    return kernel.reshape(*taps, *kernel.shape[1:])


class _Phase(NamedTuple):
    """Every n-th output of a transposed convolution along each axis, n being its stride, and the taps that it has."""

    start: tuple[int, int, int]  # the first output, of T, H, W
    shifts: Shifts  # of the temporal taps
    taps: tuple[slice, slice]  # in space
    sizes: tuple[int, int]  # how many these are
    before: tuple[int, int]  # how many rows and columns before an output's own its first tap reads

    def of_kernel(self, kernel: Array) -> Array:
        return kernel[:, self.taps[0], self.taps[1]]

    def of_outputs(self, y: Array, strides: Sequence[int]) -> Array:
        t, h, w = (slice(start, None, stride) for start, stride in zip(self.start, strides, strict=True))
        return y[:, t, h, w]


def _phases(taps: Sequence[int], strides: Sequence[int]) -> Iterator[_Phase]:
    axes = [list(enumerate(transposed_phases(*axis))) for axis in zip(taps, strides, strict=True)]
    for (t, (in_time, pad_t)), (h, (rows, pad_h)), (w, (columns, pad_w)) in itertools.product(*axes):
        shifts = {tap: number - pad_t[0] for number, tap in enumerate(range(taps[0])[in_time])}
        sizes = len(range(taps[1])[rows]), len(range(taps[2])[columns])
        yield _Phase((t, h, w), shifts, (rows, columns), sizes, (pad_h[0], pad_w[0]))


def _add(parts: Iterable[Array]) -> Array:
    first, *rest = parts
    return sum(rest, start=first)


def _backwards(shifts: Shifts) -> Shifts:
    return {tap: -shift for tap, shift in shifts.items()}
