"""Draws every actor-action pair of the sprites world on one picture, to be looked at."""

from pathlib import Path

import cv2
import numpy as np

from input_pipeline.sprites.world import Clip
from ssa2d_jax.data.label_space import A2D


def contact_sheet(path: str | Path, *, seed: int = 0, size: tuple[int, int] = (128, 128), across: int = 8) -> None:
    """Writes a PNG: for each of the 43 pairs a row of `across` frames (every second one) of a lone actor."""
    rows = []
    for actor, action in A2D.pairs:
        rng = np.random.default_rng([seed, actor, action])
        clip = Clip(rng, [10 * actor + action], size, 2 * across, across, across)
        row = np.concatenate([rgb for rgb, _ in list(clip.frames())[::2]], axis=1)
        cv2.putText(row, A2D.joint[A2D.joint_of[actor, action]], (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 3)
        cv2.putText(
            row,
            A2D.joint[A2D.joint_of[actor, action]],
            (4, 12),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.42,
            (255, 255, 255),
            1,
        )
        rows.append(row)
    done, data = cv2.imencode(".png", np.concatenate(rows)[..., ::-1])
    if not done:
        raise OSError(f"{path}: the picture could not be encoded")
    Path(path).write_bytes(data)
