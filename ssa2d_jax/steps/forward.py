"""Probabilities for every frame of a clip, for prediction."""

from collections.abc import Callable
from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import VariableDict
from jaxtyping import Float32, UInt8

from ssa2d_jax.models import layers
from ssa2d_jax.models.ssa2d import FOREGROUND, SSA2D, Outputs
from ssa2d_jax.steps.inputs import normalize
from ssa2d_jax.video import optical_flow

Probabilities = tuple[
    Float32[jax.Array, "B T h w actors"], Float32[jax.Array, "B T h w actions"], Float32[jax.Array, "B T h w"]
]  # actor, action, foreground


def make_forward(
    model: SSA2D, variables: VariableDict, multilabel: bool = False
) -> Callable[[UInt8[jax.Array | np.ndarray, "B T H W C"]], Probabilities]:
    """Compiles `probabilities` on the network's own grid for `model` and `variables`; it takes frames alone.

    The variables are put on the device once, not at every call.
    """
    variables = jax.device_put(variables)
    forward = jax.jit(lambda variables, frames: probabilities(model, variables, frames, multilabel, whole=False))
    return partial(forward, variables)


def probabilities(
    model: SSA2D, variables: VariableDict, frames: UInt8[jax.Array, "B T H W C"], multilabel: bool, *, whole: bool
) -> Probabilities:
    """Computes probabilities for every frame of clips.

    Args:
        model: the network.
        variables: its parameters and statistics.
        frames: RGB, C = 3; for two streams RGB and flow as optical_flow.py packs it, C = 5.
        multilabel: whether actions are independent, each with its own probability.
        whole: h and w are those of the frames, otherwise of the network's grid, H/4 and W/4.

    Returns:
        Probabilities of the actor classes, the action classes and the foreground.
    """
    flow = optical_flow.unpack(frames[..., 3:].astype(jnp.float32)) if model.flow else None
    outputs = cast(Outputs, model.apply(variables, normalize(frames[..., :3]), flow))
    size = (frames.shape[1], *(frames.shape if whole else outputs.actor.shape)[2:4])
    upsampled = Outputs(*(layers.upsample_linear(logits, size) for logits in outputs))
    actor, mask = jax.nn.softmax(upsampled.actor, axis=-1), jax.nn.softmax(upsampled.mask, axis=-1)
    action = jax.nn.sigmoid(upsampled.action) if multilabel else jax.nn.softmax(upsampled.action, axis=-1)
    return actor, action, mask[..., FOREGROUND]
