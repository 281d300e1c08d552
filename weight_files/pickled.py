"""A pickle of arrays, read without running anything that it asks for."""

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np

try:  # numpy 2
    from numpy._core import multiarray, numeric
except ImportError:  # pragma: no cover
    from numpy.core import multiarray, numeric

# All that a pickle may name; numpy 1 and 2 call two of them differently.
_ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): collections.OrderedDict,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): multiarray._reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): numeric._frombuffer for core in ("core", "_core")},
}


class Refused(ValueError):
    """A pickle names something other than arrays: the message says what."""


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
        elif isinstance(value, np.ndarray) and value.dtype != object:
            yield f"{prefix}{key}", value
        else:
            raise Refused(f"{prefix}{key} is a {type(value).__name__}, not an array of numbers")
