"""Decisions and counts for one evaluation batch on one device."""

from typing import Any

import jax
import jax.numpy as jnp

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps import label_grid, multilabel_counts
from ssa2d_jax.steps.inputs import DEVICES, Arrays, network_inputs


def label_maps(variables: Any, batch: Arrays, *, model: SSA2D, space: LabelSpace, threshold: float = 0.5) -> Arrays:
    """Decisions at the labelled frames, at the labels' size: actor, action, joint, mask, each uint8 [B, L, h, w].

    Where a pixel may have several actions, action is bool [B, L, h, w, A] (see `several.decisions`), and there is
    no joint.
    """
    outputs = model.apply(variables, *network_inputs(batch, model))
    actor, action = (
        label_grid.resample_to_labels(outputs.actor, batch),
        label_grid.resample_to_labels(outputs.action, batch),
    )
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
    variables: Any, batch: Arrays, *, model: SSA2D, space: LabelSpace, threshold: float = 0.5
) -> tuple[Arrays, jax.Array]:
    """Confusion matrices [truth, prediction] int32 over this batch of all devices, and what each clip's own pixels say.

    -> (counts: actor, action, joint, and `frames`, the labelled frames that went in; `agreement` of this device's
    clips, [B, 2] float32: pixels whose joint labels agree, among those that truth or prediction calls foreground, and
    the number of these). Runs under `DEVICES`. Where a pixel may have several actions, both are those of
    `several.count`.
    """
    if space.multilabel:
        outputs = model.apply(variables, *network_inputs(batch, model))
        counts, clips = multilabel_counts.count(outputs, batch, space, threshold)
        return jax.lax.psum(counts, DEVICES), clips
    maps = label_maps(variables, batch, model=model, space=space)
    truth = {"actor": batch["actor"], "action": batch["action"]}
    truth["joint"] = label_grid.joint_labels(batch["actor"], batch["action"], space)
    counts = {
        kind: confusion_matrix(
            truth[kind], maps[kind], label_grid.valid_pixel_mask(truth[kind], batch), len(space.names[kind])
        )
        for kind in space.names
    }
    counts["frames"] = jnp.sum(batch["label_valid"] & batch["clip_valid"][:, None], dtype=jnp.int32)
    counted = label_grid.valid_pixel_mask(truth["joint"], batch)
    foreground = counted & ((truth["joint"] > 0) | (maps["joint"] > 0))
    agreeing = foreground & (truth["joint"] == maps["joint"])
    agreement = jnp.stack([jnp.sum(x, axis=(1, 2, 3), dtype=jnp.float32) for x in (agreeing, foreground)], axis=-1)
    return jax.lax.psum(counts, DEVICES), agreement


def confusion_matrix(truth: jax.Array, prediction: jax.Array, counted: jax.Array, classes: int) -> jax.Array:
    """Confusion matrix [truth, prediction] int32 [classes, classes] of the counted pixels."""
    cell = truth.astype(jnp.int32) * classes + prediction
    cell = jnp.where(counted, cell, classes * classes)
    return jnp.bincount(cell.ravel(), length=classes * classes + 1)[:-1].reshape(classes, classes)
