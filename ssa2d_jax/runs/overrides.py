"""Options of the command line, set in a saved config."""

import ast
import difflib
from collections.abc import Collection, Container
from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax.runs.saved_config import as_tuples, flatten, renamed_key
from ssa2d_jax.utils.errors import InputError


def set_option(config: ConfigDict, key: str, text: str) -> None:
    """Sets an option of `config`, e.g. "predict.opacity", from its text on the command line.

    Raises:
        InputError: the option does not exist or was renamed, or the text is not a value of its kind.
    """
    known = flatten(config.to_dict())
    if key not in known:
        if new := renamed_key(key):
            raise InputError(f"--config.{key} was renamed: use --config.{new}")
        raise InputError(unknown_option(key, known))
    value = text if isinstance(known[key], str) else _parse(text)
    if not _is_like(value, known[key]):
        raise InputError(f"--config.{key}={text}: allowed is a value like {known[key]!r}")
    *groups, name = key.split(".")
    for group in groups:
        config = config[group]
    with config.ignore_type():
        config[name] = float(value) if type(known[key]) is float else as_tuples(value)


def unknown_option(key: str, known: Collection[str]) -> str:
    """A message for an option that is not among the known ones, with the one that may be meant."""
    if group := [name for name in known if name.startswith(key + ".")]:
        return f"--config.{key} is a group of options, e.g. --config.{group[0]}"
    name = key.rpartition(".")[2]
    near = difflib.get_close_matches(key, known, 1) or [full for full in known if full.rpartition(".")[2] == name]
    hint = f"did you mean --config.{near[0]}?" if near else "docs/options.md lists all options"
    return f"--config.{key}: unknown option; {hint}"


def _parse(text: str) -> Any:
    """A Python literal, or true or false; anything else stays text."""
    try:
        return ast.literal_eval(text.capitalize() if text in ("true", "false") else text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _is_like(value: Any, known: Any) -> bool:
    """Whether a value is of the same kind as the option's present value."""
    if isinstance(known, bool) or isinstance(value, bool):
        return isinstance(known, bool) and isinstance(value, bool)
    kinds = ((int, float) if isinstance(known, float) else int, str, (list, tuple))
    return any(isinstance(known, kind) and isinstance(value, kind) for kind in kinds)


def prefer_init_run(config: ConfigDict, given: Container[str]) -> None:
    """Clears weight files that only a config's variant names, if the command line gives `init.run` instead.

    Args:
        given: keys of the options on the command line.
    """
    if "init.run" in given and config.init.run:
        for name in ("encoder_weights", "flow_weights"):
            if f"init.{name}" not in given:
                config.init[name] = ""
