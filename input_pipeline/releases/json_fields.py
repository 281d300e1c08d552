"""Reads JSON files that are not to be trusted: an error says what was found and what is expected."""

import contextlib
import json
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ssa2d_jax.utils.errors import InputError

Entry = Mapping[str, Any]  # an object of a JSON file
_Value = TypeVar("_Value", int, str, list, dict)
_KINDS: Mapping[type, str] = {int: "a whole number", str: "a text", list: "a list", dict: "an object"}


def read_json(path: Path) -> object:
    """The content of a JSON file. Raises InputError if it is none."""
    try:
        return json.loads(path.read_bytes())  # in UTF-8, 16 or 32
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file ({error})") from error


def read_field(entry: Entry, key: str, kind: type[_Value], alternative: str = "") -> _Value:
    """The value of a field that must be there and of `kind`; an error also names the `alternative` to the field."""
    value = entry.get(key)
    if kind is int:
        value = whole_number(value)
    if type(value) is not kind:
        expected = _KINDS[kind] + (f", {alternative}" if alternative else "")
        raise InputError(f"{key} is {describe_field(entry, key)}; expected {expected}")
    return value


def read_number(entry: Entry, key: str, least: int) -> int:
    """The whole number in a field that must be there: at least `least`, at most of 31 bits."""
    value = whole_number(entry.get(key))
    if value is None or not least <= value < 1 << 31:
        raise InputError(f"{key} is {describe_field(entry, key)}; expected a whole number, {least} or more")
    return value


def whole_number(value: object) -> int | None:
    """A whole number, which a program may have written as 4.0; None for any other value."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def describe_field(entry: Entry, key: str) -> str:
    """The value of a field, shortened; "missing" without it."""
    return shorten(entry[key]) if key in entry else "missing"


def shorten(value: object) -> str:
    """A value as messages show it, shortened if it is long."""
    return reprlib.repr(value)


@contextlib.contextmanager
def error_place(place: str) -> Iterator[None]:
    """Begins the message of an InputError with `place`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
