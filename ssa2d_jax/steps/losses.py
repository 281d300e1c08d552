"""The paper's losses, equations 1 to 5, over the counted pixels of each clip's labelled frames."""

import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, labels: jax.Array, counted: jax.Array) -> jax.Array:
    """Mean cross-entropy of each clip's counted pixels (equation 2): -> [B] float32.

    logits [B, L, h, w, C] float32; labels [B, L, h, w] integer; counted [B, L, h, w] bool.
    A clip without a counted pixel has loss 0.
    """
    log_p, truth = jax.nn.log_softmax(_classes_first(logits), axis=1), _one_hot(labels, logits.shape[-1])
    per_pixel = -jnp.sum(truth * log_p, axis=1)
    axes = (1, 2, 3)
    return jnp.sum(per_pixel * counted, axes) / jnp.maximum(jnp.sum(counted, axes), 1)


def generalised_dice(logits: jax.Array, labels: jax.Array, counted: jax.Array) -> jax.Array:
    """Generalised 3-D dice loss of each clip (equation 1): -> [B] float32 in [0, 1].

    1 - 2 sum(p g) / (sum(p^2) + sum(g^2)), one ratio a clip, all sums over classes and counted pixels of all
    labelled frames; p = softmax of the logits, g = one-hot truth. Shapes as in `cross_entropy`.
    A clip without a counted pixel has loss 0.
    """
    p = jax.nn.softmax(_classes_first(logits), axis=1) * counted[:, None]
    g = _one_hot(labels, logits.shape[-1]) * counted[:, None]
    axes = (1, 2, 3, 4)
    overlap, total = jnp.sum(p * g, axes), jnp.sum(p * p, axes) + jnp.sum(g * g, axes)
    return jnp.where(total > 0, 1 - 2 * overlap / jnp.where(total > 0, total, 1), 0.0)


def _classes_first(logits: jax.Array) -> jax.Array:
    """[B, L, h, w, C] -> [B, C, L, h, w]: a CPU computes over few classes several times faster along a long axis."""
    return jnp.moveaxis(logits, -1, 1)


def _one_hot(labels: jax.Array, classes: int) -> jax.Array:
    """[B, L, h, w] -> [B, C, L, h, w] float32."""
    return jax.nn.one_hot(labels, classes, axis=1)


def segmentation_loss(logits: jax.Array, labels: jax.Array, counted: jax.Array) -> jax.Array:
    """Cross-entropy + generalised dice of each clip (equations 3 and 4, and 5 with two classes): -> [B] float32."""
    return cross_entropy(logits, labels, counted) + generalised_dice(logits, labels, counted)


def balanced_cross_entropy(logits: jax.Array, truth: jax.Array, counted: jax.Array) -> jax.Array:
    """Class-balanced binary cross-entropy of each clip, for several classes a pixel: -> [B] float32.

    Half the mean, over the classes that the clip has, of -log p on their pixels, plus half the mean, over all classes,
    of -log(1 - p) on the pixels without them: how much of the picture a class covers doesn't matter. p = sigmoid.

    logits [B, L, h, w, C] float32; truth [B, L, h, w, C] bool; counted [B, L, h, w] bool. A clip that has no class has
    the second half alone.
    """
    axes = (1, 2, 3)
    wanted, unwanted = truth & counted[..., None], ~truth & counted[..., None]
    halves = []
    for where, log_p in ((wanted, jax.nn.log_sigmoid(logits)), (unwanted, jax.nn.log_sigmoid(-logits))):
        pixels = jnp.sum(where, axes)  # [B, C]
        mean = -jnp.sum(log_p * where, axes) / jnp.maximum(pixels, 1)
        halves.append(jnp.sum(mean, -1) / jnp.maximum(jnp.sum(pixels > 0, -1), 1))
    return 0.5 * (halves[0] + halves[1])


def multilabel_dice(logits: jax.Array, truth: jax.Array, counted: jax.Array) -> jax.Array:
    """`generalised_dice` (equation 1) for several classes a pixel: p = sigmoid; shapes as above. -> [B] float32.

    A clip that has no class at all has loss 0: the ratio says nothing there.
    """
    p = jax.nn.sigmoid(logits) * counted[..., None]
    g = (truth & counted[..., None]).astype(p.dtype)
    axes = (1, 2, 3, 4)
    overlap, wanted = jnp.sum(p * g, axes), jnp.sum(g, axes)
    return jnp.where(wanted > 0, 1 - 2 * overlap / jnp.where(wanted > 0, jnp.sum(p * p, axes) + wanted, 1), 0.0)


def multilabel_loss(logits: jax.Array, truth: jax.Array, counted: jax.Array) -> jax.Array:
    """Class-balanced cross-entropy + generalised dice of each clip, for several classes a pixel: -> [B] float32."""
    return balanced_cross_entropy(logits, truth, counted) + multilabel_dice(logits, truth, counted)
