"""Trained I3D weights into the encoder: every tensor filled and its shape checked, or an error and no change."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from flax.typing import VariableDict

from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.i3d import SHARED
from ssa2d_jax.utils.array_trees import TreeDifferences, compare_arrays
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

Weights = Mapping[str, np.ndarray]  # by canonical name: `Conv3d_1a_7x7/conv_3d/kernel`, see tensor_names.py
_HEAD = "Logits/"
_STEM = "Conv3d_1a_7x7/conv_3d/kernel"
_CHANNELS = {"rgb": 3, "flow": 2}
_OPTIONS = {"rgb": "config.init.encoder_weights", "flow": "config.init.flow_weights"}
_WHOLE_I3D = "Give weights of the whole Inception-V1 I3D"
_SHOWN = 6


def fill_encoder(
    variables: VariableDict, weights: Weights, stream: str, source: str
) -> tuple[dict[str, Any], list[str]]:
    """Puts `weights` of I3D into the encoder's trunk `stream` of a model's variables.

    Args:
        variables: `params` and `batch_stats` of SSA2D: arrays, or their shapes.
        stream: "rgb" also fills Mixed_5b and Mixed_5c, which the two streams share. "flow" does not use those two;
            neither stream uses the classification head.
        source: the file of the weights, for messages.

    Returns:
        New variables, and the names in `weights` that are not used here.

    Raises:
        InputError: the weights do not fill the encoder exactly; the message lists what is missing, unexpected and
            of another shape. Nothing is filled then.
    """
    flat = flatten_dict(dict(variables), sep="/")
    full_names = {canonical: full for full in flat if (canonical := _canonical(full, stream))}
    if not full_names:
        raise InputError(f"{source}: this model has no {stream} stream; set config.model.flow=True, or leave it out")
    if _STEM not in full_names:
        raise InputError(
            f"{source} holds weights of I3D, but this model has another encoder; set config.model.encoder='i3d'"
        )
    unused = sorted(name for name in weights if name.startswith(_HEAD) or (stream == "flow" and _is_shared(name)))
    expected = {name: flat[full] for name, full in full_names.items()}
    given = {name: array for name, array in weights.items() if name not in unused}
    differences = compare_arrays(expected, given, dtypes=False)
    if differences:
        hint = _hint(weights, expected[_STEM].shape, stream)
        raise InputError(f"{source} does not fit the encoder: {_differences_text(differences)}. {hint}")
    for name, full in full_names.items():
        flat[full] = weights[name]
    return unflatten_dict(flat, sep="/"), unused


def _canonical(full: str, stream: str) -> str | None:
    """`params/encoder/rgb/Conv3d_1a_7x7/...` -> `Conv3d_1a_7x7/...`; None for tensors outside that stream's I3D."""
    _, module, rest = full.split("/", 2)
    if module != ENCODER:
        return None
    if rest.startswith(f"{stream}/"):
        return rest.removeprefix(f"{stream}/")
    return rest if stream == "rgb" and _is_shared(rest) else None


def _is_shared(name: str) -> bool:
    return name.startswith(SHARED)


def _differences_text(differences: TreeDifferences) -> str:
    lists = {
        "missing": differences.missing,
        "unexpected": differences.unexpected,
        "of another shape": differences.changed_lines(),
    }
    return "; ".join(f"{len(names)} {kind}: {first_few(names, _SHOWN)}" for kind, names in lists.items() if names)


def _hint(weights: Weights, stem_shape: tuple[int, ...], stream: str) -> str:
    """What to do about weights that do not fit a model whose first kernel has `stem_shape`."""
    given = weights[_STEM].shape if _STEM in weights else ()
    if len(given) != 5:
        return _WHOLE_I3D
    other = {"rgb": "flow", "flow": "rgb"}[stream]
    if given[3] == _CHANNELS[other]:
        return f"They have {given[3]} input channels: these are {other} weights, give them as {_OPTIONS[other]}"
    if given[0] != stem_shape[0]:
        return "I3D's weights have temporal kernels: set config.model.temporal_kernels=True"
    if given[4] != stem_shape[4]:
        return f"They fit only an encoder of full width: set config.model.encoder_width={given[4] / 64:g}"
    return _WHOLE_I3D
