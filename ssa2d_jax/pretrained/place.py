"""Trained I3D weights into the encoder: every tensor filled and checked for shape, or nothing at all."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.i3d import SHARED
from ssa2d_jax.utils.errors import InputError

Weights = Mapping[str, np.ndarray]  # by canonical name: `Conv3d_1a_7x7/conv_3d/kernel`, see weight_files/names.py
_HEAD = "Logits/"
_STEM = "Conv3d_1a_7x7/conv_3d/kernel"
_CHANNELS = {"rgb": 3, "flow": 2}
_KNOBS = {"rgb": "config.init.encoder_weights", "flow": "config.init.flow_weights"}
_SHOWN = 6


def place(variables: Mapping[str, Any], weights: Weights, stream: str, source: str) -> tuple[dict[str, Any], list[str]]:
    """`variables` (params and batch_stats of SSA2D) with `weights` of I3D in the encoder's trunk `stream`.

    -> (new variables, names in `weights` that have no place here). "rgb" also fills Mixed_5b and Mixed_5c, which two
    streams share; of "flow" those two and of both the classification head have no place. Raises InputError, which
    lists what is missing, left over and of another shape, unless the encoder is filled exactly; `source` is the file.
    """
    flat = flatten_dict(dict(variables), sep="/")
    places = {canonical: full for full in flat if (canonical := _canonical(full, stream))}
    if not places:
        raise InputError(f"{source}: this model has no {stream} stream; set config.model.flow=True, or leave it out")
    if _STEM not in places:
        raise InputError(f"{source} holds weights of I3D, this model has another encoder: config.model.encoder='i3d'")
    skipped = [name for name in weights if name.startswith(_HEAD) or (stream == "flow" and name.startswith(SHARED))]
    left_over = sorted(weights.keys() - places.keys() - set(skipped))
    missing = sorted(places.keys() - weights.keys())
    changed = sorted(
        f"{name} is {list(weights[name].shape)}, this model has {list(flat[places[name]].shape)}"
        for name in places.keys() & weights.keys()
        if weights[name].shape != flat[places[name]].shape
    )
    if missing or left_over or changed:
        lists = {"missing": missing, "left over": left_over, "of another shape": changed}
        text = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in lists.items() if names)
        hint = _hint(weights, flat[places[_STEM]].shape, stream)
        raise InputError(f"{source} does not fit the encoder: {text}. {hint}")
    for name, full in places.items():
        flat[full] = weights[name]
    return unflatten_dict(flat, sep="/"), sorted(skipped)


def _canonical(full: str, stream: str) -> str | None:
    """`params/encoder/rgb/Conv3d_1a_7x7/...` -> `Conv3d_1a_7x7/...`; None for what is not of that stream's I3D."""
    _, module, rest = full.split("/", 2)
    if module != ENCODER:
        return None
    if rest.startswith(f"{stream}/"):
        return rest.removeprefix(f"{stream}/")
    return rest if stream == "rgb" and rest.startswith(SHARED) else None


def _hint(weights: Weights, stem: tuple[int, ...], stream: str) -> str:
    """What to do about weights that don't fit."""
    given = weights[_STEM].shape if _STEM in weights else ()
    if len(given) != 5:
        return "Give weights of the whole Inception-V1 I3D"
    other = {"rgb": "flow", "flow": "rgb"}[stream]
    if given[3] == _CHANNELS[other]:
        return f"{given[3]} input channels: these are {other} weights, give them as {_KNOBS[other]}"
    if given[0] != stem[0]:
        return "I3D's weights have temporal kernels: config.model.temporal_kernels=True"
    if given[4] != stem[4]:
        return f"They fit the encoder at full width alone: config.model.encoder_width={given[4] / 64:g}"
    return "Give weights of the whole Inception-V1 I3D"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
