"""SSA2D: one encoder, three decoders, AP-Infusion and SSA-Masking."""

from functools import partial
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from ssa2d_jax.models import layers
from ssa2d_jax.models.decoder import Decoder
from ssa2d_jax.models.encoders import ENCODER, ENCODERS
from ssa2d_jax.models.units import Unit3d, scaled_width

ACTOR_PRIORS = ("concat", "add", "off")
FOREGROUND = 1


@flax.struct.dataclass
class Outputs:
    """Logits, float32, each on the grid of its branch.

    actor   [B, T/2, H/4, W/4, actor classes]
    action  [B, T/2, H/4, W/4, action classes]
    mask    [B, T/2, H/2, W/2, 2]              background, foreground
    """

    actor: jax.Array
    action: jax.Array
    mask: jax.Array


def coarse_mask(mask_logits: jax.Array) -> jax.Array:
    """Foreground probability at the grid of SSA-Masking: mask logits [B, T/2, H/2, W/2, 2] -> [B, T/4, H/4, W/4]."""
    foreground = jax.nn.softmax(mask_logits, axis=-1)[..., FOREGROUND]
    batch, time, height, width = foreground.shape
    return foreground.reshape(batch, time // 2, 2, height // 2, 2, width // 2, 2).mean((2, 4, 6))


class SSA2D(nn.Module):
    """The network of the paper's figure 2.

    video [B, T, H, W, 3] in [-1, 1], T divisible by 4, H and W by 16 -> Outputs. With `flow` (two streams),
    optical flow [B, T, H, W, 2] in [-1, 1], horizontal first, is read beside it.

    SSA-Masking (section 3.4) multiplies the action features by `stu_mask`, foreground in [0, 1] at
    [B, T/4, H/4, W/4]. It is the mask branch's own, without gradient, except where the caller knows better:
    `mask_truth` replaces it wherever `mask_known` is true (both [B, T/4, H/4, W/4]), as training does.

    `encoder`: one of ENCODERS. `feature_gating` is handed on to an encoder that has gates.
    `actor_prior`: how the actor branch's features f_ap enter the action branch (AP-Infusion, section 3.3):
    "concat", "add", or "off". `classes`: number of actor and of action classes, background included.
    """

    classes: tuple[int, int]
    encoder: str = "i3d"
    feature_gating: bool = False
    encoder_width: float = 1.0
    decoder_width: float = 1.0
    temporal_kernels: bool = True
    decoder_temporal_kernels: bool = True
    flow: bool = False
    actor_prior: str = "concat"
    ssa_masking: bool = True
    atrous: bool = True
    multi_scale: bool = True
    batch_norm_momentum: float = 0.9
    freeze_encoder_stats: bool = False
    stats_axis: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        video: jax.Array,
        flow: jax.Array | None = None,
        mask_truth: jax.Array | None = None,
        mask_known: jax.Array | None = None,
        train: bool = False,
    ) -> Outputs:
        check_video_shape(video.shape)
        check_flow(self.flow, video.shape, flow)
        common = dict(momentum=self.batch_norm_momentum, stats_axis=self.stats_axis, dtype=self.dtype)
        decoder = partial(
            Decoder,
            self.decoder_width,
            self.atrous,
            self.multi_scale,
            self.decoder_temporal_kernels,
            train=train,
            **common,
        )
        head = partial(layers.Conv3d, kernel_size=(1, 1, 1), use_bias=True, dtype=jnp.float32)

        encoder = ENCODERS[self.encoder](
            width=self.encoder_width,
            temporal_kernels=self.temporal_kernels,
            train=train and not self.freeze_encoder_stats,
            name=ENCODER,
            **common,
            **(dict(feature_gating=True) if self.feature_gating else {}),
        )
        endpoints = encoder(video.astype(self.dtype), flow.astype(self.dtype) if self.flow else None)

        # A 1^3 convolution and linear interpolation commute, so both heads interpolate classes, not features.
        f_mask = decoder(name="mask_decoder")(endpoints)
        mask = head(2, name="mask_head")(f_mask)
        batch, time, height, width = mask.shape[:4]
        mask = layers.upsample_linear(mask, (time, 2 * height, 2 * width))

        f_ap = decoder(name="actor_decoder")(endpoints)
        actor = head(self.classes[0], name="actor_head")(f_ap)

        f_a = decoder(name="action_decoder")(endpoints)
        infused = {
            "concat": lambda: jnp.concatenate([f_a, f_ap], axis=-1),
            "add": lambda: f_a + f_ap,
            "off": lambda: f_a,
        }[self.actor_prior]()
        f_act = Unit3d(
            scaled_width(64, self.decoder_width),
            (3 if self.decoder_temporal_kernels else 1, 3, 3),
            (2, 1, 1),
            train=train,
            name="action_conv",
            **common,
        )(infused)  # [B, T/4, H/4, W/4, 64]
        if self.ssa_masking:
            stu_mask = jax.lax.stop_gradient(coarse_mask(mask))
            if mask_truth is not None:
                stu_mask = jnp.where(mask_known, mask_truth, stu_mask)
            f_act = jnp.concatenate([f_act * stu_mask[..., None].astype(f_act.dtype), f_act], axis=-1)
        action = head(self.classes[1], name="action_head")(f_act)
        action = layers.upsample_linear(action, (time, height, width))
        return Outputs(actor=actor, action=action, mask=mask)


def check_video_shape(shape: tuple[int, ...]) -> None:
    """Raises ValueError unless `shape` is [B, T, H, W, 3] with T divisible by 4, H and W by 16."""
    if len(shape) != 5 or shape[-1] != 3 or shape[1] % 4 or shape[2] % 16 or shape[3] % 16 or 0 in shape:
        raise ValueError(
            f"video has shape {shape}; the network takes [B, T, H, W, 3] with T divisible by 4, H and W by 16"
        )


def check_flow(wanted: bool, shape: tuple[int, ...], flow: jax.Array | None) -> None:
    """Raises ValueError unless flow comes exactly where it is wanted, and fits a video of `shape`."""
    if wanted != (flow is not None):
        raise ValueError(f"the network has {'two streams' if wanted else 'no flow stream'}, flow was "
                         f"{'not ' if flow is None else ''}given")  # fmt: skip
    if wanted and flow.shape != (*shape[:4], 2):
        raise ValueError(f"flow has shape {flow.shape}; beside video {shape} it has to be {(*shape[:4], 2)}")
