"""The decoder; the actor, action and mask branches each have one, with separate weights."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Float

from ssa2d_jax.models import layers
from ssa2d_jax.models.units import Endpoints, Unit3d, scaled_width

ATROUS_RATES = (3, 6, 9, 12)
DECODER_INPUTS = ("Mixed_5c", "Mixed_4f")


class Decoder(nn.Module):
    """Deconvolutions with skips, then an atrous pyramid and a feature pyramid side by side (section 3.2).

    It turns the encoder's endpoints into features [B, T/2, H/4, W/4, 160 * width] (64 * width without `multi_scale`).
    `atrous=False` gives the atrous pyramid's convolutions rate 1; `multi_scale=False` leaves the feature
    pyramid out. `deepest` names the endpoint on the coarsest grid: the paper's Mixed_5c, or Mixed_4f, which is two
    blocks nearer to the picture and, in a frozen encoder, tells better where things are. `temporal_kernels=False` cuts
    every temporal kernel to one frame (a control, not a model).
    """

    width: float = 1.0
    atrous: bool = True
    multi_scale: bool = True
    deepest: str = DECODER_INPUTS[0]
    temporal_kernels: bool = True
    train: bool = False
    momentum: float = 0.9
    stats_axis: str | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, endpoints: Endpoints) -> Float[jax.Array, "B t y x C"]:
        unit = partial(Unit3d, train=self.train, momentum=self.momentum, stats_axis=self.stats_axis, dtype=self.dtype)
        scale = partial(scaled_width, multiplier=self.width)
        f_enc = endpoints[self.deepest]
        taps = 3 if self.temporal_kernels else 1

        x = unit(scale(144), (taps, 3, 3), (1, 2, 2), transposed=True, name="deconv_8")(f_enc)
        skip = layers.max_pool3d(endpoints["Mixed_3c"], (min(taps, 2), 1, 1), (2, 1, 1))
        x = jnp.concatenate([x, unit(scale(256), name="lateral_8")(skip)], axis=-1)
        eighth = unit(scale(224), (taps, 3, 3), name="conv_8")(x)  # [B, T/4, H/8, W/8, 224]

        x = unit(scale(96), (max(taps, 2), 3, 3), (2, 2, 2), transposed=True, name="deconv_4")(eighth)
        x = jnp.concatenate([x, unit(scale(32), name="lateral_4")(endpoints["Conv3d_2c_3x3"])], axis=-1)
        x = unit(scale(48), (taps, 3, 3), name="conv_4")(x)  # [B, T/2, H/4, W/4, 48]

        pyramid = [
            unit(
                scale(16),
                (taps, 3, 3),
                dilation=(1, rate, rate) if self.atrous else (1, 1, 1),
                name=f"atrous_{rate}",
            )(x)
            for rate in ATROUS_RATES
        ]
        if self.multi_scale:
            size = x.shape[1:4]
            for name, level in (("pyramid_16", f_enc), ("pyramid_8", eighth)):
                pyramid.append(layers.upsample_linear(unit(scale(48), name=name)(level), size))
        return jnp.concatenate(pyramid, axis=-1)
