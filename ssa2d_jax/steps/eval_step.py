"""Decisions and counts for one evaluation batch on one device."""

import jax
import jax.numpy as jnp
from flax.typing import VariableDict
from jaxtyping import Bool, Float32, Int32, UInt8

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps import label_grid, multilabel_counts
from ssa2d_jax.steps.inputs import DEVICES, Arrays, network_outputs
from ssa2d_jax.steps.multilabel_counts import PixelCounts


def label_maps(
    variables: VariableDict, batch: Arrays, *, model: SSA2D, space: LabelSpace, threshold: float = 0.5
) -> Arrays:
    """Decides the labels of the labelled frames, at the labels' size.

    Returns:
        actor, action, joint and mask, each uint8 [B, L, h, w]. Where a pixel may have several actions, action is bool
        [B, L, h, w, A] (see `multilabel_counts.decisions`), and there is no joint.
    """
    outputs = network_outputs(variables, batch, model)
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
    variables: VariableDict, batch: Arrays, *, model: SSA2D, space: LabelSpace, threshold: float = 0.5
) -> tuple[Arrays | PixelCounts, Float32[jax.Array, "B 2"]]:
    """Counts over this batch of all devices, and each clip's agreement; it runs under `DEVICES`.

    Returns:
        The confusion matrices [truth, prediction] int32 actor, action, joint, and `frames`, the number of labelled
        frames; and for this device's clips, the number of pixels whose joint labels agree, among those that truth or
        prediction calls foreground, and the number of these. Where a pixel may have several actions, both are those of
        `multilabel_counts.count`.
    """
    if space.multilabel:
        outputs = network_outputs(variables, batch, model)
        counts, agreement = multilabel_counts.count(outputs, batch, space, threshold)
        return jax.lax.psum(counts, DEVICES), agreement
    maps = label_maps(variables, batch, model=model, space=space)
    truth = {"actor": batch["actor"], "action": batch["action"]}
    truth["joint"] = label_grid.joint_labels(batch["actor"], batch["action"], space)
    matrices = {
        kind: confusion_matrix(
            truth[kind], maps[kind], label_grid.valid_pixel_mask(truth[kind], batch), len(space.names[kind])
        )
        for kind in space.names
    }
    frames = jnp.sum(label_grid.valid_frames(batch), dtype=jnp.int32)
    valid = label_grid.valid_pixel_mask(truth["joint"], batch)
    foreground = valid & ((truth["joint"] > 0) | (maps["joint"] > 0))
    agreeing = foreground & (truth["joint"] == maps["joint"])
    agreement = jnp.stack([jnp.sum(x, axis=(1, 2, 3), dtype=jnp.float32) for x in (agreeing, foreground)], axis=-1)
    return jax.lax.psum(matrices | {"frames": frames}, DEVICES), agreement


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
