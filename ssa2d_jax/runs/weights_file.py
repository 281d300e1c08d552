"""A run's weights in one .safetensors file, with its config, classes and scores: what one hands to others."""

import json
import zlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.runs import saved_config
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text

KIND = "ssa2d_jax run"
_KEYS = {"kind", "step", "config", "labels", "scores", "data"}


def save_run(
    path: Path, variables: Any, *, step: int, config: dict[str, Any], space: LabelSpace, workdir: Path
) -> None:
    """Writes `variables` (params and batch_stats) of the run in `workdir`, as saved after update `step`, to `path`.

    The metadata, each a JSON text: step, the run's config (absolute paths as elsewhere/<last part>, and no options
    of Beam, which are this machine's), names of its classes, its scores at that step by split, and which data it was
    trained with.
    """
    if path.suffix != safetensors_file.SUFFIX:
        raise InputError(f"--output={path}: weights are written as {safetensors_file.SUFFIX}; name such a file")
    scores = {file.stem: json.loads(file.read_text()) for file in sorted((workdir / "metrics").glob("*.json"))}
    data = workdir / "data.txt"
    metadata = {
        "kind": KIND,
        "step": step,
        "config": _without_places(config | {"data": config["data"] | {"beam": ""}}),
        "labels": space.to_json(),
        "scores": {split: score for split, score in scores.items() if score["step"] == step},
        "data": data.read_text().strip() if data.exists() else "",
    }
    flat = flatten_dict(jax.device_get(variables), sep="/")
    tensors = {name: np.asarray(array) for name, array in flat.items()}
    safetensors_file.save(path, tensors, metadata | {"checksum": _checksum(tensors)})


def _without_places(told: Any) -> Any:
    """`told` with every text that is an absolute path as elsewhere/<last part>."""
    if isinstance(told, dict):
        return {key: _without_places(value) for key, value in told.items()}
    return f"elsewhere/{Path(told).name}" if isinstance(told, str) and Path(told).is_absolute() else told


def load_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """-> (variables, metadata) as `save` wrote them; InputError for any other file."""
    tensors, metadata = safetensors_file.load(path)
    metadata = _checked(path, metadata)
    if "checksum" in metadata and metadata["checksum"] != _checksum(tensors):  # older files have none
        raise InputError(f"{path} is damaged: its weights are not as they were saved. Make or fetch it again")
    return unflatten_dict(tensors, sep="/"), metadata


def _checksum(tensors: dict[str, np.ndarray]) -> int:
    """CRC-32 over the tensors' bytes, in the order of their names."""
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(np.ascontiguousarray(tensors[name]).tobytes(), checksum)
    return checksum


def load_metadata(path: Path) -> dict[str, Any]:
    """The metadata alone."""
    return _checked(path, safetensors_file.load_metadata(path))


def label_space_of(path: Path) -> LabelSpace:
    """The classes of the run in an exported file."""
    try:
        return LabelSpace.from_json(load_metadata(path)["labels"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: its metadata don't say which classes it has ({error!r})") from error


def _checked(path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    if metadata.get("kind") != KIND or not metadata.keys() >= _KEYS:
        raise InputError(
            f"{path} holds no run of this project (--mode=export_weights writes one); "
            "weights of I3D alone go into config.init.encoder_weights"
        )
    if not saved_config.is_config(metadata["config"]) or not isinstance(metadata["step"], int):
        raise InputError(f"{path}: its metadata hold no config of a run; get it from elsewhere")
    return metadata


def results_folder(path: Path) -> Path:
    """Where scores of a run go: its workdir, or of an exported file x.safetensors the folder x_scores beside it."""
    if not path.is_file():
        return path
    folder = path.with_name(path.stem + "_scores")
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"{folder} is a file; scores of {path} go to a folder of that name: move it away") from error
    data = load_metadata(path)["data"]
    replace_text(folder / "data.txt", data + "\n")
    return folder
