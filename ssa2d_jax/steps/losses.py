"""The paper's losses, equations 1 to 5, over the valid pixels of each clip's labelled frames."""

import functools
from typing import NamedTuple

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


@jax.custom_vjp
def segmentation_loss(logits: Logits, labels: Labels, valid: ValidPixels) -> PerClip:
    """Cross-entropy + generalised dice of each clip (equations 3 and 4, and 5 with two classes).

    The sum of `cross_entropy` and `generalised_dice`. Its gradient is written out, because a training step would
    otherwise spend much of its time on maps of every class that both need.
    """
    return _segmentation_sums(_classes_first(logits), labels, valid)[0]


class _Sums(NamedTuple):
    """What the gradient of the segmentation loss takes besides the logits; p = softmax, y = the true class."""

    peak: Float[jax.Array, "B L h w"]  # the greatest logit
    total: Float[jax.Array, "B L h w"]  # sum of exp(logit - peak)
    p_true: Float[jax.Array, "B L h w"]  # p[y]; 0 where the label is no class
    p_squared: Float[jax.Array, "B L h w"]  # sum of p^2
    pixels: PerClip  # valid ones
    overlap: PerClip  # sum of p[y] over the valid pixels
    both: PerClip  # sum of p^2 and of g^2 over the valid pixels


def _segmentation_sums(
    logits: Float[jax.Array, "B C L h w"], labels: Labels, valid: ValidPixels
) -> tuple[PerClip, _Sums]:
    """The loss of every clip, and what its gradient takes; one class after another, so that no map of all is made."""
    planes = [logits[:, number] for number in range(logits.shape[1])]
    peak = functools.reduce(jnp.maximum, planes)
    true_logit = sum(jnp.where(labels == number, plane, 0.0) for number, plane in enumerate(planes))
    known = (labels < len(planes)).astype(logits.dtype)
    true_logit = jnp.where(labels < len(planes), true_logit, peak)  # anything finite, as it doesn't count
    total = jnp.asarray(sum(jnp.exp(plane - peak) for plane in planes))
    p_true = known * jnp.exp(true_logit - peak) / total
    p_squared = jnp.asarray(sum(jnp.exp(2 * (plane - peak)) for plane in planes)) / jnp.square(total)
    add = lambda maps: jnp.sum(maps * valid, (1, 2, 3))
    pixels, overlap, both = jnp.sum(valid, (1, 2, 3)), add(p_true), add(p_squared) + add(known)
    entropy = add(known * (jnp.log(total) + peak - true_logit)) / jnp.maximum(pixels, 1)
    dice = jnp.where(both > 0, 1 - 2 * overlap / jnp.where(both > 0, both, 1), 0.0)
    return entropy + dice, _Sums(peak, total, p_true, p_squared, pixels, overlap, both)


def _segmentation_forward(
    logits: Logits, labels: Labels, valid: ValidPixels
) -> tuple[PerClip, tuple[Logits, Labels, ValidPixels, _Sums]]:
    loss, sums = _segmentation_sums(_classes_first(logits), labels, valid)
    return loss, (logits, labels, valid, sums)


def _segmentation_gradient(
    saved: tuple[Logits, Labels, ValidPixels, _Sums], cotangent: PerClip
) -> tuple[Logits, None, None]:
    """d loss / d logit[c] = (p[c] - g[c]) / pixels + p[c] (d[c] - sum over k of p[k] d[k]), with d = d dice / d p."""
    logits, labels, valid, sums = saved
    per_clip = lambda values: values[:, None, None, None, None]
    per_pixel = lambda maps: maps[:, None]
    z = _classes_first(logits)
    g = _one_hot(labels, logits.shape[-1])
    known = per_pixel(labels < logits.shape[-1])
    p = jnp.exp(z - per_pixel(sums.peak)) / per_pixel(sums.total)
    both = jnp.where(sums.both > 0, sums.both, 1)
    for_true = jnp.where(sums.both > 0, -2 / both, 0.0)  # of the pixel's p[y]
    for_square = jnp.where(sums.both > 0, 2 * sums.overlap / both**2, 0.0)  # of its sum of p^2
    dice = per_clip(for_true) * (g - per_pixel(sums.p_true)) + per_clip(2 * for_square) * (
        p - per_pixel(sums.p_squared)
    )
    entropy = known * (p - g) / per_clip(jnp.maximum(sums.pixels, 1))
    gradient = per_clip(cotangent) * per_pixel(valid) * (entropy + p * dice)
    return jnp.moveaxis(gradient, 1, -1), None, None


segmentation_loss.defvjp(_segmentation_forward, _segmentation_gradient)


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
