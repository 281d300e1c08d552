"""From the network's grid to labelled frames and back: interpolation, targets, the joint decision."""

import jax
import jax.numpy as jnp
import numpy as np

from ssa2d_jax.data.label_space import BACKGROUND, IGNORE, LabelSpace
from ssa2d_jax.models.layers import interpolation_matrix

# Scores must not depend on the device's idea of a fast matrix product.
HIGHEST = jax.lax.Precision.HIGHEST


def linear_weights(position: jax.Array, cells: int) -> jax.Array:
    """Linear interpolation between `cells` cells: positions [...] in cells (0 = centre of the first) -> [..., cells].

    Positions beyond the first or last centre take that cell's value. Every row sums to 1.
    """
    position = jnp.clip(position, 0, cells - 1)
    return jnp.maximum(0.0, 1.0 - jnp.abs(position[..., None] - jnp.arange(cells)))


def time_weights(label_time: jax.Array, frames: int, cells: int) -> jax.Array:
    """[B, L] frame positions in a clip of `frames` -> [B, L, cells] weights of the grid's time cells."""
    return linear_weights((label_time + 0.5) * (cells / frames) - 0.5, cells)


def space_weights(label_size: jax.Array, padded: int, pixels: int, cells: int) -> jax.Array:
    """[B, padded, cells]: interpolation from `cells` to the network's `pixels`, then to label_size [B].

    Rows from label_size on are padding and repeat the last one.
    """
    rows = jnp.minimum(jnp.arange(padded), label_size[:, None] - 1)
    to_pixels = linear_weights((rows + 0.5) * (pixels / label_size[:, None]) - 0.5, pixels)
    return jnp.matmul(to_pixels, interpolation_matrix(pixels, cells), precision=HIGHEST)


def resample_to_labels(logits: jax.Array, batch: dict[str, jax.Array]) -> jax.Array:
    """Logits of the labelled frames at the labels' size: [B, t, y, x, C] -> [B, L, h, w, C] float32.

    Linear interpolation in time and space, to the network's input resolution and from there to the labels'.
    """
    frames, height, width = batch["video"].shape[1:4]
    padded_height, padded_width = batch["actor"].shape[2:]
    in_time = time_weights(batch["label_time"], frames, logits.shape[1])
    in_rows = space_weights(batch["label_size"][:, 0], padded_height, height, logits.shape[2])
    in_columns = space_weights(batch["label_size"][:, 1], padded_width, width, logits.shape[3])
    logits = jnp.einsum("blt,btyxc->blyxc", in_time, logits.astype(jnp.float32), precision=HIGHEST)
    logits = jnp.einsum("bhy,blyxc->blhxc", in_rows, logits, precision=HIGHEST)
    return jnp.einsum("bwx,blhxc->blhwc", in_columns, logits, precision=HIGHEST)


def valid_pixel_mask(labels: jax.Array, batch: dict[str, jax.Array]) -> jax.Array:
    """[B, L, h, w] bool: pixels of valid labelled frames of valid clips that carry a class (not `IGNORE`)."""
    frames = batch["label_valid"] & batch["clip_valid"][:, None]
    return frames[:, :, None, None] & (labels != IGNORE)


def foreground_labels(batch: dict[str, jax.Array]) -> jax.Array:
    """[B, L, h, w] uint8: 1 where an annotated actor is, 0 elsewhere, `IGNORE` where the actor is ignored.

    Where a pixel may have several actions: 1 where it has any, as actors that do nothing are no actors there.
    """
    actor, action = batch["actor"], batch["action"]
    foreground = action.any(-1) if action.ndim == 5 else actor != BACKGROUND
    return jnp.where(actor == IGNORE, IGNORE, foreground.astype(jnp.uint8))


def mask_target(batch: dict[str, jax.Array], cells: tuple[int, int, int]) -> tuple[jax.Array, jax.Array]:
    """What SSA-Masking is told while training, on its grid of `cells` (t, y, x); labels at the input's size.

    -> (foreground share in [0, 1], known bool), both [B, t, y, x]. A time cell is known where a labelled
    frame is read from it (linear interpolation in time gives it weight); a cell with ignored pixels is not.
    """
    frames = batch["video"].shape[1]
    labels = foreground_labels(batch)
    counted = valid_pixel_mask(labels, batch)
    share = lambda maps: _area_mean(maps.astype(jnp.float32), cells[1:])  # noqa: E731
    foreground, complete = share((labels == 1) & counted), share(counted) == 1.0  # [B, L, y, x]
    weights = time_weights(batch["label_time"], frames, cells[0])[..., None, None] * complete[:, :, None]
    total = weights.sum(1)  # [B, t, y, x]
    mean = (weights * foreground[:, :, None]).sum(1) / jnp.maximum(total, 1e-6)
    return mean, total > 1e-6


def _area_mean(maps: jax.Array, cells: tuple[int, int]) -> jax.Array:
    batch, labels, height, width = maps.shape
    rows, columns = cells
    return maps.reshape(batch, labels, rows, height // rows, columns, width // columns).mean((3, 5))


def joint_decision(actor_logits: jax.Array, action_logits: jax.Array, space: LabelSpace) -> jax.Array:
    """Joint class of every pixel: [..., actor classes], [..., action classes] -> [...] uint8.

    The argmax over background and the valid pairs of log p(actor) + log p(action); never an invalid pair.
    """
    actor = jax.nn.log_softmax(actor_logits.astype(jnp.float32), axis=-1)
    action = jax.nn.log_softmax(action_logits.astype(jnp.float32), axis=-1)
    best = actor[..., 0] + action[..., 0]
    decision = jnp.zeros(best.shape, jnp.uint8)
    for joint in range(1, len(space.joint)):  # a running maximum: 44 maps at once would not fit
        score = actor[..., space.pair_actor[joint]] + action[..., space.pair_action[joint]]
        decision = jnp.where(score > best, jnp.uint8(joint), decision)
        best = jnp.maximum(best, score)
    return decision


def joint_labels(actor: jax.Array, action: jax.Array, space: LabelSpace) -> jax.Array:
    """Joint truth of actor and action labels, uint8 [...]; `IGNORE` where either is or the pair is not valid."""
    return jnp.asarray(np.ascontiguousarray(space.joint_of))[actor, action]
