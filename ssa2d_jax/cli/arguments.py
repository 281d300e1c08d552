"""The words of a command line, taken apart. Nothing heavy is imported here."""

import argparse
import dataclasses
import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ml_collections import ConfigDict

from ssa2d_jax.cli import hints
from ssa2d_jax.cli.checkout import add_checkout, find_config
from ssa2d_jax.utils.errors import InputError

FLAGS = {
    "config": "a Python config file, with or without a variant (configs/sprites.py:tiny), or a run's config.json",
    "workdir": "the folder of a run; predict, eval and export also take a file that export_weights wrote",
    "input": "predict: a video, a folder of videos or of pictures (one video), the number of a camera, e.g. 0, or a "
    "tracks.json, which --format writes anew; convert: an export",
    "output": "predict, export, convert: a folder; export_weights: a .safetensors file; check: a folder for check.png",
    "format": "predict: writes the tracks for labelling tools, too: cvat, coco, youtube_vis, labelme, or several with "
    "commas between",
    "coordinator": "train, eval, ablate, profile in several processes: host:port of process 0, the same in all",
    "process_id": "the number of this process, from 0",
    "process_count": "the number of processes; 1: alone, whatever a cluster sets",
}
_OPTION = "--config."
_FORMATS = "predict.formats"  # what --format sets
_MISSING = "\0"  # the value of an option that has none


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What a command line says.

    `config` is the config of a Python file, with its options set. Where there is no such file (`config` is None), the
    options wait as text in `options`, by key ("predict.opacity"), for the config of a run: the one in `config_json`,
    or the one in `workdir`.
    """

    command: str
    program: str  # the words before the flags, for messages
    config: ConfigDict | None = None
    config_json: Path | None = None
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    workdir: Path | None = None
    input: str | None = None
    output: Path | None = None
    coordinator: str | None = None
    process_id: int | None = None
    process_count: int | None = None


class _Parser(argparse.ArgumentParser):
    """argparse, with errors as InputError."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def parse(command: str, program: str, words: Sequence[str]) -> Arguments:
    """Takes apart the flags of `command`.

    Raises InputError for an unknown flag, a word that belongs to none, or a config that can't be loaded.
    """
    plain, option_words = _split_options(words)
    parser = _Parser(prog=program, allow_abbrev=False, add_help=False)
    for name in FLAGS:
        parser.add_argument(f"--{name}", action="append")
    known, unknown = parser.parse_known_args(plain)
    if unknown:
        raise InputError(_unknown_words(unknown, command))
    flags: dict[str, str | None] = {}
    for name, values in vars(known).items():
        if values is not None and len(values) > 1:
            raise InputError(f"--{name} is given {len(values)} times ({', '.join(values)}); give one")
        flags[name] = values[0] if values else None
    if flags["format"] is not None:
        option_words.append(_format_option(flags["format"], command, option_words))
    place, is_json = flags["config"], (flags["config"] or "").endswith(".json")
    return Arguments(
        command,
        program,
        config=_load_config(place, option_words) if place and not is_json else None,
        config_json=Path(place) if place and is_json else None,
        options=_options(option_words),
        workdir=Path(flags["workdir"]) if flags["workdir"] else None,
        input=flags["input"] or None,
        output=Path(flags["output"]) if flags["output"] else None,
        coordinator=flags["coordinator"] or None,
        process_id=_number("process_id", flags["process_id"]),
        process_count=_number("process_count", flags["process_count"]),
    )


def _number(flag: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise InputError(f"--{flag} is {text!r}; a whole number is needed")
    return int(text)


def _split_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags, and the words of `--config.<key>=<value>`; a value that stands by itself is joined to its key."""
    plain: list[str] = []
    options: list[str] = []
    waiting = False
    for word in words:
        if waiting and not word.startswith("--"):
            options[-1] += f"={word}"
            waiting = False
        elif word.startswith((_OPTION, "--noconfig.")):
            options.append(word)
            waiting = "=" not in word
        else:
            plain.append(word)
            waiting = False
    return plain, options


def _format_option(formats: str, command: str, option_words: Sequence[str]) -> str:
    """--format as the option that it sets. Raises InputError if it names no formats."""
    from ssa2d_jax.data.export_formats import FORMATS_RULE, are_formats, unknown_format

    if command != "predict":
        raise InputError(f"--format={formats}: {command} writes no labels; it is a flag of predict")
    if _FORMATS in _options(option_words):
        raise InputError(f"--format and {_OPTION}{_FORMATS} are both given; give one of them")
    if not are_formats(formats):
        raise InputError(f"--format is {formats!r}{unknown_format(formats)}; allowed: {FORMATS_RULE}")
    return f"{_OPTION}{_FORMATS}={formats}"


def _options(words: Sequence[str]) -> dict[str, str]:
    """Values by key."""
    pairs = [word.removeprefix(_OPTION).partition("=") for word in words]
    return {key: value if is_set else _MISSING for key, is_set, value in pairs}


def is_missing(text: str) -> bool:
    """Whether an option of `Arguments.options` was given without a value."""
    return text == _MISSING


def _load_config(place: str, option_words: Sequence[str]) -> ConfigDict:
    """The config of a Python file with its options set; InputError, in a line, if it can't be loaded."""
    name, colon, variant = place.partition(":")
    path = find_config(Path(name))
    if path.suffix != ".py" or not path.is_file():
        raise InputError(hints.missing_config(Path(name), colon + variant, FLAGS["config"], add_checkout()))
    file = f"{path}{colon}{variant}"
    root = str(path.absolute().parent.parent)
    if root not in sys.path:
        sys.path.append(root)  # for `from configs import ...` in the file
    try:
        config = _read_config_file(file, [])
    except Exception as error:  # whatever the file's own code raises
        raise InputError(hints.config_error(place, _last_line(error))) from error
    _check_options(config, _options(option_words))
    try:
        return _read_config_file(file, option_words)
    except Exception as error:  # values of another kind
        raise InputError(_last_line(error)) from error


def _read_config_file(place: str, option_words: Sequence[str]) -> ConfigDict:
    from absl import flags
    from ml_collections import config_flags

    argv = ["main.py", f"--config={place}", *option_words]
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    values(argv)
    config = values["config"].value
    if not isinstance(config, ConfigDict):
        getattr(config, "to_dict", None)  # a file that could not be loaded raises only here
        raise InputError(f"get_config returns {type(config).__name__}; a ConfigDict is needed")
    return config


def _check_options(config: ConfigDict, options: Mapping[str, str]) -> None:
    """Raises InputError for an option that `config` does not have."""
    from ssa2d_jax.runs.overrides import unknown_option
    from ssa2d_jax.runs.saved_config import flatten, renamed_key

    known = flatten(config.to_dict())
    for key in options:
        if new := renamed_key(key):
            raise InputError(f"--config.{key} was renamed: use --config.{new}")
        if key.removeprefix("--noconfig.") not in known:
            raise InputError(unknown_option(key, known))


def _last_line(error: Exception) -> str:
    """What is wrong, of a message in which config_flags may wrap a whole traceback."""
    text = str(error.args[0] if error.args else error).replace("\\n", "\n").replace("\\'", "'")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    text = re.sub(r"invalid literal for int\(\) with base 10: ('.*')", r"\1 is no whole number", text)
    text = re.sub(r"could not convert string to float: ('.*')", r"\1 is no number", text)
    return text.removeprefix("ValueError: ").replace("module 'config_config'", "the file")


def _unknown_words(words: Sequence[str], command: str) -> str:
    """A message for words that belong to no flag."""
    flag = words[0].partition("=")[0]
    if not flag.startswith("--"):
        return hints.unexpected_word(words[0], command)
    near = difflib.get_close_matches(flag.removeprefix("--"), FLAGS, 1)
    hint = f"; did you mean --{near[0]}?" if near else f"; there are --{', --'.join(FLAGS)} and --config.<option>"
    return f"unknown flag {flag}{hint}"
