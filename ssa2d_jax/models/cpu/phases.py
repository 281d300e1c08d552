"""Strided and transposed convolutions along an axis, as ones without strides between every n-th position."""

import jax
from jaxtyping import Float

from ssa2d_jax.models.arrays import pad_axis, same_padding

TIME = 1
Shifts = dict[int, int]  # temporal tap: how many frames ahead of an output its input lies


def shifts_by_phase(frames: int, taps: int, stride: int, dilation: int = 1) -> dict[int, Shifts]:
    """The temporal taps of a convolution, padding 'SAME', by the input frames that they read.

    Phase p holds the input frames p, p + stride, p + 2 stride and so on. A tap reads frames of one phase only: output
    i reads the phase's frame i + shift. Taps that meet zeros only, and phases that no tap reads, are left out.
    """
    before, _ = same_padding(frames, taps, stride, dilation)
    outputs = -(-frames // stride)
    offsets = {tap: tap * dilation - before for tap in range(taps)}
    phases = {}
    for phase in range(min(stride, frames)):
        shifts = {tap: (offset - phase) // stride for tap, offset in offsets.items() if offset % stride == phase}
        in_phase = len(range(phase, frames, stride))
        if shifts := {tap: shift for tap, shift in shifts.items() if -outputs < shift < in_phase}:
            phases[phase] = shifts
    return phases


def move_frames(x: Float[jax.Array, "B T H W C"], shift: int, frames: int) -> Float[jax.Array, "B {frames} H W C"]:
    """`frames` frames, of which frame i is x's frame i + shift, or zero where x has none."""
    return pad_axis(x, TIME, -shift, frames + shift - x.shape[TIME], 0)


def transposed_phases(taps: int, stride: int) -> list[tuple[slice, tuple[int, int]]]:
    """For each phase of a transposed convolution's outputs: the kernel's taps as a slice, and the padding for them.

    In lax.conv_transpose's 'SAME', tap t of output y meets input (y + t - before) / stride if that is whole.
    """
    before = taps - 1 if stride > taps - 1 else -(-(taps + stride - 2) // 2)
    phases = []
    for phase in range(stride):
        first = (before - phase) % stride
        number = len(range(first, taps, stride))
        shift = (phase + first - before) // stride
        phases.append((slice(first, taps, stride), (-shift, shift + number - 1)))
    return phases
