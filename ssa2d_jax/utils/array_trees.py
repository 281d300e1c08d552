"""Comparing two flat trees of arrays, name -> array, by names, shapes and dtypes. No framework in here."""

import dataclasses
from collections.abc import Container, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np


class HasShape(Protocol):
    """An array, or what stands for one: `jax.ShapeDtypeStruct`, the metadata of a checkpoint."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...


class ArraySpec(NamedTuple):
    """Shape and dtype of an array; `dtype` is None where it is not compared."""

    shape: tuple[int, ...]
    dtype: str | None = None

    def __str__(self) -> str:
        return f"{list(self.shape)} {self.dtype}" if self.dtype else f"{list(self.shape)}"


@dataclasses.dataclass(frozen=True)
class TreeDifferences:
    """How a tree differs from the expected one, names in order; it is true (`bool`) if there is any difference."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    changed: Mapping[str, tuple[ArraySpec, ArraySpec]]  # name -> (as found, as expected)

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.changed)

    def is_of_dtypes_alone(self) -> bool:
        """Whether names and shapes are as expected."""
        shapes_agree = all(found.shape == expected.shape for found, expected in self.changed.values())
        return not self.missing and not self.unexpected and shapes_agree

    def changed_lines(self) -> list[str]:
        """One line of text for every array of another shape or dtype."""
        return [f"{name} is {found}, this model has {expected}" for name, (found, expected) in self.changed.items()]

    def lines(self) -> list[str]:
        """One line of text for every difference: changed arrays, then missing and unexpected ones."""
        missing = [f"{name} is missing" for name in self.missing]
        return self.changed_lines() + missing + [f"{name} is not in this model" for name in self.unexpected]


def compare_arrays(
    expected: Mapping[str, HasShape],
    found: Mapping[str, HasShape],
    *,
    dtypes: bool = True,
    free_last_axis: Container[str] = (),
) -> TreeDifferences:
    """Compares `found` with `expected`.

    Args:
        dtypes: Whether dtypes are compared, too.
        free_last_axis: Names of arrays whose last axis may have another size (the classes of a head).
    """
    changed = {}
    for name in sorted(expected.keys() & found.keys()):
        specs = _spec(found[name], dtypes), _spec(expected[name], dtypes)
        if _compared(specs[0], name in free_last_axis) != _compared(specs[1], name in free_last_axis):
            changed[name] = specs
    missing, unexpected = expected.keys() - found.keys(), found.keys() - expected.keys()
    return TreeDifferences(tuple(sorted(missing)), tuple(sorted(unexpected)), changed)


def _spec(array: HasShape, dtypes: bool) -> ArraySpec:
    return ArraySpec(tuple(array.shape), np.dtype(array.dtype).name if dtypes else None)


def _compared(spec: ArraySpec, free_last_axis: bool) -> ArraySpec:
    return spec._replace(shape=spec.shape[:-1]) if free_last_axis else spec
