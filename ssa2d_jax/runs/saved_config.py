"""The config of a saved run: reading it, with the keys and values of older versions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace, space_from_config
from ssa2d_jax.data.layouts import FIXED_CLASSES
from ssa2d_jax.runs import defaults as library_defaults
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

SavedConfig = dict[str, Any]  # a config as JSON holds it: groups of options

# Options by their name in older versions. Saved runs may still use it; a live config and the command line may not.
RENAMED_KEYS = {
    "data.release": "data.root",
    "data.prepared": "data.shards_dir",
    "data.render": "data.sprites",  # a whole group
    "data.clips_a_video": "data.clips_per_video",
    "data.labels_a_clip": "data.labels_per_clip",
    "train.phases": "train.lr_phases",
    "train.microbatches": "train.grad_accum_steps",
    "train.encoder_rate": "train.encoder_lr_scale",
    "train.temporal_rate": "train.temporal_lr_scale",
    "train.keep": "train.keep_checkpoints",
    "ablate.forms": "ablate.variants",
}
# What runs did before an option existed, so that runs of older versions can still be evaluated and resumed.
ADDED_KEYS = {
    "model.encoder": "i3d",
    "model.feature_gating": False,
    "model.decoder_input": "Mixed_5c",
    "model.action_context": False,
    "model.actor_context": False,
    "model.context_endpoints": ("Mixed_4f", "Mixed_5c"),
    "model.context_dropout": 0.0,
    "train.min_steps": 0,
    "train.temporal_lr_scale": 1.0,
}


def renamed_key(key: str) -> str | None:
    """The present name of an option ("train.keep"), also in a renamed group; None if `key` is not an old name."""
    for old, new in RENAMED_KEYS.items():
        if key == old or key.startswith(old + "."):
            return new + key.removeprefix(old)
    return None


def rename_keys(saved: Mapping[str, Any]) -> SavedConfig:
    """A copy of a saved config with present names in place of old ones."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in saved.items()}
    for old, new in RENAMED_KEYS.items():
        (group, old_name), new_name = old.split("."), new.split(".")[1]
        values = result.get(group)
        if isinstance(values, dict) and old_name in values:
            value = values.pop(old_name)
            values.setdefault(new_name, value)
    return result


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts -> {"a.b.c": value}; tuples become lists, as in JSON."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            result |= flatten(value, name + ".")
        else:
            result[name] = json.loads(json.dumps(value))
    return result


def as_tuples(value: Any) -> Any:
    """Lists as tuples, also inside dicts: JSON has lists for both."""
    if isinstance(value, dict):
        return {key: as_tuples(item) for key, item in value.items()}
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value


def is_config(saved: Any) -> bool:
    """Whether `saved` has the groups of a config."""
    return isinstance(saved, dict) and all(isinstance(saved.get(key), dict) for key in ("data", "model", "train"))


def read_config(path: Path, otherwise: str = "use another --workdir") -> SavedConfig:
    """The config in file `path`, with present names.

    Args:
        otherwise: what else to do if the file can't be restored, for the message.

    Raises:
        InputError: the file can't be read, or it does not hold a config.
    """
    try:
        saved = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise InputError(f"{path} can't be read ({error}); restore it, or {otherwise}") from error
    if not is_config(saved):
        raise InputError(f"{path} can't be read (it does not hold a config); restore it, or {otherwise}")
    return rename_keys(saved)


def read_run_config(workdir: Path) -> SavedConfig:
    """The config of the run in folder `workdir`; InputError if `workdir` does not hold a run."""
    path = Workdir(workdir).config
    if not workdir.exists() and workdir.suffix == ".safetensors":
        raise InputError(
            f"{workdir}: no such file; --workdir is the folder of a run, or a file that export_weights wrote"
        )
    if not path.exists():
        raise InputError(_no_run(workdir, path.name))
    return read_config(path)


def _no_run(workdir: Path, name: str) -> str:
    """Says that there is no run in `workdir`, and names the runs up to two folders below it."""
    runs = [str(path.parent) for pattern in (f"*/{name}", f"*/*/{name}") for path in sorted(workdir.glob(pattern))]
    if runs:
        return f"{workdir} holds no run itself; there are {first_few(runs)}; did you mean --workdir={runs[0]}?"
    missing = f"no {name}" if workdir.exists() else "no such folder"
    train = commands.command("train", f"--workdir={workdir}")
    return f"{workdir} holds no run ({missing}); train first: {train} --config=..."


def read_given_config(path: Path, defaults: ConfigDict) -> SavedConfig:
    """The config in a JSON file that --config names.

    Raises:
        InputError: there is no such file, it does not hold a config, or it has options that `defaults` lacks.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; --config needs a run's config.json, or e.g. configs/sprites.py")
    saved = read_config(path, "give another --config")
    known = flatten(defaults.to_dict())
    unknown = [f"config.{key}" for key in flatten(saved) if key not in known]
    if unknown:
        raise InputError(f"{path} has unknown options: {', '.join(unknown)}; configs/default.py lists all options")
    return saved


def read_run_labels(workdir: Path, saved: Mapping[str, Any]) -> LabelSpace:
    """The classes of the run in folder `workdir`, whose config is `saved`; InputError if they can't be read."""
    path = Workdir(workdir).labels
    try:
        return LabelSpace.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        if saved["data"].get("layout", "a2d") not in FIXED_CLASSES:
            raise InputError(f"{path} is missing; without it the classes of the run are unknown") from None
        return space_from_config(saved["data"])  # a run of an older version
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} can't be read ({error!r}); restore it, or train again") from error


def complete_config(saved: Mapping[str, Any], defaults: ConfigDict | None = None) -> ConfigDict:
    """A saved run's config with a value for every option that it lacks.

    Args:
        defaults: values of all options; if None, only the options that `add_missing_keys` knows are added.

    Raises:
        InputError: a saved value is of another kind than the default.
    """
    if defaults is None:
        return ConfigDict(as_tuples(add_missing_keys(saved)))
    known, kinds = flatten(defaults.to_dict()), (bool, (int, float), str, list)
    for key, value in flatten(saved).items():
        kind = next((kind for kind in kinds if isinstance(known.get(key), kind)), object)
        if not isinstance(value, kind):
            raise InputError(f"the run's own config.{key} is {value!r}, not a value like {known[key]!r}; it is damaged")
    result = defaults.copy_and_resolve_references()
    with result.ignore_type():
        result.update(as_tuples(_with_added_keys(saved)))
    return result


def add_missing_keys(saved: Mapping[str, Any]) -> SavedConfig:
    """A copy of a run's config with values for the options that newer versions added.

    Options of the network and of training have the value that describes what the run did. Options of `eval` and
    `predict` have their defaults.
    """
    result = _with_added_keys(saved)
    for group, values in (("eval", library_defaults.eval_defaults()), ("predict", library_defaults.predict_defaults())):
        result[group] = values | result.get(group, {})
    return result


def _with_added_keys(saved: Mapping[str, Any]) -> SavedConfig:
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in saved.items()}
    for key, value in ADDED_KEYS.items():
        group, name = key.split(".")
        result[group].setdefault(name, value)
    return result
