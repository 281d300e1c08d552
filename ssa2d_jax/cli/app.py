"""From a command line to an exit code: `ssa2d <command> ...`, and main.py of a checkout."""

import contextlib
import dataclasses
import errno
import faulthandler
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml_collections import ConfigDict

import ssa2d_jax
from ssa2d_jax.cli import help, hints, processes
from ssa2d_jax.cli.arguments import FLAGS, Arguments, is_missing, parse
from ssa2d_jax.cli.checkout import add_checkout
from ssa2d_jax.cli.commands import COMMANDS, Command, ConfigSource
from ssa2d_jax.cli.compile_cache import use_compile_cache
from ssa2d_jax.cli.config import config_defaults, known_options
from ssa2d_jax.pretrained import shipped
from ssa2d_jax.runtime.placement import find_placement
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import Diverged, InputError
from ssa2d_jax.utils.files import NOT_PERMITTED
from ssa2d_jax.utils.signals import Stopped

BAD_INPUT, DIVERGED, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141
_FULL = (errno.ENOSPC, errno.EDQUOT)
_STILL_USABLE = "everything saved so far is still usable"
_OUT_OF_MEMORY = (
    f"out of memory; {_STILL_USABLE}. Try a smaller config.data.size, a smaller config.train.batch_size or more "
    "config.train.grad_accum_steps (eval: config.eval.batch_size, predict: config.predict.batch_size), or "
    "config.model.bfloat16"
)
# The extra of the package that installs a module.
_EXTRAS = {
    "tensorflow": "train", "tensorflow_datasets": "train", "clu": "train", "h5py": "train", "gradio": "web",
    "apache_beam": "beam", "torch": "torch",
}  # fmt: skip


def run() -> None:
    """Runs the console command `ssa2d` and ends the process."""
    sys.exit(main(sys.argv[1:]))


def main(words: Sequence[str], *, program: str = "ssa2d", default_command: str | None = None) -> int:
    """Runs the command that `words` name and returns the exit code.

    0: done. 2: unusable input, explained in one line. 3: the loss is no longer finite. 130: interrupted.
    4: another process of the run has ended. 128 + n: stopped by signal n, after everything was saved.
    141: the reader of the output closed the pipe.

    Args:
        words: the command line without the program.
        program: what the user typed, for messages.
        default_command: with it, the command is given as --mode=<command> and may be left out; without it, the first
            word is the command.
    """
    # Of XLA, too, whose "Very slow compile? If you want to file a bug ..." has the level of an error; what really fails
    # is raised.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # before CLU imports TensorFlow
    commands.use_program(program)
    try:
        return processes.end(_main(words, program, default_command))
    except BaseException:
        processes.end_with_traceback()
        raise


def _main(words: Sequence[str], program: str, default_command: str | None) -> int:
    """Runs the command and returns the exit code, with a line that says what went wrong."""
    try:
        return _run(words, program, default_command)
    except Stopped as error:
        return _end(str(error), 128 + error.signal)
    except (Diverged, InputError) as error:
        text = "ended with process 0, which says why" if processes.is_of_first(error) else str(error)
        return _end(f"error: {text}", DIVERGED if isinstance(error, Diverged) else BAD_INPUT)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        return _end(f"error: this command needs {error.name}; install it: pip install '<checkout>[{extra}]'", BAD_INPUT)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_output_closed():
            return BROKEN_PIPE
        return _end(f"error: {_os_error_text(error)}; {_STILL_USABLE}", BAD_INPUT)
    except KeyboardInterrupt:
        return _end(f"interrupted; {_STILL_USABLE}", INTERRUPTED)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return _end(f"error: {_OUT_OF_MEMORY}", BAD_INPUT)


def _os_error_text(error: OSError) -> str:
    """What the system refused, and what to do."""
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    if error.errno in _FULL:
        return f"{what}; free some space and start the same command again, or choose another path"
    if error.errno in NOT_PERMITTED:
        return f"{what}; choose a path where you have permission, or change that of this one"
    return f"{what}; choose another path or fix this one"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is how numpy, jax or TensorFlow report that memory is exhausted."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in f"{type(error).__name__.upper()} {error}"


def _run(words: Sequence[str], program: str, default_command: str | None) -> int:
    """Checks what the command needs, before anything heavy is imported, and runs it."""
    if "--version" in words:
        print(f"ssa2d_jax {ssa2d_jax.__version__}")
        return 0
    name, rest = _command_name(list(words), default_command)
    asks_for_help = {"-h", "--help", "--helpfull"} & set(rest)
    is_named = default_command is None or any(word.partition("=")[0] == "--mode" for word in words)
    if name is None or (asks_for_help and not is_named):
        print(help.overview(program))
        return 0
    if name not in COMMANDS:
        raise InputError(hints.unknown_command(name, COMMANDS, program))
    if asks_for_help and not COMMANDS[name].run_with_words:
        print(help.command_page(program, name, known_options()))
        return 0
    if default_command is not None and rest and rest[0] in COMMANDS:
        raise InputError(f"unexpected argument {rest[0]}; did you mean {commands.short(rest[0])}?")
    command = COMMANDS[name]
    if command.run_with_words:
        use_compile_cache()
        return command.run_with_words(rest)
    arguments = parse(name, f"{program} {name}" if default_command is None else f"--mode={name}", rest)
    arguments = with_shipped_run(command, arguments)
    check_needs(command, arguments)
    from absl import logging

    logging.set_verbosity(logging.WARNING)
    with contextlib.suppress(OSError, ValueError, AttributeError):  # where stderr is not a file
        faulthandler.enable()
    use_compile_cache()
    placement = find_placement(arguments.coordinator, arguments.process_id, arguments.process_count)
    if placement is not None and not command.in_processes:
        if placement.index:
            print(f"process {placement.index}: nothing to do; {arguments.program} works in process 0 alone")
            return 0
        placement = None
    try:
        with processes.together(placement):
            command.run(arguments)
    except OSError as error:  # a full disk refuses a write without naming the file
        place = arguments.output or arguments.workdir
        if error.errno is None or error.errno not in _FULL or error.filename or place is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(place)) from error
    return 0


def _command_name(words: list[str], default_command: str | None) -> tuple[str | None, list[str]]:
    """The command and the other words; no command where help is asked for."""
    if default_command is None:
        if not words or words[0] in ("help", "-h", "--help"):
            return None, words
        return words[0], words[1:]
    name = default_command
    index = next((i for i, word in enumerate(words) if word.partition("=")[0] == "--mode"), None)
    if index is None:
        return name, words
    _, is_set, value = words[index].partition("=")
    rest = words[:index] + words[index + (1 if is_set else 2) :]
    if any(word.partition("=")[0] == "--mode" for word in rest):
        raise InputError("--mode is given more than once; give one")
    return value if is_set else "".join(words[index + 1 : index + 2]), rest


def with_shipped_run(command: Command, arguments: Arguments) -> Arguments:
    """`arguments` with the path of the weights that come with the package, if they are named or are the default."""
    if command.config is not ConfigSource.RUN:
        return arguments
    has_config = arguments.config is not None or arguments.config_json is not None
    if arguments.workdir is None and (has_config or not command.has_default_run):
        return arguments
    return dataclasses.replace(arguments, workdir=shipped.find_run(arguments.workdir))


def check_needs(command: Command, arguments: Arguments) -> None:
    """Raises InputError for a flag that is missing or of no use, and for a file or folder that is not there."""
    has_config = arguments.config is not None or arguments.config_json is not None
    missing = {flag: meaning for flag, meaning in command.needs.items() if getattr(arguments, flag) is None}
    if command.config is ConfigSource.FILE and not has_config:
        missing["config"] = FLAGS["config"]
    if missing:
        needed = " and ".join(f"--{flag}, {meaning}" for flag, meaning in missing.items())
        raise InputError(f"{arguments.program} needs {needed}")
    if command.config is ConfigSource.NONE and arguments.options and not has_config:
        raise InputError(f"{arguments.program} uses no options without --config; leave out --config.<option>")
    for key, value in arguments.options.items():
        if arguments.config is None and is_missing(value):
            raise InputError(f"--config.{key} has no value; give it as --config.{key}=<value>")
    if arguments.config_json is not None and not arguments.config_json.is_file():
        raise InputError(f"{arguments.config_json}: no such file; --config needs {FLAGS['config']}")
    if command.config is ConfigSource.RUN and not has_config and arguments.workdir is not None:
        _check_run(arguments.workdir, arguments.options)
    if command.reads_data:
        _check_checkout(arguments)
    if arguments.config is not None:
        _check_paths(command, arguments.config, arguments)
    if "input" in command.needs and arguments.input is not None:
        _check_input(arguments.input, command.needs["input"])


def _check_run(workdir: Path, options: Mapping[str, str]) -> None:
    """Raises InputError unless `workdir` is a file, or a folder with the config of a run that has these options."""
    if not workdir.is_file():
        from ssa2d_jax.runs import overrides, saved_config

        config = saved_config.complete_config(saved_config.read_run_config(workdir), config_defaults())
        for key, text in options.items():
            overrides.set_option(config, key, text)


def _check_checkout(arguments: Arguments) -> None:
    """Raises InputError outside a checkout, which has the configs that commands on data need."""
    if add_checkout() is None and importlib.util.find_spec("configs") is None:
        raise InputError(
            f"{arguments.program} needs a checkout of the project; there: python main.py --mode={arguments.command} ..."
        )


def _check_paths(command: Command, config: ConfigDict, arguments: Arguments) -> None:
    """Raises InputError for a path in `config` that the command reads and that is not there."""
    from ssa2d_jax.runs import config_paths, overrides

    if command.reads_init and arguments.workdir is not None:
        overrides.prefer_init_run(config, set(arguments.options))
        config_paths.check_init_paths(config.init, arguments.workdir)
    if command.reads_data and command.config is ConfigSource.FILE:
        config_paths.check_data_root(config.data)


def _check_input(text: str, needed: str) -> None:
    from ssa2d_jax.utils.files import is_address, local_path

    if not text.isdecimal() and not is_address(text) and not local_path(text).exists():
        raise InputError(hints.missing_input(text, needed))


def _is_output_closed() -> bool:
    """Whether the reader of the output closed the pipe; then nothing more is written to it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  for the interpreter's own flush at its end
        return True
    return False


def _end(message: str, code: int) -> int:
    print(message, file=sys.stderr, flush=True)
    return code
