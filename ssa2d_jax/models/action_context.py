"""What the clip as a whole says about its actions, an addition to the paper's network."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, Key

from ssa2d_jax.models import layers
from ssa2d_jax.models.units import Endpoints

ENDPOINTS = ("Mixed_4f", "Mixed_5c")  # those of them that an encoder has
_EPSILON = 1e-6
_LEAST_FOREGROUND = 1e-3  # in cells of an endpoint: with less, the mean over the foreground falls towards 0


class ActionContext(nn.Module):
    """Logits of the actions that hold for every pixel of a clip: [B, 1, 1, 1, actions], 0 before training.

    The encoder's last endpoints are averaged over the whole clip and over its foreground, normalised (layer norm
    without parameters), and multiplied by one matrix. Few clips are enough to learn that, where a branch that decides
    from a pixel's surroundings mistakes actions for one another. With `has_background`, class 0 is the background,
    about which the clip as a whole says nothing: its logit stays 0. `dropout`: share of the features that are left out
    where `clip_keys` are given, as training does.
    """

    actions: int
    has_background: bool = True
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self,
        endpoints: Endpoints,
        foreground: Float[jax.Array, "B t y x"],
        clip_keys: Key[jax.Array, " B"] | None = None,
    ) -> Float[jax.Array, "B 1 1 1 actions"]:
        """Computes the logits.

        Args:
            endpoints: of the encoder.
            foreground: weights in [0, 1] on the grid of SSA-Masking, [B, T/4, H/4, W/4].
            clip_keys: one random key for every clip, which its dropout is drawn with.
        """
        features = []
        for name in ENDPOINTS:
            if name in endpoints:
                x = endpoints[name].astype(jnp.promote_types(endpoints[name].dtype, jnp.float32))
                weights = _shrink(foreground, *x.shape[2:4])
                cells = jnp.sum(weights, (1, 2, 3), keepdims=True) + _LEAST_FOREGROUND
                within = jnp.sum(x * weights, (1, 2, 3), keepdims=True) / cells
                features += [jnp.mean(x, (1, 2, 3), keepdims=True), within]
        x = jnp.concatenate([_normalize(x) for x in features], axis=-1)
        if clip_keys is not None:
            x = _drop(x, clip_keys, self.dropout)
        shape = (1, 1, 1, x.shape[-1], self.actions - self.has_background)
        kernel = self.param("kernel", nn.initializers.zeros_init(), shape)
        logits = layers.conv3d(x, jnp.asarray(kernel, x.dtype))
        if self.has_background:
            logits = jnp.concatenate([jnp.zeros_like(logits[..., :1]), logits], axis=-1)
        return logits


def _shrink(
    weights: Float[jax.Array, "B t y x"], rows: int, columns: int
) -> Float[jax.Array, "B t {rows} {columns} 1"]:
    """Means over blocks."""
    batch, time, height, width = weights.shape
    return weights.reshape(batch, time, rows, height // rows, columns, width // columns).mean((3, 5))[..., None]


def _normalize(x: Float[jax.Array, "B 1 1 1 C"]) -> Float[jax.Array, "B 1 1 1 C"]:
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + _EPSILON)


def _drop(
    x: Float[jax.Array, "B 1 1 1 C"], clip_keys: Key[jax.Array, " B"], share: float
) -> Float[jax.Array, "B 1 1 1 C"]:
    """Leaves out `share` of every clip's features, and enlarges the others so that their expected sum stays."""
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - share, x.shape[1:]))(clip_keys)
    return jnp.where(kept, x / (1 - share), 0.0)
