"""Which of two equal forms the network's operations have, lax's own or those for CPUs; or that they compute nothing."""

import contextlib
import contextvars
import enum
from collections.abc import Iterator

import jax


class Lowering(enum.Enum):
    """A form of the network's operations."""

    PLAIN = "plain"  # lax's 3-D operations, for GPUs and TPUs
    CPU = "cpu"  # the forms of cpu/
    SHAPES = "shapes"  # nothing is computed: zeros, for what needs the parameters' names and shapes alone

    @classmethod
    def for_platform(cls, platform: str) -> "Lowering":
        """The faster form on a platform of jax ("cpu", "cuda", ...)."""
        return cls.CPU if platform == "cpu" else cls.PLAIN


_chosen: contextvars.ContextVar[Lowering | None] = contextvars.ContextVar("lowering", default=None)


def current_lowering() -> Lowering:
    """The form that functions traced now get: the one that `use_lowering` sets, or the default backend's."""
    return _chosen.get() or Lowering.for_platform(jax.default_backend())


@contextlib.contextmanager
def use_lowering(lowering: Lowering) -> Iterator[None]:
    """Sets the form for all functions that are traced inside the block; a compiled function keeps the form it has."""
    token = _chosen.set(lowering)
    try:
        yield
    finally:
        _chosen.reset(token)
