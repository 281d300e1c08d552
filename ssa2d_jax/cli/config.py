"""Where the config of a command comes from: a Python file, a config.json, or the run in the workdir."""

from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax.cli.arguments import Arguments
from ssa2d_jax.cli.checkout import add_checkout
from ssa2d_jax.runs.defaults import convert_defaults, eval_defaults, predict_defaults
from ssa2d_jax.utils.errors import InputError


def load_config(arguments: Arguments, *, trains: bool = False, scores: bool = False) -> ConfigDict:
    """The config of a command, with the options of the command line, checked."""
    import jax

    from ssa2d_jax.runs import config_rules
    from ssa2d_jax.runtime.platforms import local_devices

    config = resolve_config(arguments)
    local_devices()  # an error in a line if there are none
    config_rules.check_config(config, jax.device_count(), trains=trains, scores=scores)
    return config


def resolve_config(arguments: Arguments) -> ConfigDict:
    """The config of a command, with the options of the command line, unchecked."""
    from ssa2d_jax.runs import overrides

    if arguments.config is not None:
        config = arguments.config
    else:
        config = _saved_config(arguments)
        for key, text in arguments.options.items():
            overrides.set_option(config, key, text)
    overrides.prefer_init_run(config, set(arguments.options))
    return config


def convert_config(arguments: Arguments) -> ConfigDict:
    """The options of `convert`: their defaults, or those of --config, with the options of the command line."""
    from ssa2d_jax.runs import overrides

    if arguments.config is not None:
        return arguments.config.convert
    config = ConfigDict({"convert": convert_defaults()})
    for key, text in arguments.options.items():
        overrides.set_option(config, key, text)
    return config.convert


def _saved_config(arguments: Arguments) -> ConfigDict:
    """The config in `config_json`, or of the run in `workdir`; options that are newer than it have their defaults."""
    from ssa2d_jax.runs import saved_config

    defaults = config_defaults()
    if arguments.config_json is None:
        from ssa2d_jax.runs.load_run import run_config

        assert arguments.workdir is not None, "checked by the table of commands"

        saved = run_config(arguments.workdir)
    elif defaults is None:
        saved = saved_config.read_config(arguments.config_json, "give another --config")
    else:
        saved = saved_config.read_given_config(arguments.config_json, defaults)
    return saved_config.complete_config(saved, defaults)


def known_options() -> dict[str, Any]:
    """The defaults of all options by key; those of eval, predict and convert only for an installed package."""
    from ssa2d_jax.runs.saved_config import as_tuples, flatten

    defaults = config_defaults()
    if defaults is None:
        return flatten({"eval": eval_defaults(), "predict": predict_defaults(), "convert": convert_defaults()})
    return {key: as_tuples(value) for key, value in flatten(defaults.to_dict()).items()}


def config_defaults() -> ConfigDict | None:
    """The defaults of configs/default.py, which is in a checkout; None for an installed package.

    Raises:
        InputError: Python finds a package `configs` of something else first.
    """
    add_checkout()
    try:
        from configs import default
    except ImportError as error:
        if error.name != "configs":
            raise
        if isinstance(error, ModuleNotFoundError):
            return None
        raise InputError(
            f"Python's path has a package configs of another project before this one's ({error.path or 'a folder'}); "
            "take its folder out of PYTHONPATH, start from another folder, or rename it"
        ) from error
    return default.get_config()
