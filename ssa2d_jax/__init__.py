"""SSA2D: single-shot actor-action detection in videos, in JAX and Flax.

`Detector` is the Python API; `Result`, `FrameResult` and `Track` are the types of its results.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssa2d_jax.inference.detector import Detector
    from ssa2d_jax.inference.results import FrameResult, Result
    from ssa2d_jax.inference.tracker import Track

__version__ = "0.1.0"
__all__ = ["Detector", "FrameResult", "Result", "Track"]

_MODULES = {
    "Detector": "ssa2d_jax.inference.detector",
    "FrameResult": "ssa2d_jax.inference.results",
    "Result": "ssa2d_jax.inference.results",
    "Track": "ssa2d_jax.inference.tracker",
}

if not TYPE_CHECKING:  # so that type checkers report unknown names

    def __getattr__(name: str) -> object:
        """Imports a name of the Python API at its first use: the input pipeline imports this package without jax."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULES[name]), name)
