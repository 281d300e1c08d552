"""What the clip as a whole says about its actors and actions, an addition to the paper's network."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, Key

from ssa2d_jax.models import layers
from ssa2d_jax.models.units import DEEPER_ENDPOINTS, Endpoints

_EPSILON = 1e-6
_LEAST_FOREGROUND = 1e-3  # in cells of an endpoint: with less, the mean over the foreground falls towards 0


def context_features(
    endpoints: Endpoints,
    foreground: Float[jax.Array, "B t y x"],
    names: Sequence[str],
    clip_keys: Key[jax.Array, " B"] | None = None,
    dropout: float = 0.0,
) -> Float[jax.Array, "B 1 1 1 C"]:
    """Endpoints of the encoder, averaged over the whole clip and over its foreground, and normalised.

    Args:
        endpoints: of the encoder.
        foreground: weights in [0, 1] on the grid of SSA-Masking, [B, T/4, H/4, W/4].
        names: which of DEEPER_ENDPOINTS; those that the encoder lacks are left out.
        clip_keys: one random key for every clip, which its dropout is drawn with; None: no dropout.
        dropout: share of the features that are left out.
    """
    features = []
    for name in DEEPER_ENDPOINTS:  # in this order, whatever that of `names` is
        if name in names and name in endpoints:
            x = endpoints[name].astype(jnp.promote_types(endpoints[name].dtype, jnp.float32))
            weights = _fit(foreground, *x.shape[1:4])
            cells = jnp.sum(weights, (1, 2, 3), keepdims=True) + _LEAST_FOREGROUND
            within = jnp.sum(x * weights, (1, 2, 3), keepdims=True) / cells
            features += [jnp.mean(x, (1, 2, 3), keepdims=True), within]
    x = jnp.concatenate([_normalize(x) for x in features], axis=-1)
    return x if clip_keys is None else _drop(x, clip_keys, dropout)


class ContextLogits(nn.Module):
    """Logits of classes that hold for every pixel of a clip: [B, 1, 1, 1, classes], 0 before training.

    The context's features are multiplied by one matrix. Few clips are enough to learn that, where a branch that decides
    from a pixel's surroundings mistakes classes for one another. With `has_background`, class 0 is the background,
    about which the clip as a whole says nothing: its logit stays 0.
    """

    classes: int
    has_background: bool = True

    @nn.compact
    def __call__(self, features: Float[jax.Array, "B 1 1 1 C"]) -> Float[jax.Array, "B 1 1 1 classes"]:
        shape = (1, 1, 1, features.shape[-1], self.classes - self.has_background)
        kernel = self.param("kernel", nn.initializers.zeros_init(), shape)
        logits = layers.conv3d(features, jnp.asarray(kernel, features.dtype))
        if self.has_background:
            logits = jnp.concatenate([jnp.zeros_like(logits[..., :1]), logits], axis=-1)
        return logits


def _fit(
    weights: Float[jax.Array, "B t y x"], time: int, rows: int, columns: int
) -> Float[jax.Array, "B {time} {rows} {columns} 1"]:
    """The weights on an endpoint's grid: means over blocks of cells, each for as many frames as it covers."""
    batch, cells, height, width = weights.shape
    weights = weights.reshape(batch, cells, rows, height // rows, columns, width // columns).mean((3, 5))
    return jnp.repeat(weights, time // cells, axis=1)[..., None]


def _normalize(x: Float[jax.Array, "B 1 1 1 C"]) -> Float[jax.Array, "B 1 1 1 C"]:
    """Layer norm without parameters."""
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + _EPSILON)


def _drop(
    x: Float[jax.Array, "B 1 1 1 C"], clip_keys: Key[jax.Array, " B"], share: float
) -> Float[jax.Array, "B 1 1 1 C"]:
    """Leaves out `share` of every clip's features, and enlarges the others so that their expected sum stays."""
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - share, x.shape[1:]))(clip_keys)
    return jnp.where(kept, x / (1 - share), 0.0)
