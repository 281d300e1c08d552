"""How kernels begin; and a network's kernels drawn together, which compiles in less than half the time."""

import contextlib
import contextvars
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import Initializer, VariableDict
from jax.typing import DTypeLike
from jaxtyping import Float

_FEWEST, _GROWTH = 1024, 4  # numbers of a draw: this many, or this many times as many, and so on
_CUT = 2.0  # a normal distribution is cut off at so many standard deviations


class _Kernel(NamedTuple):
    placeholder: jax.Array  # stands for the kernel in the tree
    key: jax.Array
    profile: jax.Array  # [kt, 1, 1, 1, 1]


_delayed: contextvars.ContextVar[list[_Kernel] | None] = contextvars.ContextVar("delayed", default=None)


def inflated_normal(time_stride: int = 1) -> Initializer:
    """Initialiser of [kt, kh, kw, Cin, Cout] kernels: a LeCun-normal 2-D kernel in the middle temporal tap, else 0.

    A new network then sees single frames, and learns to use neighbouring frames much faster than it would unlearn a
    random mixture of them. The kernel of a transposed convolution with a temporal stride gets a triangle instead,
    so that it interpolates linearly between the frames of its input.
    """

    def init(
        key: jax.Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32
    ) -> Float[jax.Array, "kt kh kw Cin Cout"]:
        off_middle = np.abs(np.arange(shape[0]) - (shape[0] - 1) / 2)
        profile = np.maximum(0.0, 1.0 - off_middle / time_stride)[:, None, None, None, None]
        delayed = _delayed.get()
        if delayed is None:
            return nn.initializers.lecun_normal()(key, tuple(shape[1:]), dtype) * jnp.asarray(profile, dtype)
        delayed.append(_Kernel(jnp.zeros(shape, dtype), key, jnp.asarray(profile, dtype)))
        return delayed[-1].placeholder

    return init


@contextlib.contextmanager
def undrawn() -> Iterator[list[_Kernel]]:
    """Kernels that are initialized inside the block are zeros for now; gives the list of them."""
    kernels: list[_Kernel] = []
    token = _delayed.set(kernels)
    try:
        yield kernels
    finally:
        _delayed.reset(token)


def draw_together(init: Callable[..., VariableDict]) -> Callable[..., VariableDict]:
    """Gives a function that returns what `init` does, up to rounding, but draws kernels of similar size in one loop.

    Compiling the generator takes much longer than running it, and here there is one per size, not one per kernel.
    """

    def init_together(*arguments: jax.Array | None) -> VariableDict:
        with undrawn() as kernels:
            variables = init(*arguments)
        values = {id(kernel.placeholder): value for kernel, value in zip(kernels, _draw(kernels), strict=True)}
        drawn = jax.tree.map(lambda leaf: values.pop(id(leaf), leaf), variables)
        if values:  # a kernel that flax or a wrapper has copied would stay zero
            raise ValueError(f"{len(values)} of {len(kernels)} kernels are not among the variables that init returned")
        return drawn

    return init_together


def _draw(kernels: Sequence[_Kernel]) -> list[jax.Array]:
    """Draws the kernels: a longer draw with the same key begins with the numbers of a shorter one."""
    alike: dict[tuple[int, jnp.dtype], list[int]] = {}
    for number, kernel in enumerate(kernels):
        size, dtype = _draw_size(math.prod(kernel.placeholder.shape[1:])), kernel.placeholder.dtype
        alike.setdefault((size, dtype), []).append(number)
    values: dict[int, jax.Array] = {}
    for (size, dtype), numbers in alike.items():
        draw = partial(jax.random.truncated_normal, lower=-_CUT, upper=_CUT, shape=(size,), dtype=dtype)
        draws = jax.lax.map(draw, jnp.stack([kernels[number].key for number in numbers]))
        values.update((number, _kernel(kernels[number], row)) for number, row in zip(numbers, draws, strict=True))
    return [values[number] for number in range(len(kernels))]


def _draw_size(numbers: int) -> int:
    size = _FEWEST
    while size < numbers:
        size *= _GROWTH
    return size


def _kernel(kernel: _Kernel, draw: Float[jax.Array, " size"]) -> Float[jax.Array, "kt kh kw Cin Cout"]:
    """`inflated_normal` of drawn numbers."""
    shape, dtype = kernel.placeholder.shape[1:], kernel.placeholder.dtype
    deviation = jnp.sqrt(jnp.asarray(shape[-1] / math.prod(shape), dtype))  # LeCun
    deviation /= jnp.asarray(0.87962566103423978, dtype)  # of what is left of a normal distribution
    return draw[: math.prod(shape)].reshape(shape) * deviation * kernel.profile
