"""Reads the weights of Keras models: the .h5 files of Keras 1 and 2, and .weights.h5 and .keras of Keras 3."""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.utils.errors import InputError

WEIGHTS, CONFIG = "model.weights.h5", "config.json"  # in a .keras file, which is a zip archive
_LARGEST = 1 << 31  # bytes
_NO_LAYERS = ("optimizer", "seed_generator")  # the state of training and of dropout
# A layer's variables in the order in which Keras 3 numbers them.
_CONVOLUTION = ("kernel", "bias")
_BATCH_NORM = {4: ("gamma", "beta", "moving_mean", "moving_variance"), 3: ("beta", "moving_mean", "moving_variance")}


def load(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of an .h5 or .keras file by layer and weight: `Conv3d_1a_7x7_bn/beta`.

    Raises:
        InputError: the layers have no names.
        Exception: whatever a damaged file makes h5py and zipfile raise.
    """
    import h5py

    if not zipfile.is_zipfile(path):
        with h5py.File(path, "r") as file:
            return _read(path, file, {})
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(WEIGHTS).file_size
        if size > _LARGEST:
            raise InputError(f"{path}: its weights have {size} bytes; at most {_LARGEST} are read")
        names = _names_by_path(json.loads(archive.read(CONFIG))) if CONFIG in archive.namelist() else {}
        with h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as file:
            return _read(path, file, names)


def _read(path: Path, file: Any, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The arrays of an open file; `names` of layers by their path in it, where the file itself has none."""
    import h5py

    arrays: dict[str, np.ndarray] = {}
    groups: dict[str, Any] = {}  # "vars" of Keras 3

    def visit(name: str | bytes, item: Any) -> None:
        text = name.decode() if isinstance(name, bytes) else name
        parts = text.split("/")
        if isinstance(item, h5py.Group) and parts[-1] == "vars":
            groups[text] = item
        elif isinstance(item, h5py.Dataset) and parts[-2:-1] != ["vars"]:
            arrays[f"{parts[0]}/{parts[-1]}" if len(parts) > 1 else text] = np.asarray(item[()])

    file.get("model_weights", file).visititems(visit)
    unnamed = []
    for place, group in groups.items():
        folder = place.removesuffix("vars").strip("/")
        if not len(group) or folder.rpartition("/")[2].startswith(_NO_LAYERS):
            continue
        name = group.attrs.get("name") or names.get(folder)
        if name is None:
            unnamed.append(folder)
        else:
            arrays |= _variables(name.decode() if isinstance(name, bytes) else str(name), group)
    if unnamed and not arrays:
        raise InputError(
            f"{path} is a Keras 3 file without the names of its layers ({len(unnamed)} of them, e.g. {unnamed[0]}), "
            "so that it is unclear which is which; save the whole model, model.save('i3d.keras'), or use a newer Keras"
        )
    return arrays


def _variables(layer: str, group: Any) -> dict[str, np.ndarray]:
    """The variables of a layer of Keras 3, which have numbers instead of names."""
    numbers = sorted(group, key=lambda key: (len(key), key))
    shapes = [group[number].shape for number in numbers]
    kinds: tuple[str, ...]
    if len(shapes[0]) > 1:
        kinds = _CONVOLUTION if len(numbers) <= len(_CONVOLUTION) else ()
    else:
        kinds = _BATCH_NORM.get(len(numbers), ())
    kinds = kinds[: len(numbers)] or tuple(f"variable_{number}" for number in numbers)
    return {f"{layer}/{kind}": np.asarray(group[number][()]) for kind, number in zip(kinds, numbers, strict=True)}


def _names_by_path(config: Any, folder: str = "") -> dict[str, str]:
    """The names of a model's layers by their path in its weights: the layers of a class are numbered in their order."""
    settings = config.get("config") if isinstance(config, dict) else None
    layers = settings.get("layers", []) if isinstance(settings, dict) else []
    counts: dict[str, int] = {}
    names = {}
    for layer in layers:
        kind = _snake_case(str(layer.get("class_name")))
        number = counts[kind] = counts.get(kind, -1) + 1
        place = f"{folder}layers/{kind}_{number}" if number else f"{folder}layers/{kind}"
        names[place] = str(layer.get("config", {}).get("name"))
        names |= _names_by_path(layer, f"{place}/")  # of a model that is a layer
    return names


def _snake_case(name: str) -> str:
    """Conv3D -> conv3d, BatchNormalization -> batch_normalization, as Keras does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
