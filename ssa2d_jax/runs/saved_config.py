"""The config that a run keeps, and what it has to agree with."""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace, described
from ssa2d_jax.utils.errors import InputError

LABELS = "labels.json"
# Knobs that may differ between two runs in one workdir: they change neither the weights nor their order. (Folders may
# move: claim_workdir compares the data themselves.)
_FREE = (
    "ablate", "eval", "predict", "data.decode_threads", "data.strict", "data.root", "data.shards_dir",
    "data.sprites.processes", "data.processes", "data.beam",
    "train.log_every", "train.eval_every", "train.save_every", "train.keep_checkpoints", "train.image_clips",
)  # fmt: skip
# What the shape of the network and of its input depends on: all that evaluation and prediction need to agree.
_NETWORK = ("model", "data.layout", "data.spatial", "data.clip_frames", "data.frame_step", "data.size")
_FLOW = ("data.flow", "data.flow_height")  # matter where the network has a stream for it
# What runs did before a knob was there, so that those of older code can still be evaluated, read and resumed.
_ADDED = {"model.encoder": "i3d", "model.feature_gating": False, "train.temporal_lr_scale": 1.0}
_FREE_NETWORK = ("model.freeze_encoder_stats", "model.batch_norm_momentum")


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts -> {"a.b.c": value}; tuples become lists, as JSON has them."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            result |= flatten(value, name + ".")
        else:
            result[name] = json.loads(json.dumps(value))
    return result


def read_run_labels(workdir: Path, saved: dict[str, Any]) -> LabelSpace:
    """The classes of the run in `workdir`, whose config is `saved`; InputError if labels.json can't be read."""
    path = workdir / LABELS
    try:
        return LabelSpace.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        if saved["data"].get("layout") == "folder":
            raise InputError(f"{path} is missing; it says which classes the run has") from None
        return described(saved["data"])  # of an older version
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} can't be read ({error!r}); restore it, or train again") from error


def check_same_network(saved: dict[str, Any], config: ConfigDict, path: Path) -> ConfigDict:
    """`saved`, the config in file `path`, as a ConfigDict; InputError unless `config` describes the same network."""
    groups = _NETWORK + _FLOW if config.model.flow else _NETWORK
    matters = lambda knob: _within(knob, groups) and not _within(knob, _FREE_NETWORK)
    _compare(saved, path, config, matters, "Leave --config out, which takes the run's own, or give that config.")
    return ConfigDict(add_missing_keys(saved))


def read_run_config(workdir: Path) -> dict[str, Any]:
    """The config of the run in `workdir`, as it is in config.json; InputError if there is none."""
    path = workdir / "config.json"
    if not workdir.exists() and workdir.suffix == ".safetensors":
        raise InputError(f"{workdir}: no such file")
    if not path.exists():
        raise InputError(f"{workdir} holds no run (no config.json); train first: --mode=train --workdir={workdir}")
    return read_config(path)


def complete_config(saved: dict[str, Any], defaults: ConfigDict) -> ConfigDict:
    """`saved`, a run's config, with the value of `defaults` for every knob that it lacks.

    InputError for a knob whose value is of another kind than the default.
    """
    known, kinds = flatten(defaults.to_dict()), (bool, (int, float), str, list)
    for knob, value in flatten(saved).items():
        kind = next((one for one in kinds if isinstance(known.get(knob), one)), object)
        if not isinstance(value, kind):
            raise InputError(f"the run's own config.{knob} is {value!r}, where one has {known[knob]!r}; it is damaged")
    result = defaults.copy_and_resolve_references()
    with result.ignore_type():
        result.update(as_tuples(add_missing_keys(saved)))
    return result


def add_missing_keys(saved: dict[str, Any]) -> dict[str, Any]:
    """`saved`, a run's config, with the knobs that came later as they were before they were there."""
    for knob, value in _ADDED.items():
        group, name = knob.split(".")
        saved[group].setdefault(name, value)
    return saved


def as_tuples(value: Any) -> Any:
    """Lists, which JSON has for both, as tuples."""
    if isinstance(value, dict):
        return {key: as_tuples(one) for key, one in value.items()}
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value


def read_given_config(path: Path, defaults: ConfigDict) -> dict[str, Any]:
    """The config in a file that --config names; InputError unless it is one, and `defaults` has all of its knobs."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; --config needs a run's config.json, or e.g. configs/sprites.py")
    saved = read_config(path, "give another --config")
    known = flatten(defaults.to_dict())
    unknown = [f"config.{knob}" for knob in flatten(saved) if knob not in known]
    if unknown:
        raise InputError(f"{path} has knobs that there are not: {', '.join(unknown)}; configs/default.py lists them")
    return saved


def read_config(path: Path, otherwise: str = "use another --workdir") -> dict[str, Any]:
    """The config in file `path`; InputError unless it has the groups of one."""
    try:
        saved = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise InputError(f"{path} can't be read ({error}); restore it, or {otherwise}") from error
    if not is_config(saved):
        raise InputError(f"{path} can't be read (it holds no config); restore it, or {otherwise}")
    return saved


def is_config(saved: Any) -> bool:
    """Whether it has the groups of a config."""
    return isinstance(saved, dict) and all(isinstance(saved.get(key), dict) for key in ("data", "model", "train"))


def _told(knob: str, config: dict[str, Any]) -> Any:
    """A knob's value; of a file or run to begin with, the name alone: it is not read again, and folders may move."""
    value = config.get(knob, ...)
    return Path(value).name if knob.startswith("init.") and isinstance(value, str) else value


def _within(knob: str, groups: tuple[str, ...]) -> bool:
    return any(knob == group or knob.startswith(group + ".") for group in groups)


def _compare(
    saved: dict[str, Any],
    owner: Path,
    config: ConfigDict,
    matters: Any,
    advice: str = "Use another --workdir, or that config.",
) -> None:
    before, now = (_ADDED | flatten(one) for one in (saved, config.to_dict()))
    lines = [
        f"  config.{knob}: {before.get(knob, 'absent')!r} there, {now.get(knob, 'absent')!r} now"
        for knob in sorted(before.keys() | now.keys())
        if matters(knob) and _told(knob, before) != _told(knob, now)
    ]
    if lines:
        raise InputError(f"{owner} belongs to another config:\n" + "\n".join(lines) + f"\n{advice}")
