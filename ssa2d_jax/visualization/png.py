"""Pictures as PNG files."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ssa2d_jax.utils.files import replace_bytes
from ssa2d_jax.utils.images import encode_png


def write_png(path: Path, picture: UInt8[np.ndarray, "H W 3"]) -> None:
    """Writes an RGB picture to `path` atomically."""
    replace_bytes(path, encode_png(picture))
