"""An evaluation's pictures: labelled frames beside truth, prediction and mask; confusion matrices."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ssa2d_jax.data.batch import Batch
from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from ssa2d_jax.evaluation.metrics import Confusions
from ssa2d_jax.evaluation.multilabel_metrics import MultilabelCounts
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.eval_step import label_maps
from ssa2d_jax.visualization import drawn_pairs, overlay
from ssa2d_jax.visualization.png import write_png

LabelMaps = Callable[[Any, Batch], Batch]


def compile_label_maps(model: SSA2D, space: LabelSpace, threshold: float) -> LabelMaps:
    """`steps.label_maps` of (variables, batch), compiled when it is first called."""
    return jax.jit(partial(label_maps, model=model, space=space, threshold=threshold))


def draw(
    maps_of: LabelMaps, variables: Any, counts: Confusions | MultilabelCounts, clips: ClipAgreement, space: LabelSpace
) -> dict[str, np.ndarray]:
    """Pictures uint8 [h, w, 3] by name: confusion_<kind>, and clip_<i>, best_<i>, worst_<i> of the clips kept.

    Of a clip, its first labelled frame is shown, with the clip's agreement (see ClipScores) over it.
    """
    images = {
        f"confusion_{kind}": overlay.confusion_picture(matrix, space.names[kind])
        for kind, matrix in counts.matrices.items()
    }
    for name, (caption, clip) in clips.shown().items():
        maps = jax.device_get(maps_of(variables, clip))
        height, width = clip["label_size"][0]
        crop = np.s_[0, 0, :height, :width]
        truth, prediction, spaces = joint_maps(clip, maps, crop, space)
        frame = clip["video"][0, clip["label_time"][0, 0]]
        images[name] = overlay.comparison(frame, truth, prediction, maps["mask"][crop], spaces, caption)
    return images


def save(folder: Path, split: str, images: dict[str, np.ndarray]) -> None:
    """Writes <split>_<name>.png of every picture, in place of all those of an earlier evaluation of that split."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        write_png(folder / f"{split}_{name}.png", image)
    for path in folder.glob(f"{split}_*_[0-9]*.png"):
        if path.stem.removeprefix(f"{split}_") not in images:
            path.unlink()


def joint_maps(clip: Batch, maps: Batch, crop: Any, space: LabelSpace) -> tuple[np.ndarray, np.ndarray, Any]:
    """Joint labels of one labelled frame, true and predicted (`steps.label_maps`), and what names their numbers."""
    if not space.multilabel:
        return space.joint_of[clip["actor"][crop], clip["action"][crop]], maps["joint"][crop], space
    pair = []
    for one in (clip, maps):
        actor, chosen = one["actor"][crop], one["action"][crop]
        best = np.where(chosen.any(-1), chosen.argmax(-1) + 1, 0)  # of several, the first by name
        pair.append(drawn_pairs.draw_pairs(np.where(actor == IGNORE, 0, actor), chosen, best, space))
    return pair[0].map, pair[1].map, tuple(pair)
