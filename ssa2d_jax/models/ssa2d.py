"""SSA2D: one encoder, three decoders, AP-Infusion and SSA-Masking."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Bool, Float, Float32, Key

from ssa2d_jax.models import layers
from ssa2d_jax.models.clip_context import ContextLogits, context_features
from ssa2d_jax.models.decoder import DECODER_INPUTS, Decoder
from ssa2d_jax.models.encoders import ENCODER, ENCODERS
from ssa2d_jax.models.units import Unit3d, scaled_width

ACTOR_PRIORS = ("concat", "add", "off")
FOREGROUND = 1
Shape = tuple[Any, ...]  # sizes are int, or symbolic where jax.export traces the network for any batch


class Outputs(NamedTuple):
    """Logits, each on the grid of its branch; classes of the mask: background, foreground."""

    actor: Float32[jax.Array, "B T/2 H/4 W/4 actors"]
    action: Float32[jax.Array, "B T/2 H/4 W/4 actions"]
    mask: Float32[jax.Array, "B T/2 H/2 W/2 2"]


class SSA2D(nn.Module):
    """The network of the paper's figure 2.

    It reads video in [-1, 1] and, with `flow` (two streams), optical flow in [-1, 1], horizontal first.

    `encoder`: one of ENCODERS. `feature_gating` is passed on to an encoder that has gates.
    `actor_prior`: how the actor branch's features f_ap enter the action branch (AP-Infusion, section 3.3):
    "concat", "add", or "off". `ssa_masking`: whether the mask branch weighs the action features (section 3.4).
    `decoder_input`: one of DECODER_INPUTS, the decoders' deepest endpoint; not every encoder has Mixed_4f.
    `action_context`, `actor_context`: whether the clip as a whole has a say in its actions and in its actors
    (ContextLogits, not of the paper). It goes by `context_endpoints`, of which training leaves out `context_dropout`.
    `mask_vote`: outside training, the log-odds of foreground of the mask branch, times this, are added to the logits of
    every actor and action but the background (not of the paper); not without `has_background`, where the mask's
    foreground is what has any action.
    `classes`: number of actor and of action classes, background included; without `has_background`, which is for
    several actions a pixel, the actions have none.
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
    decoder_input: str = DECODER_INPUTS[0]
    action_context: bool = False
    actor_context: bool = False
    context_endpoints: tuple[str, ...] = ("Mixed_4f", "Mixed_5c")
    context_dropout: float = 0.0
    mask_vote: float = 0.0
    has_background: bool = True
    batch_norm_momentum: float = 0.9
    freeze_encoder_stats: bool = False
    stats_axis: str | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        video: Float[jax.Array, "..."],
        flow: Float[jax.Array, "..."] | None = None,
        mask_truth: Float[jax.Array, "B t y x"] | None = None,
        mask_known: Bool[jax.Array, "B t y x"] | None = None,
        train: bool = False,
        clip_keys: Key[jax.Array, " B"] | None = None,
    ) -> Outputs:
        """Computes the logits of the three branches. It checks the shapes of video and flow itself.

        Args:
            video: [B, T, H, W, 3], T divisible by 4, H and W by 16.
            flow: [B, T, H, W, 2], if and only if the network has two streams.
            mask_truth: foreground in [0, 1] on the grid of SSA-Masking, [B, T/4, H/4, W/4]. It replaces the mask
                branch's foreground in SSA-Masking wherever `mask_known` is true, as training does.
            mask_known: given exactly where `mask_truth` is.
            train: whether batch norm uses, and moves, the batch's statistics.
            clip_keys: random keys, one for each clip; with them the clip's context has dropout.

        Raises:
            ValueError: video or flow has another shape, or flow is missing or unexpected.
        """
        check_video_shape(video.shape)
        check_flow(self.flow, video.shape, flow)
        endpoints = self._encoder(train)(video.astype(self.dtype), None if flow is None else flow.astype(self.dtype))

        coarse = self._head("mask", 2)(self._decoder("mask", train)(endpoints))  # [B, T/2, H/4, W/4, 2]
        _, time, height, width, _ = coarse.shape
        mask = layers.upsample_linear(coarse, (time, 2 * height, 2 * width))
        f_ap = self._decoder("actor", train)(endpoints)
        actor = self._head("actor", self.classes[0])(f_ap)

        f_a = infuse_actor_prior(self._decoder("action", train)(endpoints), f_ap, self.actor_prior)
        f_act = self._action_conv(train)(f_a)  # [B, T/4, H/4, W/4, 64 * decoder_width]
        weights = foreground_weights(mask, mask_truth, mask_known)
        if self.ssa_masking:
            f_act = mask_features(f_act, weights)
        action = self._head("action", self.classes[1])(f_act)
        if self.has_context:
            context = context_features(endpoints, weights, self.context_endpoints, clip_keys, self.context_dropout)
            if self.actor_context:
                actor += ContextLogits(self.classes[0], name="actor_context")(context)
            if self.action_context:
                action += ContextLogits(self.classes[1], self.has_background, name="action_context")(context)
        # A 1^3 convolution and linear interpolation commute, so classes are interpolated, not features.
        action = layers.upsample_linear(action, actor.shape[1:4])
        if self.mask_vote and self.has_background and not train:
            vote = self.mask_vote * (coarse[..., FOREGROUND] - coarse[..., 1 - FOREGROUND])
            actor, action = favour_foreground(actor, vote), favour_foreground(action, vote)
        return Outputs(actor=actor, action=action, mask=mask)

    @property
    def has_context(self) -> bool:
        """Whether the clip as a whole has a say in anything."""
        return self.action_context or self.actor_context

    @nn.nowrap
    def _encoder(self, train: bool) -> nn.Module:
        gates = {"feature_gating": True} if self.feature_gating else {}
        return ENCODERS[self.encoder](
            width=self.encoder_width,
            temporal_kernels=self.temporal_kernels,
            train=train and not self.freeze_encoder_stats,
            name=ENCODER,
            **self._shared_fields(),
            **gates,
        )

    @nn.nowrap
    def _decoder(self, branch: str, train: bool) -> nn.Module:
        return Decoder(
            width=self.decoder_width,
            atrous=self.atrous,
            multi_scale=self.multi_scale,
            deepest=self.decoder_input,
            temporal_kernels=self.decoder_temporal_kernels,
            train=train,
            name=f"{branch}_decoder",
            **self._shared_fields(),
        )

    @nn.nowrap
    def _action_conv(self, train: bool) -> nn.Module:
        return Unit3d(
            features=scaled_width(64, self.decoder_width),
            kernel_size=(3 if self.decoder_temporal_kernels else 1, 3, 3),
            strides=(2, 1, 1),
            train=train,
            name="action_conv",
            **self._shared_fields(),
        )

    @nn.nowrap
    def _head(self, branch: str, classes: int) -> nn.Module:
        return layers.Conv3d(classes, (1, 1, 1), use_bias=True, dtype=jnp.float32, name=f"{branch}_head")

    @nn.nowrap
    def _shared_fields(self) -> dict[str, Any]:
        return dict(momentum=self.batch_norm_momentum, stats_axis=self.stats_axis, dtype=self.dtype)


def infuse_actor_prior(
    f_a: Float[jax.Array, "B t y x C"], f_ap: Float[jax.Array, "B t y x C"], actor_prior: str
) -> Float[jax.Array, "B t y x D"]:
    """AP-Infusion (section 3.3): the action branch's features f_a together with the actor branch's f_ap."""
    if actor_prior == "concat":
        return jnp.concatenate([f_a, f_ap], axis=-1)
    return {"add": f_a + f_ap, "off": f_a}[actor_prior]


def coarse_mask(mask_logits: Float[jax.Array, "B t2 y2 x2 2"]) -> Float[jax.Array, "B t2//2 y2//2 x2//2"]:
    """Foreground probability on the grid of SSA-Masking, [B, T/4, H/4, W/4], from mask logits."""
    foreground = jax.nn.softmax(mask_logits, axis=-1)[..., FOREGROUND]
    batch, time, height, width = foreground.shape
    return foreground.reshape(batch, time // 2, 2, height // 2, 2, width // 2, 2).mean((2, 4, 6))


def foreground_weights(
    mask_logits: Float[jax.Array, "B t2 y2 x2 2"],
    mask_truth: Float[jax.Array, "B t y x"] | None,
    mask_known: Bool[jax.Array, "B t y x"] | None,
) -> Float[jax.Array, "B t y x"]:
    """The weights of SSA-Masking: the mask branch's foreground, without gradient, and the truth where it is known."""
    weights = jax.lax.stop_gradient(coarse_mask(mask_logits))
    if mask_truth is not None and mask_known is not None:
        weights = jnp.where(mask_known, mask_truth, weights)
    return weights


def mask_features(
    f_act: Float[jax.Array, "B t y x C"], weights: Float[jax.Array, "B t y x"]
) -> Float[jax.Array, "B t y x 2*C"]:
    """SSA-Masking (section 3.4): the action features times the foreground, beside the features themselves."""
    return jnp.concatenate([f_act * weights[..., None].astype(f_act.dtype), f_act], axis=-1)


def favour_foreground(
    logits: Float[jax.Array, "B t y x classes"], vote: Float[jax.Array, "B t y x"]
) -> Float[jax.Array, "B t y x classes"]:
    """Adds `vote`, weighted log-odds, to the logits of all classes but the background."""
    return jnp.concatenate([logits[..., :1], logits[..., 1:] + vote[..., None]], axis=-1)


def check_video_shape(shape: Shape) -> None:
    """Checks that `shape` is [B, T, H, W, 3] with T divisible by 4, H and W by 16.

    Raises:
        ValueError: it is not.
    """
    if len(shape) != 5 or shape[-1] != 3 or shape[1] % 4 or shape[2] % 16 or shape[3] % 16 or 0 in shape:
        raise ValueError(
            f"video has shape {shape}; the network takes [B, T, H, W, 3] with T divisible by 4, H and W by 16"
        )


def check_flow(two_streams: bool, video_shape: Shape, flow: Float[jax.Array, "..."] | None) -> None:
    """Checks that flow is given exactly if the network has a stream for it, and that it fits the video.

    Raises:
        ValueError: it is missing, unexpected or of another shape.
    """
    if two_streams and flow is None:
        raise ValueError("the network has two streams, flow was not given; pass flow beside video")
    if not two_streams and flow is not None:
        raise ValueError("the network has no flow stream, flow was given; pass video only")
    if flow is not None and flow.shape != (*video_shape[:4], 2):
        raise ValueError(f"flow has shape {flow.shape}; for video {video_shape} it must be {(*video_shape[:4], 2)}")
