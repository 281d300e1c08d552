"""Reading, writing and analysing videos. `read_frames` and `probe` read any video file."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssa2d_jax.video.reader import probe, read_frames

__all__ = ["probe", "read_frames"]

if not TYPE_CHECKING:  # so that type checkers report unknown names

    def __getattr__(name: str) -> object:
        """Imports the reader at its first use: optical flow needs no PyAV."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module("ssa2d_jax.video.reader"), name)
