"""The paper's losses, equations 1 to 5, over the valid pixels of each clip's labelled frames."""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Integer

Logits = Float[jax.Array, "B L h w C"]
Labels = Integer[jax.Array, "B L h w"]
LabelSets = Bool[jax.Array, "B L h w C"]
ValidPixels = Bool[jax.Array, "B L h w"]
PerClip = Float[jax.Array, " B"]


def cross_entropy(logits: Logits, labels: Labels, valid: ValidPixels) -> PerClip:
    """Mean cross-entropy over each clip's valid pixels (equation 2); 0 for a clip without a valid pixel."""
    log_p, truth = jax.nn.log_softmax(_classes_first(logits), axis=1), _one_hot(labels, logits.shape[-1])
    per_pixel = -jnp.sum(truth * log_p, axis=1)
    axes = (1, 2, 3)
    return jnp.sum(per_pixel * valid, axes) / jnp.maximum(jnp.sum(valid, axes), 1)


def generalised_dice(logits: Logits, labels: Labels, valid: ValidPixels) -> PerClip:
    """Generalised 3-D dice loss of each clip (equation 1), in [0, 1]; 0 for a clip without a valid pixel.

    1 - 2 sum(p g) / (sum(p^2) + sum(g^2)), one ratio per clip, all sums over classes and valid pixels of all
    labelled frames; p = softmax of the logits, g = one-hot truth.
    """
    p = jax.nn.softmax(_classes_first(logits), axis=1) * valid[:, None]
    g = _one_hot(labels, logits.shape[-1]) * valid[:, None]
    axes = (1, 2, 3, 4)
    overlap, total = jnp.sum(p * g, axes), jnp.sum(p * p, axes) + jnp.sum(g * g, axes)
    return jnp.where(total > 0, 1 - 2 * overlap / jnp.where(total > 0, total, 1), 0.0)


def _classes_first(logits: Logits) -> Float[jax.Array, "B C L h w"]:
    """Moves the classes forward: with few classes, a CPU computes several times faster along a long last axis."""
    return jnp.moveaxis(logits, -1, 1)


def _one_hot(labels: Labels, classes: int) -> Float[jax.Array, "B {classes} L h w"]:
    return jax.nn.one_hot(labels, classes, axis=1)


def segmentation_loss(logits: Logits, labels: Labels, valid: ValidPixels) -> PerClip:
    """Cross-entropy + generalised dice of each clip (equations 3 and 4, and 5 with two classes)."""
    return cross_entropy(logits, labels, valid) + generalised_dice(logits, labels, valid)


def balanced_cross_entropy(logits: Logits, truth: LabelSets, valid: ValidPixels) -> PerClip:
    """Multi-label: class-balanced binary cross-entropy of each clip; p = sigmoid.

    Half the mean, over the classes in the clip, of -log p on the pixels with the class, plus half the mean, over all
    classes, of -log(1 - p) on the pixels without it: the area that a class covers makes no difference. A clip without
    any class has only the second half.
    """
    axes = (1, 2, 3)
    present, absent = truth & valid[..., None], ~truth & valid[..., None]
    halves = []
    for where, log_p in ((present, jax.nn.log_sigmoid(logits)), (absent, jax.nn.log_sigmoid(-logits))):
        pixels = jnp.sum(where, axes)  # [B, C]
        mean = -jnp.sum(log_p * where, axes) / jnp.maximum(pixels, 1)
        halves.append(jnp.sum(mean, -1) / jnp.maximum(jnp.sum(pixels > 0, -1), 1))
    return 0.5 * (halves[0] + halves[1])


def multilabel_dice(logits: Logits, truth: LabelSets, valid: ValidPixels) -> PerClip:
    """Multi-label: `generalised_dice` (equation 1); p = sigmoid.

    A clip without any class has loss 0, because the ratio has no meaning there.
    """
    p = jax.nn.sigmoid(logits) * valid[..., None]
    g = (truth & valid[..., None]).astype(p.dtype)
    axes = (1, 2, 3, 4)
    overlap, labels = jnp.sum(p * g, axes), jnp.sum(g, axes)
    return jnp.where(labels > 0, 1 - 2 * overlap / jnp.where(labels > 0, jnp.sum(p * p, axes) + labels, 1), 0.0)


def multilabel_loss(logits: Logits, truth: LabelSets, valid: ValidPixels) -> PerClip:
    """Multi-label: class-balanced cross-entropy + generalised dice of each clip."""
    return balanced_cross_entropy(logits, truth, valid) + multilabel_dice(logits, truth, valid)
