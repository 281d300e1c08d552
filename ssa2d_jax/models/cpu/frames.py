"""3-D convolutions as 2-D convolutions over the frames, for CPUs: XLA is fast in 2-D and slow in 3-D.

Both forms equal the plain lax ones up to float rounding and are ordinary differentiable JAX.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from ssa2d_jax.models.arrays import interleave, same_padding, tap_inputs
from ssa2d_jax.models.cpu.phases import TIME, move_frames, shifts_by_phase, transposed_phases

NHWC = ("NHWC", "HWIO", "NHWC")


def conv3d_by_frames(
    x: Float[jax.Array, "B T H W Cin"],
    kernel: Float[jax.Array, "kt kh kw Cin Cout"],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Float[jax.Array, "B t y x Cout"]:
    """3-D convolution, padding 'SAME', as one 2-D convolution over the frames of the whole batch.

    The temporal taps are placed where fewer channels must be copied: stacked in the input's channels if these
    are fewer (the stem 3 -> 64), otherwise computed side by side as outputs and summed with shifts.

    Output sizes are input sizes divided by strides, rounded up.
    """
    channels_in, channels_out = kernel.shape[3:]
    if channels_in < channels_out:
        return _stack_taps(x, kernel, strides, dilation)
    return _sum_taps(x, kernel, strides, dilation)


def conv3d_transpose_by_phases(
    x: Float[jax.Array, "B T H W Cin"], kernel: Float[jax.Array, "kt kh kw Cin Cout"], strides: Sequence[int]
) -> Float[jax.Array, "B T*{strides[0]} H*{strides[1]} W*{strides[2]} Cout"]:
    """3-D transposed convolution, padding 'SAME', without the zeros between the inputs.

    Output rows y with the same y mod stride, and columns likewise, form a phase: an ordinary 2-D convolution
    with the taps that meet inputs there. Phases are interleaved; temporal taps are summed with shifts.
    """
    batch, time, height, width, channels_in = x.shape
    # A kernel shorter than its stride gets taps of zero in front, so that every phase has taps.
    zero_taps = [(max(stride - taps, 0), 0) for stride, taps in zip(strides, kernel.shape[:3], strict=True)]
    kernel = jnp.pad(kernel, (*zero_taps, (0, 0), (0, 0)))
    taps_t, taps_h, taps_w, _, channels = kernel.shape
    frames = x.reshape(batch * time, height, width, channels_in)
    planes = kernel.transpose(1, 2, 3, 0, 4).reshape(taps_h, taps_w, channels_in, taps_t * channels)
    rows = []
    for taps_y, pad_y in transposed_phases(taps_h, strides[1]):
        columns = []
        for taps_x, pad_x in transposed_phases(taps_w, strides[2]):
            part = planes[taps_y][:, taps_x]
            y = lax.conv_general_dilated(frames, part, (1, 1), (pad_y, pad_x), dimension_numbers=NHWC)
            columns.append(_interleave_time(y.reshape(batch, time, height, width, -1), taps_t, strides[0]))
        rows.append(jnp.stack(columns, axis=4))
    y = jnp.stack(rows, axis=3)  # [B, T * st, H, sh, W, sw, C]
    return y.reshape(batch, time * strides[0], height * strides[1], width * strides[2], channels)


def _conv2d(
    frames: Float[jax.Array, "B T H W Cin"],
    kernel: Float[jax.Array, "kh kw Cin Cout"],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Float[jax.Array, "B T y x Cout"]:
    """2-D convolution of every frame; strides and dilation are those of H and W."""
    batch, time = frames.shape[:2]
    y = lax.conv_general_dilated(
        frames.reshape(batch * time, *frames.shape[2:]),
        kernel,
        strides,
        "SAME",
        rhs_dilation=dilation,
        dimension_numbers=NHWC,
    )
    return y.reshape(batch, time, *y.shape[1:])


def _stack_taps(
    x: Float[jax.Array, "B T H W Cin"],
    kernel: Float[jax.Array, "kt kh kw Cin Cout"],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Float[jax.Array, "B t y x Cout"]:
    taps, height, width, channels_in, channels_out = kernel.shape
    pad = same_padding(x.shape[TIME], taps, strides[0], dilation[0])
    stacked = tap_inputs(x, TIME, taps, strides[0], dilation[0], pad)
    planes = kernel.transpose(1, 2, 0, 3, 4).reshape(height, width, taps * channels_in, channels_out)
    return _conv2d(jnp.concatenate(stacked, axis=-1), planes, strides[1:], dilation[1:])


def _sum_taps(
    x: Float[jax.Array, "B T H W Cin"],
    kernel: Float[jax.Array, "kt kh kw Cin Cout"],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Float[jax.Array, "B t y x Cout"]:
    taps, height, width, channels_in, _ = kernel.shape
    outputs = -(-x.shape[TIME] // strides[0])
    y = jnp.zeros((), x.dtype)
    for phase, shifts in shifts_by_phase(x.shape[TIME], taps, strides[0], dilation[0]).items():
        frames = x[:, phase :: strides[0]]
        part = jnp.stack([kernel[tap] for tap in shifts], axis=3).reshape(height, width, channels_in, -1)
        planes = _conv2d(frames, part, strides[1:], dilation[1:])
        for plane, shift in zip(jnp.split(planes, len(shifts), axis=-1), shifts.values(), strict=True):
            y = y + move_frames(plane, shift, outputs)
    return y


def _interleave_time(
    y: Float[jax.Array, "B T H W tapsC"], taps: int, stride: int
) -> Float[jax.Array, "B T*{stride} H W tapsC//{taps}"]:
    """Sums a transposed convolution's temporal taps, which lie side by side in the channels."""
    planes = jnp.split(y, taps, axis=-1)
    phases = []
    for phase_taps, (before, _) in transposed_phases(taps, stride):
        shifted = [move_frames(plane, i - before, y.shape[TIME]) for i, plane in enumerate(planes[phase_taps])]
        phases.append(sum(shifted[1:], start=shifted[0]))
    return interleave(phases, TIME)
