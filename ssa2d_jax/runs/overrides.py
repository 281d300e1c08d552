"""Options of the command line on top of a saved config."""

import ast
from collections.abc import Container
from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax.runs.saved_config import as_tuples, flatten
from ssa2d_jax.utils.errors import InputError


def set_option(config: ConfigDict, knob: str, text: str) -> None:
    """Sets a knob of `config`, "predict.opacity", from what the command line says; InputError where that can't be."""
    known = flatten(config.to_dict())
    if knob not in known:
        raise InputError(f"--config.{knob}: there is no such knob; configs/default.py lists them")
    try:
        value = (
            text
            if isinstance(known[knob], str)
            else ast.literal_eval(text.capitalize() if text in ("true", "false") else text)
        )
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    if not _like(value, known[knob]):
        raise InputError(f"--config.{knob}={text}: needed is a value like {known[knob]!r}")
    *groups, name = knob.split(".")
    for group in groups:
        config = config[group]
    with config.ignore_type():
        config[name] = float(value) if type(known[knob]) is float else as_tuples(value)


def _like(value: Any, known: Any) -> bool:
    """Whether a value is of the kind that a knob has now."""
    if isinstance(known, bool) or isinstance(value, bool):
        return isinstance(known, bool) and isinstance(value, bool)
    kinds = ((int, float) if isinstance(known, float) else int, str, (list, tuple))
    return any(isinstance(known, kind) and isinstance(value, kind) for kind in kinds)


def prefer_init_run(config: ConfigDict, given: Container[str]) -> None:
    """Where `given`, the knobs on the command line, have init.run: it stands in for weight files that they haven't."""
    if "init.run" in given and config.init.run:
        for knob in ("encoder_weights", "flow_weights"):
            if f"init.{knob}" not in given:
                config.init[knob] = ""
