"""Probabilities for every frame of a clip, for prediction."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ssa2d_jax.models import layers
from ssa2d_jax.models.ssa2d import FOREGROUND, SSA2D
from ssa2d_jax.steps.inputs import normalize
from ssa2d_jax.video import optical_flow


def make_forward(
    model: SSA2D, variables: Any, multilabel: bool = False
) -> Callable[[jax.Array], tuple[jax.Array, jax.Array, jax.Array]]:
    """Compiled probabilities for every frame of a clip at the input's size, for prediction.

    The result maps frames uint8 [B, T, H, W, 3] (for two streams [B, T, H, W, 5], RGB and flow as optical_flow.py
    packs it) to actor [B, T, H, W, actor classes], action [B, T, H, W, action classes] and foreground
    [B, T, H, W], float32. `several`: actions are independent of one another, each with a probability of its own.
    """

    forward = jax.jit(lambda variables, frames: probabilities(model, variables, frames, multilabel))
    return partial(forward, variables)


def probabilities(
    model: SSA2D, variables: Any, frames: jax.Array, multilabel: bool
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What `make_forward` compiles."""
    flow = optical_flow.unpack(frames[..., 3:].astype(jnp.float32)) if model.flow else None
    outputs = model.apply(variables, normalize(frames[..., :3]), flow)
    grown = jax.tree.map(lambda x: layers.upsample_linear(x, frames.shape[1:4]), outputs)
    actor, mask = jax.nn.softmax(grown.actor, axis=-1), jax.nn.softmax(grown.mask, axis=-1)
    action = jax.nn.sigmoid(grown.action) if multilabel else jax.nn.softmax(grown.action, axis=-1)
    return actor, action, mask[..., FOREGROUND]
