"""An evaluation's pictures: labelled frames beside truth, prediction and mask; confusion matrices."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import jax
import numpy as np
from flax.typing import VariableDict
from jaxtyping import Bool, Shaped, UInt8

from ssa2d_jax.data.batch import HostBatch
from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from ssa2d_jax.evaluation.metrics import ConfusionTotals
from ssa2d_jax.evaluation.multilabel_metrics import MultilabelTotals
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.eval_step import LabelMaps, label_maps
from ssa2d_jax.utils.images import write_png
from ssa2d_jax.visualization import drawn_pairs, panels

MakeLabelMaps = Callable[[VariableDict, HostBatch], LabelMaps]
Picture = UInt8[np.ndarray, "h w 3"]
Maps = Mapping[str, Shaped[np.ndarray, "..."]]
_Crop = tuple[int, int, slice, slice]  # one labelled frame of a clip, without its padding


def compile_label_maps(model: SSA2D, space: LabelSpace, threshold: float) -> MakeLabelMaps:
    """`eval_step.label_maps` of (variables, batch); it compiles when it is first called."""
    return jax.jit(partial(label_maps, model=model, space=space, threshold=threshold))


def draw(
    make_label_maps: MakeLabelMaps,
    variables: VariableDict,
    totals: ConfusionTotals | MultilabelTotals,
    clips: ClipAgreement,
    space: LabelSpace,
) -> dict[str, Picture]:
    """Draws confusion_<kind>, and clip_<i>, best_<i>, worst_<i> of the clips that `clips` kept; pictures by name.

    The picture of a clip shows its first labelled frame, under a caption with the clip's agreement.
    """
    images = {
        f"confusion_{kind}": panels.draw_confusion(matrix, space.names[kind])
        for kind, matrix in totals.matrices.items()
    }
    for name, (caption, clip) in clips.shown_clips().items():
        maps = jax.device_get(make_label_maps(variables, clip))
        height, width = clip["label_size"][0]
        crop = np.s_[0, 0, :height, :width]
        truth, prediction, spaces = joint_maps(clip, maps, crop, space)
        frame = clip["video"][0, clip["label_time"][0, 0]]
        images[name] = panels.draw_comparison(frame, truth, prediction, maps["mask"][crop], spaces, caption)
    return images


def save(folder: Path, split: str, images: Mapping[str, Picture]) -> None:
    """Writes <split>_<name>.png of every picture, in place of all pictures of an earlier evaluation of that split."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        write_png(folder / f"{split}_{name}.png", image)
    for path in folder.glob(f"{split}_*_[0-9]*.png"):
        if path.stem.removeprefix(f"{split}_") not in images:
            path.unlink()


Spaces = LabelSpace | tuple[drawn_pairs.DrawnPairs, drawn_pairs.DrawnPairs]


def joint_maps(
    clip: HostBatch, maps: Maps, crop: _Crop, space: LabelSpace
) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "h w"], Spaces]:
    """The joint labels of one labelled frame.

    Returns:
        The true and the predicted map, and what has the names and colours of their numbers: the label space, or with
        multi-label data a pair of `DrawnPairs`.
    """
    if not space.multilabel:
        return space.joint_of[clip["actor"][crop], clip["action"][crop]], maps["joint"][crop], space
    truth = _draw_pairs(clip["actor"][crop], clip["action"][crop], space)
    prediction = _draw_pairs(maps["actor"][crop], maps["action"][crop], space)
    return truth.map, prediction.map, (truth, prediction)


def _draw_pairs(
    actor: UInt8[np.ndarray, "h w"], chosen: Bool[np.ndarray, "h w A"], space: LabelSpace
) -> drawn_pairs.DrawnPairs:
    best = np.where(chosen.any(-1), chosen.argmax(-1) + 1, 0)  # of several actions, the first by name
    return drawn_pairs.draw_pairs(np.where(actor == IGNORE, 0, actor), chosen, best, space)
