"""Reads a pickle of arrays without running anything that it names: own stand-ins replace numpy's functions."""

import collections
import math
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class UnsafePickle(ValueError):
    """A pickle holds or names something other than arrays; the message says what, as a clause."""


class _Dtype:
    """Replaces numpy.dtype: a plain number type and its byte order, never a type that can hold objects."""

    def __init__(self, name: Any, *_: Any):
        if not isinstance(name, str) or not re.fullmatch(r"[<>=|]?[fiub][1248]", name):
            raise UnsafePickle(f"it has an array of {str(name)[:40]!r} instead of numbers")
        self.numpy = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "=", "|"):
            raise UnsafePickle("it has a number type in an unknown form")
        self.numpy = self.numpy.newbyteorder(state[1])


class _Array:
    """Replaces an array that numpy creates in two steps: first empty, then with its state."""

    numpy: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise UnsafePickle("it has an array in an unknown form")
        _, shape, dtype, fortran, data = state
        self.numpy = _from_bytes(data, dtype, shape, "F" if fortran else "C")


def _from_bytes(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    fits = isinstance(data, bytes | bytearray) and isinstance(dtype, _Dtype) and order in ("C", "F")
    fits = fits and isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not fits or math.prod(shape) * dtype.numpy.itemsize != len(data):
        raise UnsafePickle("it has an array in an unknown form")
    return np.frombuffer(data, dtype.numpy).reshape(shape, order=order)


def _array_from_buffer(*arguments: Any) -> _Array:
    """Replaces the function that numpy uses since pickle protocol 5."""
    if len(arguments) not in (3, 4):
        raise UnsafePickle("it has an array in an unknown form")
    array = _Array()
    array.numpy = _from_bytes(*arguments)
    return array


def _not_callable(*_: Any) -> None:
    """Replaces numpy.ndarray, which a pickle of arrays names but never calls."""
    raise UnsafePickle("it calls numpy.ndarray")


# All that a pickle may name; numpy 1 and 2 have different names for two of them.
_ALLOWED = {
    ("numpy", "ndarray"): _not_callable,
    ("numpy", "dtype"): _Dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: _Array() for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _array_from_buffer for core in ("core", "_core")},
}


class RestrictedUnpickler(pickle.Unpickler):
    """Resolves no name except those of `allowed`, by module and name, and nothing outside the file."""

    allowed: Mapping[tuple[str, str], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.allowed[module, name]
        except KeyError:
            raise UnsafePickle(f"it names {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickle("it refers to something outside the file")


class _ArrayUnpickler(RestrictedUnpickler):
    allowed = _ALLOWED


def load(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a pickled tree of dicts, by path: `a/b/c`.

    Raises:
        UnsafePickle: the file holds anything else.
    """
    with path.open("rb") as file:
        tree = _ArrayUnpickler(file).load()
    if not isinstance(tree, dict):
        raise UnsafePickle(f"it is a {type(tree).__name__}, not a dict of arrays")
    return dict(_leaves(tree, ""))


def _leaves(tree: dict[Any, Any], prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}/")
        elif isinstance(value, _Array) and value.numpy is not None:
            yield f"{prefix}{key}", value.numpy
        else:
            raise UnsafePickle(f"{prefix}{key} is a {type(value).__name__}, not an array of numbers")
