"""A pickle of arrays, read without running anything that it asks for: stand-ins of ours take numpy's places."""

import collections
import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np


class Refused(ValueError):
    """A pickle names something other than arrays: the message says what."""


class _Dtype:
    """In place of numpy.dtype: a plain number type and its byte order, nothing that could hold objects."""

    def __init__(self, name: Any, *_: Any):
        if not isinstance(name, str) or not re.fullmatch(r"[<>=|]?[fiub][1248]", name):
            raise Refused(f"it has an array of {str(name)[:40]!r}, not of numbers")
        self.numpy = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "=", "|"):
            raise Refused("it has a type of numbers in no known form")
        self.numpy = self.numpy.newbyteorder(state[1])


class _Array:
    """In place of an array that numpy would make in two steps, an empty one and its state."""

    numpy: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise Refused("it has an array in no known form")
        _, shape, dtype, fortran, data = state
        self.numpy = _from_bytes(data, dtype, shape, "F" if fortran else "C")


def _from_bytes(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    fits = isinstance(data, bytes | bytearray) and isinstance(dtype, _Dtype) and order in ("C", "F")
    fits = fits and isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not fits or math.prod(shape) * dtype.numpy.itemsize != len(data):
        raise Refused("it has an array in no known form")
    return np.frombuffer(data, dtype.numpy).reshape(shape, order=order)


def _array_from_buffer(*arguments: Any) -> _Array:
    """In place of numpy's way since pickle's protocol 5."""
    if len(arguments) not in (3, 4):
        raise Refused("it has an array in no known form")
    made = _Array()
    made.numpy = _from_bytes(*arguments)
    return made


def _not_callable(*_: Any) -> None:
    """In place of numpy.ndarray, which a pickle may name, but has no reason to call."""
    raise Refused("it calls numpy.ndarray")


# All that a pickle may name; numpy 1 and 2 call two of them differently.
_ADMITTED = {
    ("numpy", "ndarray"): _not_callable,
    ("numpy", "dtype"): _Dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: _Array() for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _array_from_buffer for core in ("core", "_core")},
}


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise Refused(f"it asks for {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise Refused("it refers to something outside the file")


def load(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a pickled tree of dicts by path, `a/b/c`; raises Refused unless there is nothing else in it."""
    with path.open("rb") as file:
        tree = _Arrays(file).load()
    if not isinstance(tree, dict):
        raise Refused(f"it is a {type(tree).__name__}, not a dict of arrays")
    return dict(_leaves(tree, ""))


def _leaves(tree: dict[Any, Any], prefix: str) -> Any:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}/")
        elif isinstance(value, _Array) and value.numpy is not None:
            yield f"{prefix}{key}", value.numpy
        else:
            raise Refused(f"{prefix}{key} is a {type(value).__name__}, not an array of numbers")
