"""Max pooling for CPUs, where XLA's own is slow in 3-D."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from ssa2d_jax.models.arrays import same_padding, tap_inputs


def max_pool3d_by_axes(
    x: Float[jax.Array, "B T H W C"], window: Sequence[int], strides: Sequence[int]
) -> Float[jax.Array, "B t y x C"]:
    """Max pooling, padding 'SAME' with -inf, as maxima of shifted slices, one axis after another.

    Where several values of a window tie for the maximum they share its gradient; lax gives it to one of them.
    After a ReLU nearly all ties are between zeros, whose gradient the ReLU stops in either case.

    Output sizes are input sizes divided by strides, rounded up.
    """
    for axis, (size, stride) in enumerate(zip(window, strides, strict=True), start=1):
        slices = tap_inputs(x, axis, size, stride, 1, same_padding(x.shape[axis], size, stride), -jnp.inf)
        x = slices[0]
        for other in slices[1:]:
            x = jnp.maximum(x, other)
    return x
