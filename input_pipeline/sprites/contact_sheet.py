"""Draws every actor-action pair of the sprites world in one picture, to be checked by eye."""

from pathlib import Path

import cv2
import numpy as np

from input_pipeline.sprites.world import plan_clip
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.images import encode_png


def draw_pair_sheet(path: str | Path, *, seed: int = 0, size: tuple[int, int] = (128, 128), across: int = 8) -> None:
    """Writes a PNG with a row for each of the 43 pairs: every second frame, `across` frames, of a single actor."""
    rows = []
    for actor, action in A2D.pairs:
        rng = np.random.default_rng([seed, actor, action])
        clip = plan_clip(rng, [10 * actor + action], size, 2 * across, across, across)
        row = np.concatenate([rgb for rgb, _ in list(clip.frames())[::2]], axis=1)
        name = A2D.joint[A2D.joint_of[actor, action]]
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):  # white letters with a black outline
            cv2.putText(row, name, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, thickness)
        rows.append(row)
    Path(path).write_bytes(encode_png(np.concatenate(rows)))
