"""SSA2D: single-shot actor-action detection in videos, in JAX and Flax. `Detector` is the Python API."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["Detector"]


def __getattr__(name: str) -> Any:
    """`Detector`, imported when it is asked for: the input pipeline imports this package without jax."""
    if name != "Detector":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ssa2d_jax.inference.detector import Detector

    return Detector
