"""Decisions and counts for one evaluation batch on one device."""

from typing import NamedTuple, NotRequired, TypedDict

import jax
import jax.numpy as jnp
from flax.typing import VariableDict
from jaxtyping import Bool, Float32, Int32, UInt8

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D, Outputs
from ssa2d_jax.steps import label_grid, multilabel_counts
from ssa2d_jax.steps.device_axis import DEVICES
from ssa2d_jax.steps.inputs import DeviceBatch, network_outputs
from ssa2d_jax.steps.multilabel_counts import PixelCounts


class ConfusionCounts(NamedTuple):
    """Confusion matrices [truth, prediction] of each kind of label, and the number of labelled frames in them."""

    actor: Int32[jax.Array, "actors actors"]
    action: Int32[jax.Array, "actions actions"]
    joint: Int32[jax.Array, "pairs pairs"]
    frames: Int32[jax.Array, ""]


class LabelMaps(TypedDict):
    """Decisions for the labelled frames; multi-label: sets of actions (see `multilabel_counts.decisions`), no joint."""

    actor: UInt8[jax.Array, "B L h w"]
    action: UInt8[jax.Array, "B L h w"] | Bool[jax.Array, "B L h w A"]
    joint: NotRequired[UInt8[jax.Array, "B L h w"]]
    mask: UInt8[jax.Array, "B L h w"]


def label_maps(
    variables: VariableDict, batch: DeviceBatch, *, model: SSA2D, space: LabelSpace, threshold: float
) -> LabelMaps:
    """Decides the labels of the labelled frames, at the labels' size; `threshold` is only used for multi-label data."""
    return _decide(network_outputs(variables, batch, model), batch, space, threshold)


def _decide(outputs: Outputs, batch: DeviceBatch, space: LabelSpace, threshold: float) -> LabelMaps:
    actor = label_grid.resample_to_labels(outputs.actor, batch)
    action = label_grid.resample_to_labels(outputs.action, batch)
    mask = jnp.argmax(label_grid.resample_to_labels(outputs.mask, batch), -1).astype(jnp.uint8)
    if space.multilabel:
        best, actions = multilabel_counts.decisions(actor, action, threshold)
        return {"actor": best.astype(jnp.uint8), "action": actions, "mask": mask}
    return {
        "actor": jnp.argmax(actor, -1).astype(jnp.uint8),
        "action": jnp.argmax(action, -1).astype(jnp.uint8),
        "joint": label_grid.joint_decision(actor, action, space),
        "mask": mask,
    }


def eval_step(
    variables: VariableDict, batch: DeviceBatch, *, model: SSA2D, space: LabelSpace, threshold: float
) -> tuple[ConfusionCounts | PixelCounts, Float32[jax.Array, "B 2"]]:
    """Counts over this batch of all devices, and each clip's agreement; it runs under `DEVICES`.

    Returns:
        The counts; and for this device's clips, the number of pixels whose joint labels agree, among those that truth
        or prediction calls foreground, and the number of these. Multi-label: what `multilabel_counts.count` returns.
        NaN for all clips if a logit of any clip on any device is not finite: its decisions would be background.
    """
    outputs = network_outputs(variables, batch, model)
    is_finite = jnp.stack([jnp.isfinite(logits).all() for logits in outputs]).all()
    poison = jnp.where(jax.lax.pmin(is_finite.astype(jnp.int32), DEVICES) > 0, 0.0, jnp.nan)
    if space.multilabel:
        set_counts, agreement = multilabel_counts.count(outputs, batch, space, threshold)
        return jax.lax.psum(set_counts, DEVICES), agreement + poison
    maps = _decide(outputs, batch, space, threshold)
    truth, prediction = label_grid.joint_labels(batch["actor"], batch["action"], space), maps["joint"]
    labels = {
        "actor": (batch["actor"], maps["actor"]),
        "action": (batch["action"], maps["action"]),
        "joint": (truth, prediction),
    }
    matrices = {
        kind: confusion_matrix(*pair, label_grid.valid_pixel_mask(pair[0], batch), len(space.names[kind]))
        for kind, pair in labels.items()
    }
    counts = ConfusionCounts(**matrices, frames=jnp.sum(label_grid.valid_frames(batch), dtype=jnp.int32))
    foreground = label_grid.valid_pixel_mask(truth, batch) & ((truth > 0) | (prediction > 0))
    agreeing = foreground & (truth == prediction)
    agreement = jnp.stack([jnp.sum(x, axis=(1, 2, 3), dtype=jnp.float32) for x in (agreeing, foreground)], axis=-1)
    return jax.lax.psum(counts, DEVICES), agreement + poison


def confusion_matrix(
    truth: UInt8[jax.Array, "B L h w"],
    prediction: UInt8[jax.Array, "B L h w"],
    valid: Bool[jax.Array, "B L h w"],
    classes: int,
) -> Int32[jax.Array, "{classes} {classes}"]:
    """Confusion matrix [truth, prediction] of the valid pixels."""
    cell = truth.astype(jnp.int32) * classes + prediction
    cell = jnp.where(valid, cell, classes * classes)
    return jnp.bincount(cell.ravel(), length=classes * classes + 1)[:-1].reshape(classes, classes)
