"""One training step for one batch on one device; devices.py adds the device axis."""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax
from flax.typing import Collection
from jaxtyping import Float, Int32, Key

from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.ssa2d import SSA2D, Outputs
from ssa2d_jax.steps import label_grid, losses
from ssa2d_jax.steps.device_axis import DEVICES
from ssa2d_jax.steps.inputs import DeviceBatch, network_inputs
from ssa2d_jax.steps.state import TrainState

Sums = dict[str, Float[jax.Array, ""]]  # by name; or means over the clips
_SUMS = ("actor", "action", "mask", "loss", "clips")
_EMA_OFFSET = 10  # of the decay (1 + step) / (_EMA_OFFSET + step), an average over about the last ninth of the steps
_Carry = tuple[Collection, Collection, Sums]  # batch_stats, gradients, sums
_Loss = Callable[[Collection, Collection, DeviceBatch], tuple[Float[jax.Array, ""], tuple[Collection, Sums]]]


def loss_parts(outputs: Outputs, batch: DeviceBatch) -> dict[str, Float[jax.Array, " B"]]:
    """Computes the unweighted loss of every clip, by branch."""
    targets = {"actor": batch["actor"], "action": batch["action"], "mask": label_grid.foreground_labels(batch)}
    parts = {}
    for branch, target in targets.items():
        logits = label_grid.resample_to_labels(getattr(outputs, branch), batch)
        if target.ndim == 5:  # multi-label
            parts[branch] = losses.multilabel_loss(logits, target, label_grid.valid_pixel_mask(batch["actor"], batch))
        else:
            parts[branch] = losses.segmentation_loss(logits, target, label_grid.valid_pixel_mask(target, batch))
    return parts


def summed_loss(
    params: Collection,
    batch_stats: Collection,
    batch: DeviceBatch,
    *,
    model: SSA2D,
    loss_weights: Mapping[str, float],
    freeze_encoder: bool = False,
) -> tuple[Float[jax.Array, ""], tuple[Collection, Sums]]:
    """Sums the weighted loss over the batch's valid clips.

    Args:
        loss_weights: by branch.
        freeze_encoder: whether the encoder's parameters get no gradient, which then costs no time.

    Returns:
        The sum, and (new batch_stats, sums: one per branch, `loss` and `clips`, the number of valid clips).
    """
    if freeze_encoder:
        params = {**params, ENCODER: jax.lax.stop_gradient(params[ENCODER])}
    time, height, width = batch["video"].shape[1:4]
    mask_truth, mask_known = label_grid.mask_target(batch, (time // 4, height // 4, width // 4))
    outputs, new_stats = model.apply(
        {"params": params, "batch_stats": batch_stats},
        *network_inputs(batch, model),
        mask_truth,
        mask_known,
        train=True,
        clip_keys=batch.get("clip_key"),
        mutable=["batch_stats"],
    )
    valid = batch["clip_valid"].astype(jnp.float32)
    sums = {branch: jnp.sum(valid * part) for branch, part in loss_parts(outputs, batch).items()}
    loss = jnp.asarray(sum(loss_weights[branch] * total for branch, total in sums.items()))
    return loss, (new_stats["batch_stats"], sums | {"loss": loss, "clips": jnp.sum(valid)})


def train_step(
    state: TrainState,
    batch: DeviceBatch,
    *,
    model: SSA2D,
    optimizer: optax.GradientTransformation,
    loss_weights: Mapping[str, float],
    microbatches: int,
    ema_decay: float,
    freeze_encoder: bool = False,
) -> tuple[TrainState, Sums]:
    """Does one training step on this device's share of a batch; it runs under `DEVICES`.

    Sums are added over microbatches and devices and divided once, by the number of valid clips. Running statistics
    move once per step, by the mean over microbatches. What is random is drawn by the step and a clip's position in the
    whole batch, so it is the same for any number of devices and microbatches.

    Returns:
        The new state, and means over all clips of all devices (loss, actor, action, mask) and `gradient_norm`.
    """
    if model.has_context and model.context_dropout > 0:
        batch = {**batch, "clip_key": _clip_keys(state.step, len(batch["clip_valid"]))}
    gradients, batch_stats, sums = _accumulate(
        partial(summed_loss, model=model, loss_weights=loss_weights, freeze_encoder=freeze_encoder),
        state,
        batch,
        microbatches,
    )
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
        ema=_average(state, params, ema_decay) if ema_decay > 0 else {},
    )
    return state, metrics | {"gradient_norm": optax.tree.norm(gradients)}


def _average(state: TrainState, params: Collection, decay: float) -> Collection:
    """The moving average one step on. It begins with a smaller decay, so that a short training forgets its start."""
    decay_now = jnp.minimum(decay, (1 + state.step) / (_EMA_OFFSET + state.step))
    return optax.incremental_update(params, state.ema, 1 - decay_now)


def _clip_keys(step: Int32[jax.Array, ""], clips: int) -> Key[jax.Array, " {clips}"]:
    """A random key for each of this device's clips in this step."""
    positions = jax.lax.axis_index(DEVICES) * clips + jnp.arange(clips)
    return jax.vmap(partial(jax.random.fold_in, jax.random.fold_in(jax.random.key(0), step)))(positions)


def _accumulate(
    loss: _Loss, state: TrainState, batch: DeviceBatch, microbatches: int
) -> tuple[Collection, Collection, Sums]:
    """Computes the gradient in parts of the batch, one after another.

    Returns:
        Gradients, the mean of the new running statistics, and the sums of `loss`.
    """
    gradient = jax.grad(loss, has_aux=True)

    def add_part(carry: _Carry, part: DeviceBatch) -> tuple[_Carry, None]:
        gradients, (batch_stats, sums) = gradient(state.params, state.batch_stats, part)
        return jax.tree.map(jnp.add, carry, (batch_stats, gradients, sums)), None

    sums = dict.fromkeys(_SUMS, jnp.zeros(()))
    carry: _Carry = (*jax.tree.map(jnp.zeros_like, (state.batch_stats, state.params)), sums)
    if microbatches == 1:
        carry, _ = add_part(carry, batch)
    else:
        parts = jax.tree.map(lambda x: x.reshape(microbatches, -1, *x.shape[1:]), batch)
        carry, _ = jax.lax.scan(add_part, carry, parts)
    batch_stats, gradients, sums = carry
    return gradients, jax.tree.map(lambda x: x / microbatches, batch_stats), sums
