"""What happens to one batch on one device: update, evaluation, prediction. No loop, no device axis."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from ssa2d_jax import labels, layers, losses, optical_flow, several
from ssa2d_jax.encoders import ENCODER
from ssa2d_jax.label_space import LabelSpace
from ssa2d_jax.ssa2d import FOREGROUND, SSA2D, Outputs

DEVICES = "devices"
Arrays = dict[str, jax.Array]


@flax.struct.dataclass
class TrainState:
    """All that an update reads and writes, and all that a checkpoint holds."""

    step: jax.Array  # updates done, int32
    params: Any
    batch_stats: Any
    opt_state: Any
    ema: Any  # moving average of the parameters, or {} when it is switched off

    def variables(self) -> dict[str, Any]:
        """What evaluation and prediction run with: the averaged parameters where there are any."""
        return {"params": self.ema or self.params, "batch_stats": self.batch_stats}


def build_model(config: ConfigDict, space: LabelSpace, stats_axis: str | None) -> SSA2D:
    """The network that `config.model` describes, with heads for the classes of `space`."""
    fields = dict(config)
    dtype = jnp.bfloat16 if fields.pop("bfloat16") else jnp.float32
    return SSA2D(classes=space.heads, stats_axis=stats_axis, dtype=dtype, **fields)


def init_state(model: SSA2D, optimizer: optax.GradientTransformation, config: ConfigDict) -> TrainState:
    """A fresh state; its weights follow from `config.seed` (on one backend and version of XLA)."""
    variables = init_variables(model, config)
    params = variables["params"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables["batch_stats"],
        opt_state=jax.jit(optimizer.init)(params),
        ema=jax.tree.map(jnp.copy, params) if config.train.ema_decay > 0 else {},
    )


def init_variables(model: SSA2D, config: ConfigDict) -> dict[str, Any]:
    """Fresh parameters and statistics: params and batch_stats."""
    shape = (1, config.data.clip_frames, *config.data.size)
    flow = jnp.zeros((*shape, 2)) if model.flow else None
    # The "rbg" generator compiles several times faster than the default one.
    return jax.jit(model.init)(jax.random.key(config.seed, impl="rbg"), jnp.zeros((*shape, 3)), flow)


def normalised(video: jax.Array) -> jax.Array:
    """uint8 -> float32 in [-1, 1]."""
    return video.astype(jnp.float32) / 127.5 - 1.0


def inputs(batch: Arrays, model: SSA2D) -> tuple[jax.Array, jax.Array | None]:
    """What the network reads of a batch: normalised video, and flow if it has a stream for it."""
    return normalised(batch["video"]), batch["flow"] if model.flow else None


def loss_parts(outputs: Outputs, batch: Arrays) -> dict[str, jax.Array]:
    """Unweighted loss of every clip and branch: name -> [B] float32."""
    targets = {"actor": batch["actor"], "action": batch["action"], "mask": labels.foreground_labels(batch)}
    parts = {}
    for name, target in targets.items():
        logits = labels.at_labels(getattr(outputs, name), batch)
        if target.ndim == 5:  # several actions a pixel
            parts[name] = losses.several_loss(logits, target, labels.counted_pixels(batch["actor"], batch))
        else:
            parts[name] = losses.segmentation_loss(logits, target, labels.counted_pixels(target, batch))
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
    mask_truth, mask_known = labels.mask_target(batch, (time // 4, height // 4, width // 4))
    outputs, updates = model.apply(
        {"params": params, "batch_stats": batch_stats},
        *inputs(batch, model),
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


def label_maps(variables: Any, batch: Arrays, *, model: SSA2D, space: LabelSpace, threshold: float = 0.5) -> Arrays:
    """Decisions at the labelled frames, at the labels' size: actor, action, joint, mask, each uint8 [B, L, h, w].

    Where a pixel may have several actions, action is bool [B, L, h, w, A] (see `several.decisions`), and there is
    no joint.
    """
    outputs = model.apply(variables, *inputs(batch, model))
    actor, action = labels.at_labels(outputs.actor, batch), labels.at_labels(outputs.action, batch)
    mask = jnp.argmax(labels.at_labels(outputs.mask, batch), -1).astype(jnp.uint8)
    if space.several:
        best, actions = several.decisions(actor, action, threshold)
        return {"actor": best.astype(jnp.uint8), "action": actions, "mask": mask}
    return {
        "actor": jnp.argmax(actor, -1).astype(jnp.uint8),
        "action": jnp.argmax(action, -1).astype(jnp.uint8),
        "joint": labels.joint_decision(actor, action, space),
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
    if space.several:
        outputs = model.apply(variables, *inputs(batch, model))
        counts, clips = several.count(outputs, batch, space, threshold)
        return jax.lax.psum(counts, DEVICES), clips
    maps = label_maps(variables, batch, model=model, space=space)
    truth = {"actor": batch["actor"], "action": batch["action"]}
    truth["joint"] = labels.joint_labels(batch["actor"], batch["action"], space)
    counts = {
        kind: confusion(truth[kind], maps[kind], labels.counted_pixels(truth[kind], batch), len(space.names[kind]))
        for kind in space.names
    }
    counts["frames"] = jnp.sum(batch["label_valid"] & batch["clip_valid"][:, None], dtype=jnp.int32)
    counted = labels.counted_pixels(truth["joint"], batch)
    foreground = counted & ((truth["joint"] > 0) | (maps["joint"] > 0))
    agreeing = foreground & (truth["joint"] == maps["joint"])
    agreement = jnp.stack([jnp.sum(x, axis=(1, 2, 3), dtype=jnp.float32) for x in (agreeing, foreground)], axis=-1)
    return jax.lax.psum(counts, DEVICES), agreement


def confusion(truth: jax.Array, prediction: jax.Array, counted: jax.Array, classes: int) -> jax.Array:
    """Confusion matrix [truth, prediction] int32 [classes, classes] of the counted pixels."""
    cell = truth.astype(jnp.int32) * classes + prediction
    cell = jnp.where(counted, cell, classes * classes)
    return jnp.bincount(cell.ravel(), length=classes * classes + 1)[:-1].reshape(classes, classes)


def make_forward(
    model: SSA2D, variables: Any, several: bool = False
) -> Callable[[jax.Array], tuple[jax.Array, jax.Array, jax.Array]]:
    """Compiled probabilities for every frame of a clip at the input's size, for prediction.

    The result maps frames uint8 [B, T, H, W, 3] (for two streams [B, T, H, W, 5], RGB and flow as optical_flow.py
    packs it) to actor [B, T, H, W, actor classes], action [B, T, H, W, action classes] and foreground
    [B, T, H, W], float32. `several`: actions are independent of one another, each with a probability of its own.
    """

    forward = jax.jit(lambda variables, frames: probabilities(model, variables, frames, several))
    return partial(forward, variables)


def probabilities(
    model: SSA2D, variables: Any, frames: jax.Array, several: bool
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What `make_forward` compiles."""
    flow = optical_flow.unpacked(frames[..., 3:].astype(jnp.float32)) if model.flow else None
    outputs = model.apply(variables, normalised(frames[..., :3]), flow)
    grown = jax.tree.map(lambda x: layers.upsample_linear(x, frames.shape[1:4]), outputs)
    actor, mask = jax.nn.softmax(grown.actor, axis=-1), jax.nn.softmax(grown.mask, axis=-1)
    action = jax.nn.sigmoid(grown.action) if several else jax.nn.softmax(grown.action, axis=-1)
    return actor, action, mask[..., FOREGROUND]
