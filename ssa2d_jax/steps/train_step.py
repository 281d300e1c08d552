"""What happens to one batch on one device: update, evaluation, prediction. No loop, no device axis."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.ssa2d import SSA2D, Outputs
from ssa2d_jax.steps import label_grid, losses
from ssa2d_jax.steps.inputs import DEVICES, Arrays, network_inputs
from ssa2d_jax.steps.state import TrainState


def loss_parts(outputs: Outputs, batch: Arrays) -> dict[str, jax.Array]:
    """Unweighted loss of every clip and branch: name -> [B] float32."""
    targets = {"actor": batch["actor"], "action": batch["action"], "mask": label_grid.foreground_labels(batch)}
    parts = {}
    for name, target in targets.items():
        logits = label_grid.resample_to_labels(getattr(outputs, name), batch)
        if target.ndim == 5:  # several actions a pixel
            parts[name] = losses.multilabel_loss(logits, target, label_grid.valid_pixel_mask(batch["actor"], batch))
        else:
            parts[name] = losses.segmentation_loss(logits, target, label_grid.valid_pixel_mask(target, batch))
    return parts


def summed_loss(
    params: Any, batch_stats: Any, batch: Arrays, *, model: SSA2D, weights: dict[str, float], frozen: bool = False
) -> tuple[jax.Array, tuple[Any, Arrays]]:
    """Sum over the batch's valid clips of the weighted loss -> (sum, (new batch_stats, sums by part)).

    `frozen`: the encoder's parameters have no gradient, which then costs no time.
    """
    if frozen:
        params = params | {ENCODER: jax.lax.stop_gradient(params[ENCODER])}
    time, height, width = batch["video"].shape[1:4]
    mask_truth, mask_known = label_grid.mask_target(batch, (time // 4, height // 4, width // 4))
    outputs, updates = model.apply(
        {"params": params, "batch_stats": batch_stats},
        *network_inputs(batch, model),
        mask_truth,
        mask_known,
        train=True,
        mutable=["batch_stats"],
    )
    valid = batch["clip_valid"].astype(jnp.float32)
    sums = {name: jnp.sum(valid * part) for name, part in loss_parts(outputs, batch).items()}
    loss = sum(weights[name] * sums[name] for name in sums)
    return loss, (updates["batch_stats"], sums | {"loss": loss, "clips": jnp.sum(valid)})


def train_step(
    state: TrainState,
    batch: Arrays,
    *,
    model: SSA2D,
    optimizer: optax.GradientTransformation,
    weights: dict[str, float],
    microbatches: int,
    ema_decay: float,
    frozen: bool = False,
) -> tuple[TrainState, Arrays]:
    """One update from this device's share of a batch; runs under `DEVICES`.

    -> (state, means over all clips of all devices: loss, actor, action, mask; and gradient_norm).
    Sums are added over microbatches and devices and divided once, by the number of valid clips. Running statistics
    move once an update, by the mean over microbatches.
    """
    gradient = jax.grad(partial(summed_loss, model=model, weights=weights, frozen=frozen), has_aux=True)

    def accumulate(carry: tuple[Any, Any, Arrays], part: Arrays) -> tuple[tuple[Any, Any, Arrays], None]:
        gradients, (batch_stats, sums) = gradient(state.params, state.batch_stats, part)
        return jax.tree.map(jnp.add, carry, (batch_stats, gradients, sums)), None

    sums = dict.fromkeys(("actor", "action", "mask", "loss", "clips"), jnp.zeros(()))
    carry = (*jax.tree.map(jnp.zeros_like, (state.batch_stats, state.params)), sums)
    if microbatches == 1:
        carry, _ = accumulate(carry, batch)
    else:
        parts = jax.tree.map(lambda x: x.reshape(microbatches, -1, *x.shape[1:]), batch)
        carry, _ = jax.lax.scan(accumulate, carry, parts)

    batch_stats, gradients, sums = carry
    batch_stats = jax.tree.map(lambda x: x / microbatches, batch_stats)
    gradients, sums = jax.lax.psum((gradients, sums), DEVICES)
    clips = jnp.maximum(sums.pop("clips"), 1)
    gradients, metrics = jax.tree.map(lambda x: x / clips, (gradients, sums))
    updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    state = TrainState(
        step=state.step + 1,
        params=params,
        batch_stats=batch_stats,
        opt_state=opt_state,
        ema=optax.incremental_update(params, state.ema, 1 - ema_decay) if ema_decay > 0 else {},
    )
    return state, metrics | {"gradient_norm": optax.tree.norm(gradients)}
