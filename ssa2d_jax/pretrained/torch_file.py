"""Reads the tensors of a file that PyTorch saved, without PyTorch, and without running anything that the file names.

Both of PyTorch's formats, in every protocol of pickle: the zip archive with `data.pkl` and a file for each storage, and
the older sequence of pickles, followed by the storages.
"""

import collections
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Shaped

from ssa2d_jax.pretrained.safe_pickle import RestrictedUnpickler, UnsafePickle
from ssa2d_jax.utils.errors import InputError

_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # a number as pickle writes it: the first thing in the older format
_STATE_DICTS = ("state_dict", "model_state_dict", "model")  # where a checkpoint has it
_LARGEST = 1 << 28  # elements of a tensor
_DTYPES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?",
}  # fmt: skip
_SAVE = "save its state_dict: torch.save(model.state_dict(), ...)"

Order = Literal["<", ">"]  # of bytes
ReadStorage = Callable[["_Storage"], bytes]


class _Storage(NamedTuple):
    """Where the elements of tensors are: `kind` is a key of `_DTYPES`."""

    kind: str
    key: str
    elements: int

    @property
    def item_bytes(self) -> int:
        name = _DTYPES[self.kind]
        return 2 if name == "bfloat16" else np.dtype(name).itemsize


class _Tensor(NamedTuple):
    """A tensor as PyTorch describes it, not checked yet."""

    storage: Any
    offset: Any
    size: Any
    stride: Any


class _StorageType(NamedTuple):
    kind: str


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, size, stride)


def _rebuild_parameter(data: Any, *_: Any) -> Any:
    return data


class _NumpyNumber:
    """Replaces numbers of numpy and their types, which checkpoints have beside the weights, e.g. for the best score."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


# All that a file may name, each replaced by a stand-in.
_ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
    ("numpy", "dtype"): _NumpyNumber,
    ("_codecs", "encode"): _NumpyNumber,  # the bytes of such a number in protocol 2
    **{(f"numpy.{core}.multiarray", "scalar"): _NumpyNumber for core in ("core", "_core")},
    **{("torch", kind): _StorageType(kind) for kind in _DTYPES},
}


class _Unpickler(RestrictedUnpickler):
    allowed = _ALLOWED

    def persistent_load(self, pid: Any) -> _Storage:
        valid = (
            isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage" and isinstance(pid[1], _StorageType)
        )
        if not valid or (len(pid) == 6 and pid[5] is not None) or type(pid[4]) is not int:
            raise UnsafePickle("it refers to a storage in an unknown form")
        return _Storage(pid[1].kind, str(pid[2]), pid[4])


def is_legacy(head: bytes) -> bool:
    """Whether a file that begins with `head`, 32 bytes, is in the older format."""
    return head[:1] == b"\x80" and _MAGIC in head


def is_archive(names: list[str]) -> bool:
    """Whether a zip archive with files of these names is PyTorch's."""
    return any(name.endswith("/data.pkl") or name == "data.pkl" for name in names)


def load(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a state_dict, or of the one in a checkpoint, in PyTorch's layout, by name.

    Raises:
        InputError: the file holds no state_dict, or more than tensors.
        Exception: whatever a damaged file makes pickle, zipfile and numpy raise.
    """
    try:
        return _load_archive(path) if zipfile.is_zipfile(path) else _load_legacy(path)
    except UnsafePickle as error:
        raise InputError(f"{path} holds more than tensors ({error}), so it was not loaded; {_SAVE}") from error


def _load_archive(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        root = next(name for name in names if is_archive([name])).removesuffix("data.pkl")
        if f"{root}constants.pkl" in names:
            raise InputError(
                f"{path} is a TorchScript program; save its state_dict: "
                "torch.save(torch.jit.load(path).state_dict(), ...)"
            )
        order = archive.read(f"{root}byteorder").decode() if f"{root}byteorder" in names else "little"

        def read(storage: _Storage) -> bytes:
            entry = archive.getinfo(f"{root}data/{storage.key}")
            if entry.file_size != storage.elements * storage.item_bytes:
                raise ValueError(f"storage {storage.key} has {entry.file_size} bytes, not {storage.elements} elements")
            return archive.read(entry)

        with archive.open(f"{root}data.pkl") as file:
            state = _Unpickler(file, encoding="utf-8").load()
        return _arrays(path, state, read, ">" if order == "big" else "<")


def _load_legacy(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        _, _, system, state, keys = (_Unpickler(file, encoding="utf-8").load() for _ in range(5))
        order: Order = "<" if not isinstance(system, dict) or system.get("little_endian", True) else ">"
        storages: dict[str, _Storage] = {}
        _find_storages(state, storages)
        contents = {str(key): _read_storage(file, storages.get(str(key)), order) for key in keys}
        return _arrays(path, state, lambda storage: contents[storage.key], order)


def _find_storages(value: Any, found: dict[str, _Storage]) -> None:
    """Adds the storages of all tensors in nested dicts, lists and tuples by their keys."""
    if isinstance(value, _Tensor):
        found[value.storage.key] = value.storage
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            _find_storages(item, found)


def _read_storage(file: IO[bytes], storage: _Storage | None, order: Order) -> bytes:
    if storage is None:
        raise ValueError("a storage belongs to no tensor")
    count = int(np.frombuffer(file.read(8), f"{order}i8")[0])
    if count != storage.elements:
        raise ValueError(f"storage {storage.key} has {count} elements, not {storage.elements}")
    data = file.read(count * storage.item_bytes)
    if len(data) < count * storage.item_bytes:
        raise ValueError(f"storage {storage.key} is cut off")
    return data


def _arrays(path: Path, state: Any, read: ReadStorage, order: Order) -> dict[str, np.ndarray]:
    """The arrays of the state_dict in what a file holds."""
    for key in _STATE_DICTS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise InputError(f"{path} holds no state_dict, but a {type(state).__name__}; {_SAVE}")
    other = next((name for name, value in state.items() if not isinstance(value, _Tensor)), None)
    if other is not None:
        kind = type(state[other]).__name__
        raise InputError(f"{path} holds no state_dict: {str(other)[:60]} is a {kind}, not a tensor; {_SAVE}")
    return {str(name): _array(str(name), tensor, read, order) for name, tensor in state.items()}


def _array(name: str, tensor: _Tensor, read: ReadStorage, order: Order) -> Shaped[np.ndarray, "..."]:
    """The array of a tensor; bfloat16 becomes float32."""
    storage, offset, size, stride = tensor
    numbers = (offset, *size, *stride)
    if not isinstance(storage, _Storage) or not all(type(number) is int and number >= 0 for number in numbers):
        raise UnsafePickle(f"{name} is in an unknown form")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if math.prod(size) > _LARGEST or (math.prod(size) and last >= storage.elements):
        raise ValueError(f"{name} reaches beyond its storage")
    data, dtype = read(storage), _DTYPES[storage.kind]
    if dtype == "bfloat16":  # the upper half of a float32
        flat = (np.frombuffer(data, f"{order}u2").astype(np.uint32) << 16).view(np.float32)
    else:
        flat = np.frombuffer(data, np.dtype(dtype).newbyteorder(order))
    strides = [step * flat.itemsize for step in stride]
    return np.array(np.lib.stride_tricks.as_strided(flat[offset:], size, strides, writeable=False))
