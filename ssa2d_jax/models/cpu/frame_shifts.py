"""Which frames the temporal taps of a convolution read, as shifts between frames of one phase."""

from ssa2d_jax.models.arrays import same_padding

Shifts = dict[int, int]  # tap: how many frames ahead of an output its input lies


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
