"""I3D as it was trained: the encoder's blocks, its last pooling, and the head for Kinetics' classes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ssa2d_jax.models import layers
from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.i3d import MIXED, SHARED, Mixed, Trunk
from ssa2d_jax.models.units import Endpoints, Unit3d
from ssa2d_jax.pretrained.load_encoder import fill_encoder
from ssa2d_jax.pretrained.tensor_names import CONV_BIAS, HEAD, KERNEL
from ssa2d_jax.utils.errors import InputError


def kinetics_classes() -> list[str]:
    """Returns the names of Kinetics-400's classes, in the order of the published weights' outputs."""
    return Path(__file__).with_name("kinetics400.txt").read_text().splitlines()


class I3DClassifier(nn.Module):
    """I3D with its classification head; it reads video in [-1, 1], T from 9, H and W from 33.

    Unlike the encoder of SSA2D, it has MaxPool3d_5a before Mixed_5b.
    """

    classes: int

    @nn.compact
    def __call__(self, video: Float[jax.Array, "B T H W 3"]) -> tuple[Float[jax.Array, "B classes"], Endpoints]:
        """Returns logits and endpoints."""
        unit = partial(Unit3d, train=False)
        endpoints = Trunk(1.0, True, unit, name="rgb")(video)
        x = layers.max_pool3d(endpoints["Mixed_4f"], (2, 2, 2), (2, 2, 2))
        for name in SHARED:
            x = endpoints[name] = Mixed(MIXED[name], 3, unit, name=name)(x)
        # The mean over space and over every two neighbouring times, then over the results.
        x = x.mean((2, 3), keepdims=True)
        x = nn.avg_pool(x, (2, 1, 1), (1, 1, 1)) if x.shape[1] > 1 else x
        logits = layers.Conv3d(self.classes, (1, 1, 1), use_bias=True, name="conv_3d")(x)
        return logits.mean((1, 2, 3)), endpoints


def make_classifier(weights: Mapping[str, np.ndarray], source: str) -> tuple[I3DClassifier, dict[str, Any]]:
    """Builds the classifier and its variables.

    Args:
        weights: I3D's tensors by canonical name (see tensor_names.py).
        source: the file of the weights, for messages.

    Raises:
        InputError: the weights are not those of the whole I3D for RGB with its head.
    """
    kernel, bias = weights.get(f"{HEAD}/{KERNEL}"), weights.get(f"{HEAD}/{CONV_BIAS}")
    if kernel is None or bias is None:
        raise InputError(
            f"{source} has no classification head ({HEAD}/conv_3d); make weights fetches a file that has one"
        )
    model = I3DClassifier(classes=bias.size)
    video = jax.ShapeDtypeStruct((1, 16, 64, 64, 3), jnp.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), video)
    expected = {collection: {ENCODER: dict(tree)} for collection, tree in shapes.items()}
    head_shape = expected["params"][ENCODER].pop("conv_3d")["kernel"].shape
    if kernel.shape != head_shape:
        raise InputError(
            f"{source}: the head's kernel is {list(kernel.shape)}; it must be [1, 1, 1, 1024, classes], and there are "
            f"{bias.size} classes"
        )
    filled, _ = fill_encoder(expected, weights, "rgb", source)
    variables = {collection: tree[ENCODER] for collection, tree in filled.items()}
    head = {"kernel": kernel, "bias": bias}
    return model, variables | {"params": variables["params"] | {"conv_3d": head}}
