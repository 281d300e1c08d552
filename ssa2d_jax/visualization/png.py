"""Pictures as PNG files."""

from pathlib import Path

import cv2
import numpy as np

from ssa2d_jax.utils.files import replace_bytes


def write_png(path: Path, picture: np.ndarray) -> None:
    """Writes uint8 RGB [h, w, 3] to `path`, whole or not at all."""
    _, data = cv2.imencode(".png", picture[..., ::-1])
    replace_bytes(path, data.tobytes())
