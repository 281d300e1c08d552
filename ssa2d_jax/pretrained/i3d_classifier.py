"""I3D as it was trained: the encoder's blocks, its last pooling, and the head for Kinetics' classes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ssa2d_jax.models import layers
from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.i3d import MIXED, SHARED, Mixed, Trunk
from ssa2d_jax.models.units import Unit3d
from ssa2d_jax.pretrained.place import place
from ssa2d_jax.utils.errors import InputError


def kinetics_classes() -> list[str]:
    """The names of Kinetics-400's classes, in the order of the published weights' outputs."""
    return Path(__file__).with_name("kinetics400.txt").read_text().splitlines()


class Classifier(nn.Module):
    """video [B, T, H, W, 3] in [-1, 1], T from 9, H and W from 33 -> (logits [B, classes], endpoints by name).

    Unlike the encoder of SSA2D, it has MaxPool3d_5a before Mixed_5b.
    """

    classes: int

    @nn.compact
    def __call__(self, video: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        unit = partial(Unit3d, train=False)
        endpoints = Trunk(1.0, True, unit, name="rgb")(video)
        x = layers.max_pool3d(endpoints["Mixed_4f"], (2, 2, 2), (2, 2, 2))
        for name in SHARED:
            x = endpoints[name] = Mixed(MIXED[name], 3, unit, name=name)(x)
        # The mean over space and over each two neighbouring times, then over those.
        x = x.mean((2, 3), keepdims=True)
        x = nn.avg_pool(x, (2, 1, 1), (1, 1, 1)) if x.shape[1] > 1 else x
        logits = layers.Conv3d(self.classes, (1, 1, 1), use_bias=True, name="conv_3d")(x)
        return logits.mean((1, 2, 3)), endpoints


def variables_of(weights: Mapping[str, np.ndarray], source: str) -> tuple[Classifier, dict]:
    """The classifier and its variables from I3D weights by canonical name (see encoder_weights); `source`: the file.

    Raises InputError unless they are all of I3D for RGB, with its head.
    """
    head = {kind: weights.get(f"Logits/conv_3d/{kind}") for kind in ("kernel", "bias")}
    if any(array is None for array in head.values()):
        raise InputError(f"{source} has no classification head (Logits/conv_3d); make weights fetches one with it")
    model = Classifier(classes=head["bias"].size)
    shape = jax.ShapeDtypeStruct((1, 16, 64, 64, 3), jnp.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), shape)
    wanted = {kind: {ENCODER: dict(tree)} for kind, tree in shapes.items()}
    if head["kernel"].shape != wanted["params"][ENCODER].pop("conv_3d")["kernel"].shape:
        raise InputError(f"{source}: the head's kernel is {head['kernel'].shape}; needed is [1, 1, 1, 1024, classes]")
    placed, _ = place(wanted, weights, "rgb", source)
    variables = {kind: tree[ENCODER] for kind, tree in placed.items()}
    return model, variables | {"params": variables["params"] | {"conv_3d": head}}
