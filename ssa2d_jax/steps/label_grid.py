"""From the network's grid to labelled frames and back: interpolation, targets, the joint decision."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int32, Integer, UInt8

from ssa2d_jax.data.label_space import BACKGROUND, IGNORE, LabelSpace
from ssa2d_jax.models.layers import interpolation_matrix
from ssa2d_jax.steps.inputs import DeviceBatch

# Full precision, so that scores do not depend on the device's default for matrix products.
HIGHEST = jax.lax.Precision.HIGHEST


def linear_weights(position: Float[jax.Array, "*n"], cells: int) -> Float[jax.Array, "*n {cells}"]:
    """Weights of linear interpolation between `cells` cells, at positions in cells (0 = centre of the first).

    Positions beyond the first or last centre take that cell's value. Every row sums to 1.
    """
    position = jnp.clip(position, 0, cells - 1)
    return jnp.maximum(0.0, 1.0 - jnp.abs(position[..., None] - jnp.arange(cells)))


def time_weights(label_time: Integer[jax.Array, "B L"], frames: int, cells: int) -> Float[jax.Array, "B L {cells}"]:
    """Weights of the grid's time cells, for frame positions in a clip of `frames`."""
    return linear_weights((label_time + 0.5) * (cells / frames) - 0.5, cells)


def space_weights(
    label_size: Int32[jax.Array, " B"], padded: int, pixels: int, cells: int
) -> Float[jax.Array, "B {padded} {cells}"]:
    """Weights of interpolation along one axis from `cells` to the network's `pixels`, then to `label_size`.

    Rows from `label_size` on are padding and repeat the last one.
    """
    rows = jnp.minimum(jnp.arange(padded), label_size[:, None] - 1)
    to_pixels = linear_weights((rows + 0.5) * (pixels / label_size[:, None]) - 0.5, pixels)
    return jnp.matmul(to_pixels, interpolation_matrix(pixels, cells), precision=HIGHEST)


def resample_to_labels(logits: Float[jax.Array, "B t y x C"], batch: DeviceBatch) -> Float[jax.Array, "B L h w C"]:
    """Computes the logits of the labelled frames at the labels' size.

    Interpolation is linear in time and space, to the network's input resolution and from there to the labels'.
    """
    frames, height, width = batch["video"].shape[1:4]
    padded_height, padded_width = batch["actor"].shape[2:]
    in_time = time_weights(batch["label_time"], frames, logits.shape[1])
    in_rows = space_weights(batch["label_size"][:, 0], padded_height, height, logits.shape[2])
    in_columns = space_weights(batch["label_size"][:, 1], padded_width, width, logits.shape[3])
    # With the classes in front, where a CPU is fast; the losses of one label a pixel want them there, too.
    logits = jnp.einsum("blt,btyxc->bclyx", in_time, logits.astype(jnp.float32), precision=HIGHEST)
    logits = jnp.einsum("bhy,bclyx->bclhx", in_rows, logits, precision=HIGHEST)
    logits = jnp.einsum("bclhx,bwx->bclhw", logits, in_columns, precision=HIGHEST)
    return jnp.moveaxis(logits, 1, -1)


def valid_frames(batch: DeviceBatch) -> Bool[jax.Array, "B L"]:
    """Returns which labelled frames are no padding and belong to a clip that is none."""
    return batch["label_valid"] & batch["clip_valid"][:, None]


def valid_pixel_mask(labels: UInt8[jax.Array, "B L h w"], batch: DeviceBatch) -> Bool[jax.Array, "B L h w"]:
    """Returns which pixels belong to valid frames and carry a class (not `IGNORE`)."""
    return valid_frames(batch)[:, :, None, None] & (labels != IGNORE)


def foreground_labels(batch: DeviceBatch) -> UInt8[jax.Array, "B L h w"]:
    """Returns 1 where there is an annotated actor, `IGNORE` where the actor is ignored, 0 elsewhere.

    Multi-label: 1 where a pixel has any action; an actor without an action is background.
    """
    actor, action = batch["actor"], batch["action"]
    foreground = action.any(-1) if action.ndim == 5 else actor != BACKGROUND
    return jnp.where(actor == IGNORE, IGNORE, foreground.astype(jnp.uint8))


def mask_target(
    batch: DeviceBatch, cells: tuple[int, int, int]
) -> tuple[
    Float[jax.Array, "B {cells[0]} {cells[1]} {cells[2]}"], Bool[jax.Array, "B {cells[0]} {cells[1]} {cells[2]}"]
]:
    """Computes the truth for SSA-Masking in training, on its grid of `cells` (t, y, x); labels have the input's size.

    Returns:
        The share of foreground in [0, 1], and where it is known: in time cells that are used for a labelled frame
        (linear interpolation in time gives them weight), except in cells with ignored pixels.
    """
    frames = batch["video"].shape[1]
    labels = foreground_labels(batch)
    valid = valid_pixel_mask(labels, batch)
    share = lambda maps: _area_mean(maps.astype(jnp.float32), cells[1:])
    foreground, complete = share((labels == 1) & valid), share(valid) == 1.0  # [B, L, y, x]
    weights = time_weights(batch["label_time"], frames, cells[0])[..., None, None] * complete[:, :, None]
    total = weights.sum(1)  # [B, t, y, x]
    mean = (weights * foreground[:, :, None]).sum(1) / jnp.maximum(total, 1e-6)
    return mean, total > 1e-6


def _area_mean(
    maps: Float[jax.Array, "B L h w"], cells: tuple[int, int]
) -> Float[jax.Array, "B L {cells[0]} {cells[1]}"]:
    batch, labels, height, width = maps.shape
    rows, columns = cells
    return maps.reshape(batch, labels, rows, height // rows, columns, width // columns).mean((3, 5))


def joint_decision(
    actor_logits: Float[jax.Array, "*pixels actors"],
    action_logits: Float[jax.Array, "*pixels actions"],
    space: LabelSpace,
) -> UInt8[jax.Array, "*pixels"]:
    """Decides the joint class of every pixel.

    It is the argmax over background and the valid pairs of log p(actor) + log p(action): never an invalid pair, nor one
    that the training clips did not show (`LabelSpace.choices`).
    """
    actor = jax.nn.log_softmax(actor_logits.astype(jnp.float32), axis=-1)
    action = jax.nn.log_softmax(action_logits.astype(jnp.float32), axis=-1)
    best = actor[..., 0] + action[..., 0]
    decision = jnp.zeros(best.shape, jnp.uint8)
    for joint in space.choices:  # a running maximum, because 44 maps at once need too much memory
        score = actor[..., space.pair_actor[joint]] + action[..., space.pair_action[joint]]
        decision = jnp.where(score > best, jnp.uint8(joint), decision)
        best = jnp.maximum(best, score)
    return decision


def joint_labels(
    actor: UInt8[jax.Array, "*pixels"], action: UInt8[jax.Array, "*pixels"], space: LabelSpace
) -> UInt8[jax.Array, "*pixels"]:
    """Returns the joint class of actor and action labels, `IGNORE` where either is ignored or the pair is not valid."""
    return jnp.asarray(np.ascontiguousarray(space.joint_of))[actor, action]
