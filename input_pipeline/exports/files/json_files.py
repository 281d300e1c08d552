"""Which of an export's JSON files have a tool's form, and what their fields hold."""

from collections.abc import Callable, Mapping
from typing import Any

from input_pipeline.exports.files.archive import Archive
from input_pipeline.releases.json_fields import shorten
from ssa2d_jax.utils.errors import InputError

Entry = Mapping[str, Any]


def find_json(archive: Archive, words: tuple[str, ...], is_form: Callable[[object], bool]) -> list[str]:
    """The JSON files that contain all `words` and whose content has a form; files that are no JSON are left out."""
    found = []
    for name in archive.ending_with(".json"):
        data = archive.read(name)
        if all(word.encode() in data for word in words):
            try:
                content = archive.read_json(name)
            except InputError:
                continue
            found += [name] if is_form(content) else []
    return found


def entries(value: object, place: str) -> list[Entry]:
    """A list of objects. Raises InputError, with `place`, for anything else."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InputError(f"{place} is {shorten(value)}; expected a list of objects")
    return value


def numbers(value: object, place: str) -> list[float]:
    """A flat list of numbers. Raises InputError, with `place`, for anything else."""
    if not isinstance(value, list) or not all(type(one) in (int, float) for one in value):
        raise InputError(f"{place} is {shorten(value)}; expected a list of numbers")
    try:
        return [float(one) for one in value]
    except OverflowError as error:
        raise InputError(f"{place} has a number that is too large") from error


def point_numbers(value: object, place: str) -> list[float]:
    """x and y in turn of a list of points. Raises InputError, with `place`, for anything else."""
    if not isinstance(value, list):
        raise InputError(f"{place} are {shorten(value)}; expected a list of points")
    return [number for point in value for number in numbers(point, f"{place}: a point")]


def text(value: object, place: str) -> str:
    """A text that is not empty. Raises InputError, with `place`, for anything else."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{place} is {shorten(value)}; expected a text")
    return value.strip()
