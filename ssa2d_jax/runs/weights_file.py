"""A run's weights in one .safetensors file, with its config, classes and scores: for passing on to other people."""

import json
import zlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from flax.typing import VariableDict
from jaxtyping import PyTree, Shaped

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.pretrained.shipped import shipped_name
from ssa2d_jax.runs import saved_config
from ssa2d_jax.runs.saved_config import SavedConfig
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.runtime.finite import named_leaves
from ssa2d_jax.utils import commands, safetensors_file
from ssa2d_jax.utils.array_trees import compare_arrays
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import NOT_PERMITTED, replace_text
from ssa2d_jax.utils.text import first_few

KIND = "ssa2d_jax run"
_SHOWN = 8  # differences that an error names
_KEYS = {"kind", "step", "config", "labels", "scores", "data"}
Metadata = dict[str, Any]  # the values of `_KEYS`; in newer files also the checksum and `about`


def save_run(
    path: Path,
    variables: VariableDict,
    *,
    step: int,
    config: SavedConfig,
    space: LabelSpace,
    workdir: Path,
    half: bool = False,
    about: str = "",
) -> None:
    """Writes `variables` (params and batch_stats) of the run in `workdir`, saved at training step `step`, to `path`.

    The metadata, each a JSON text: step, the run's config (absolute paths as elsewhere/<last part>, and without the
    options of Beam, which belong to this machine), the names of its classes, its scores at that step by split, and
    which data it was trained with.

    Args:
        half: stores kernels, which are nearly all values, as float16; statistics, scales and biases stay float32.
        about: one sentence on what the weights are and aren't good for, shown wherever they are loaded.
    """
    if path.suffix != safetensors_file.SUFFIX:
        raise InputError(f"--output={path}: weights are written as {safetensors_file.SUFFIX}; name such a file")
    files = Workdir(workdir)
    scores = {file.stem: json.loads(file.read_text()) for file in sorted(files.metrics.glob("*.json"))}
    metadata = {
        "kind": KIND,
        "step": step,
        "config": _hide_paths(config | {"data": config["data"] | {"beam": ""}}),
        "labels": space.to_json(),
        "scores": {split: score for split, score in scores.items() if score["step"] == step},
        "data": files.data.read_text().strip() if files.data.exists() else "",
        "about": about,
    }
    flat = flatten_dict(jax.device_get(variables), sep="/")
    tensors = {name: np.asarray(array) for name, array in flat.items()}
    if names := [name for name, array in tensors.items() if not np.isfinite(array).all()]:
        raise InputError(f"{workdir} has weights that are not finite ({first_few(names)}): its training diverged")
    if half:
        tensors = {name: _as_half(name, array) for name, array in tensors.items()}
    safetensors_file.save(path, tensors, metadata | {"checksum": _checksum(tensors)})


def _as_half(name: str, array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """A kernel rounded to float16; other arrays as they are."""
    if array.ndim < 2 or array.dtype != np.float32:
        return array
    largest = float(np.abs(array).max(initial=0))
    if not largest <= float(np.finfo(np.float16).max):
        raise InputError(f"{name} has a value of {largest:g}, which float16 can't store; store the weights as float32")
    return array.astype(np.float16)


def _hide_paths(value: Any) -> Any:
    """`value` with every text that is an absolute path as elsewhere/<last part>."""
    if isinstance(value, dict):
        return {key: _hide_paths(item) for key, item in value.items()}
    return f"elsewhere/{Path(value).name}" if isinstance(value, str) and Path(value).is_absolute() else value


def load_file(path: Path) -> tuple[dict[str, Any], Metadata]:
    """Reads the variables, as float32, and metadata that `save_run` wrote; InputError for any other file."""
    tensors, metadata = safetensors_file.load(path)
    metadata = _check_metadata(path, metadata)
    if "checksum" in metadata and metadata["checksum"] != _checksum(tensors):  # older files have none
        raise InputError(f"{path} is damaged: its weights are not as they were saved. Export or download it again")
    short = (np.float16, jnp.bfloat16)
    halves = {name: array.astype(np.float32) for name, array in tensors.items() if array.dtype in short}
    return unflatten_dict(tensors | halves, sep="/"), metadata


def _checksum(tensors: dict[str, np.ndarray]) -> int:
    """CRC-32 over the tensors' bytes, in the order of their names."""
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(np.ascontiguousarray(tensors[name]).tobytes(), checksum)
    return checksum


def load_metadata(path: Path) -> Metadata:
    """Reads the metadata only; InputError for a file that `save_run` did not write."""
    return _check_metadata(path, safetensors_file.load_metadata(path))


def label_space_of(path: Path) -> LabelSpace:
    """The classes of the run in an exported file."""
    try:
        return LabelSpace.from_json(load_metadata(path)["labels"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: its metadata do not name the classes ({error!r})") from error


def _check_metadata(path: Path, metadata: Metadata) -> Metadata:
    """The metadata, with the present names of options; InputError if they are not those of a run."""
    if metadata.get("kind") != KIND or not metadata.keys() >= _KEYS:
        raise InputError(
            f"{path} holds no run of this project ({commands.short('export_weights')} writes one); "
            "weights of I3D alone go into config.init.encoder_weights"
        )
    if not saved_config.is_config(metadata["config"]) or not isinstance(metadata["step"], int):
        raise InputError(f"{path}: its metadata do not hold the config of a run; get the file again")
    return metadata | {"config": saved_config.rename_keys(metadata["config"])}


def results_folder(path: Path) -> Path:
    """Where scores of a run go: its workdir, or for an exported file x.safetensors the folder x_scores beside it.

    For the weights that come with the package, it is x_scores in the current folder.
    """
    if not path.is_file():
        return path
    folder = Path(f"{path.stem}_scores") if shipped_name(path) else path.with_name(path.stem + "_scores")
    data = load_metadata(path)["data"]
    try:
        folder.mkdir(exist_ok=True)
        replace_text(Workdir(folder).data, data + "\n")
    except FileExistsError as error:
        raise InputError(f"{folder} is a file; scores of {path} go to a folder of that name: move it away") from error
    except OSError as error:
        if error.errno not in NOT_PERMITTED:  # the scores are printed, and writing them says that it may not
            raise
    return folder


def check_tree(template: PyTree, found: PyTree, source: str) -> None:
    """Raises InputError, with the differences, unless `found` has the names, shapes and dtypes of `template`."""
    differences = compare_arrays(named_leaves(template), named_leaves(found))
    lines = differences.lines()
    if differences and differences.is_of_dtypes_alone():
        raise InputError(
            f"{source} is of another precision: {first_few(lines, _SHOWN, '; ')}. JAX_ENABLE_X64 chooses between "
            "float32 and float64: set it as it was when the run was trained, or unset it"
        )
    if lines and all(line.startswith("opt_state/") for line in lines):
        raise InputError(
            f"{source} fits this network, but not its optimizer: {lines[0]}; it was saved by another version of "
            "this program. It can be evaluated; to continue training, start a new --workdir with "
            "--config.init.run=<this one>"
        )
    if lines:
        is_checkpoint = source.startswith("checkpoint ")
        advice = "Use the config that it was trained with (config.json in its workdir)"
        raise InputError(
            f"{source} is of another architecture: {first_few(lines, _SHOWN, '; ')}. "
            + (advice if is_checkpoint else "The file was changed or is damaged: export or download it again")
        )
