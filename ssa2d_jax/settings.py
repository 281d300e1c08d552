"""What a config may say, and which config a workdir belongs to."""

import ast
import json
import math
from collections.abc import Container
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax import optical_flow
from ssa2d_jax.batch import SPLITS, InputError
from ssa2d_jax.encoders import ENCODERS
from ssa2d_jax.files import replace_text
from ssa2d_jax.label_space import LabelSpace, described
from ssa2d_jax.optimizer import OPTIMIZERS
from ssa2d_jax.ssa2d import ACTOR_PRIORS

LABELS = "labels.json"
LAYOUTS = ("a2d", "vidor", "folder")
# Knobs that may differ between two runs in one workdir: they change neither the weights nor their order. (Folders may
# move: claim_workdir compares the data themselves.)
_FREE = (
    "ablate", "eval", "predict", "data.decode_threads", "data.strict", "data.release", "data.prepared",
    "data.render.processes", "data.processes", "data.beam",
    "train.log_every", "train.eval_every", "train.save_every", "train.keep", "train.image_clips",
)  # fmt: skip
# What the shape of the network and of its input depends on: all that evaluation and prediction need to agree.
_NETWORK = ("model", "data.layout", "data.spatial", "data.clip_frames", "data.frame_step", "data.size")
_FLOW = ("data.flow", "data.flow_height")  # matter where the network has a stream for it
# What runs did before a knob was there, so that those of older code can still be evaluated, read and resumed.
_ADDED = {"model.encoder": "i3d", "model.feature_gating": False, "train.temporal_rate": 1.0}
_FREE_NETWORK = ("model.freeze_encoder_stats", "model.batch_norm_momentum")


def check(config: ConfigDict, devices: int, *, trains: bool = True, scores: bool = True) -> None:
    """Raises InputError when a value can't be used: names the knob, its value, and what is allowed.

    Without `trains` or `scores` no batch of training or of evaluation goes to the `devices`, and neither size matters.
    """
    data, model, train = config.data, config.model, config.train
    _require(data.layout in LAYOUTS, config, "data.layout", "one of " + ", ".join(LAYOUTS))
    _require(data.clips_a_video >= 1, config, "data.clips_a_video", "1 or more")
    _require(data.processes >= 1, config, "data.processes", "1 or more")
    _require(0 < config.eval.threshold < 1, config, "eval.threshold", "more than 0, less than 1")
    _require(data.clip_frames > 0 and data.clip_frames % 4 == 0, config, "data.clip_frames", "a multiple of 4")
    size_fits = _numbers(data.size, 2) and all(isinstance(n, int) and n > 0 and n % 16 == 0 for n in data.size)
    _require(size_fits, config, "data.size", "(height, width), both multiples of 16")
    _require(data.frame_step >= 1, config, "data.frame_step", "1 or more")
    fits = data.layout != "vidor" or data.frame_step == 1
    _require(fits, config, "data.frame_step", "1 with data.layout 'vidor', whose clips have steps of their own")
    _check_spans(config)
    _require(data.store_height >= 0, config, "data.store_height", "0 (as they are) or a height in pixels")
    _require(1 <= data.jpeg_quality <= 100, config, "data.jpeg_quality", "1 to 100")
    methods = ("", *optical_flow.METHODS)
    _require(data.flow in methods, config, "data.flow", "one of " + ", ".join(repr(method) for method in methods))
    _require(data.flow_height >= 0, config, "data.flow_height", "0 (that of data.size) or a height in pixels")
    fits = not model.flow or data.flow
    _require(fits, config, "data.flow", "with model.flow a method: 'tvl1' or 'dis' (then run --mode=prepare)")
    _require(data.shuffle_buffer >= 1, config, "data.shuffle_buffer", "1 or more")
    scale, aspect = config.augment.crop_scale, config.augment.crop_aspect
    fits = _numbers(scale, 2) and 0 < scale[0] <= scale[1] <= 1
    _require(fits, config, "augment.crop_scale", "(low, high) with 0 < low <= high <= 1")
    fits = _numbers(aspect, 2) and 0 < aspect[0] <= aspect[1]
    _require(fits, config, "augment.crop_aspect", "(low, high) with 0 < low <= high")
    _require(data.render.processes >= 1, config, "data.render.processes", "1 or more")
    size_fits = _numbers(data.render.size, 2) and all(isinstance(n, int) and n > 0 for n in data.render.size)
    _require(size_fits, config, "data.render.size", "(height, width) in pixels")
    _require(0 <= model.batch_norm_momentum < 1, config, "model.batch_norm_momentum", "0 up to, not including, 1")
    for knob in ("loss.actor_weight", "loss.action_weight", "loss.mask_weight"):
        _require(0 <= _value(config, knob) < math.inf, config, knob, "0 or more")
    fits = len(train.eval_splits) > 0 and set(train.eval_splits) <= set(SPLITS)
    _require(fits, config, "train.eval_splits", "one split or more of " + ", ".join(SPLITS))
    _require(config.predict.batch_size >= 1, config, "predict.batch_size", "1 or more")
    _require(model.actor_prior in ACTOR_PRIORS, config, "model.actor_prior", f"one of {', '.join(ACTOR_PRIORS)}")
    _require(model.encoder in ENCODERS, config, "model.encoder", f"one of {', '.join(ENCODERS)}")
    fits = not model.feature_gating or (hasattr(ENCODERS[model.encoder], "feature_gating") and model.temporal_kernels)
    _require(
        fits, config, "model.feature_gating",
        "False without config.model.encoder='s3d' and temporal_kernels=True: gates follow temporal convolutions",
    )  # fmt: skip
    _require(model.encoder_width > 0, config, "model.encoder_width", "more than 0")
    _require(model.decoder_width > 0, config, "model.decoder_width", "more than 0")
    parts = devices * train.microbatches
    _require(train.microbatches >= 1, config, "train.microbatches", "1 or more")
    _require(
        train.batch_size > 0 and (not trains or train.batch_size % parts == 0), config, "train.batch_size",
        f"a multiple of {parts} ({devices} devices x {train.microbatches} microbatches)",
    )  # fmt: skip
    _require(
        config.eval.batch_size > 0 and (not scores or config.eval.batch_size % devices == 0), config, "eval.batch_size",
        f"a multiple of the {devices} devices",
    )  # fmt: skip
    phases_fit = len(train.phases) > 0 and all(
        _numbers(phase, 3) and phase[0] > 0 and min(phase[1:]) >= 0 for phase in train.phases
    )
    _require(phases_fit, config, "train.phases", "rows of (epochs > 0, learning rate at start, at end)")
    _require(0 <= train.ema_decay < 1, config, "train.ema_decay", "0 (off) up to, not including, 1")
    forms = config.ablate.forms
    fits = len(forms) > 0 and all(isinstance(form, str) for form in forms) and len(set(forms)) == len(forms)
    _require(fits, config, "ablate.forms", "different names, one or more")
    seeds = config.ablate.seeds
    fits = len(seeds) > 0 and all(type(seed) is int and seed >= 0 for seed in seeds) and len(set(seeds)) == len(seeds)
    _require(fits, config, "ablate.seeds", "different whole numbers from 0 up, one or more")
    _require(train.keep >= 1, config, "train.keep", "1 or more")
    _require(train.log_every >= 1, config, "train.log_every", "1 or more")
    _require(0 <= config.predict.opacity <= 1, config, "predict.opacity", "0 to 1")
    _require(config.predict.track_frames >= 1, config, "predict.track_frames", "1 or more")
    _require(0 <= config.predict.track_confidence <= 1, config, "predict.track_confidence", "0 to 1")
    fits = config.predict.tracks or not config.predict.draw_tracks
    _require(fits, config, "predict.draw_tracks", "False without config.predict.tracks")
    _require(config.predict.max_pixels >= 1, config, "predict.max_pixels", "1 or more")
    for knob in ("data.decode_threads", "train.eval_every", "train.save_every", "train.image_clips", "seed"):
        _require(_value(config, knob) >= 0, config, knob, "0 or more")
    for knob in ("augment.brightness", "augment.contrast", "augment.saturation", "augment.hue"):
        _require(0 <= _value(config, knob) <= 1, config, knob, "0 to 1")
    for knob in ("train.adam_b1", "train.adam_b2"):
        _require(0 <= _value(config, knob) < 1, config, knob, "0 up to, not including, 1")
    for knob in ("train.weight_decay", "train.clip_gradient"):
        _require(0 <= _value(config, knob) < math.inf, config, knob, "0 or more")
    _require(train.optimizer in OPTIMIZERS, config, "train.optimizer", " or ".join(map(repr, OPTIMIZERS)))
    _require(0 < train.muon_factor < math.inf, config, "train.muon_factor", "more than 0")
    _require(0 < train.temporal_rate <= 1, config, "train.temporal_rate", "more than 0, at most 1")
    _require(0 <= train.encoder_rate < math.inf, config, "train.encoder_rate", "0 (frozen) or more")
    _require(train.encoder_frozen_steps >= 0, config, "train.encoder_frozen_steps", "0 or more")
    _check_init(config)
    _require(0 < train.adam_eps < math.inf, config, "train.adam_eps", "more than 0")


def _check_spans(config: ConfigDict) -> None:
    """What has to fit into a clip, all of it at once: a shorter clip may make more than one too long."""
    data, predict = config.data, config.predict
    frames, reach = data.clip_frames, data.clip_frames * data.frame_step
    wrong = [
        _refusal(config, knob, allowed)
        for fits, knob, allowed in (
            (1 <= data.labels_a_clip <= frames, "data.labels_a_clip", f"1 to {frames}, the frames of a clip"),
            (1 <= data.label_span <= reach, "data.label_span", f"1 to {reach}, the frames that a clip spans"),
            (0 <= predict.overlap < frames, "predict.overlap", f"0 to data.clip_frames - 1, {frames - 1}"),
        )
        if not fits
    ]
    if wrong:
        raise InputError("; ".join(wrong))


def _check_init(config: ConfigDict) -> None:
    init, model = config.init, config.model
    loaded = init.run or (init.encoder_weights and (init.flow_weights or not model.flow))
    given = "unless config.init gives weights to every stream of the encoder"
    _require(config.train.encoder_rate > 0 or loaded, config, "train.encoder_rate", f"more than 0 {given}")
    _require(not model.freeze_encoder_stats or loaded, config, "model.freeze_encoder_stats", f"False {given}")
    fits = not (init.run and (init.encoder_weights or init.flow_weights))
    _require(fits, config, "init.run", "'' where init.encoder_weights or init.flow_weights is given: one or the other")
    _require(model.flow or not init.flow_weights, config, "init.flow_weights", "'' without config.model.flow")
    if init.encoder_weights or init.flow_weights:
        _require(model.encoder == "i3d", config, "model.encoder", "i3d with trained I3D weights (config.init)")
        _require(model.encoder_width == 1, config, "model.encoder_width", "1.0 with trained I3D weights (config.init)")


def _numbers(value: Any, count: int) -> bool:
    is_number = lambda n: type(n) in (int, float) and math.isfinite(n)  # noqa: E731
    return isinstance(value, tuple | list) and len(value) == count and all(map(is_number, value))


def _require(fits: bool, config: ConfigDict, knob: str, allowed: str) -> None:
    if not fits:
        raise InputError(_refusal(config, knob, allowed))


def _refusal(config: ConfigDict, knob: str, allowed: str) -> str:
    return f"config.{knob} is {_value(config, knob)!r}; allowed: {allowed}"


def _value(config: ConfigDict, knob: str) -> Any:
    for part in knob.split("."):
        config = config[part]
    return config


def flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts -> {"a.b.c": value}; tuples become lists, as JSON has them."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            result |= flat(value, name + ".")
        else:
            result[name] = json.loads(json.dumps(value))
    return result


def claim_workdir(workdir: Path, config: ConfigDict, data: str, space: LabelSpace) -> None:
    """Writes config.json, data.txt (`data`: which data these are) and labels.json (`space`) into `workdir`.

    Raises InputError if a run of another config, or on other data, has saved anything there.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    path, data_path = workdir / "config.json", workdir / "data.txt"
    if any((workdir / "checkpoints").glob("[0-9]*")):
        if not path.exists():
            raise InputError(f"{path} is missing, but there are checkpoints; restore it, or use another --workdir")
        _compare(read_config(path), workdir, config, lambda knob: not _within(knob, _FREE))
        before = data_path.read_text().strip() if data_path.exists() else data
        if before != data:
            raise InputError(
                f"{workdir} was begun with other data: {before} there, {data} now. "
                "Use another --workdir, or the data as they were"
            )
    replace_text(path, json.dumps(config.to_dict(), indent=2) + "\n")
    replace_text(data_path, data + "\n")
    replace_text(workdir / LABELS, json.dumps(space.to_json(), indent=1) + "\n")


def labels_in(workdir: Path, saved: dict[str, Any]) -> LabelSpace:
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


def same_network(saved: dict[str, Any], config: ConfigDict, path: Path) -> ConfigDict:
    """`saved`, the config in file `path`, as a ConfigDict; InputError unless `config` describes the same network."""
    groups = _NETWORK + _FLOW if config.model.flow else _NETWORK
    matters = lambda knob: _within(knob, groups) and not _within(knob, _FREE_NETWORK)
    _compare(saved, path, config, matters, "Leave --config out, which takes the run's own, or give that config.")
    return ConfigDict(with_added(saved))


def config_in(workdir: Path) -> dict[str, Any]:
    """The config of the run in `workdir`, as it is in config.json; InputError if there is none."""
    path = workdir / "config.json"
    if not workdir.exists() and workdir.suffix == ".safetensors":
        raise InputError(f"{workdir}: no such file")
    if not path.exists():
        raise InputError(f"{workdir} holds no run (no config.json); train first: --mode=train --workdir={workdir}")
    return read_config(path)


def completed(saved: dict[str, Any], defaults: ConfigDict) -> ConfigDict:
    """`saved`, a run's config, with the value of `defaults` for every knob that it lacks.

    InputError for a knob whose value is of another kind than the default.
    """
    known, kinds = flat(defaults.to_dict()), (bool, (int, float), str, list)
    for knob, value in flat(saved).items():
        kind = next((one for one in kinds if isinstance(known.get(knob), one)), object)
        if not isinstance(value, kind):
            raise InputError(f"the run's own config.{knob} is {value!r}, where one has {known[knob]!r}; it is damaged")
    result = defaults.copy_and_resolve_references()
    with result.ignore_type():
        result.update(_tuples(with_added(saved)))
    return result


def overridden(config: ConfigDict, knob: str, text: str) -> None:
    """Sets a knob of `config`, "predict.opacity", from what the command line says; InputError where that can't be."""
    known = flat(config.to_dict())
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
        config[name] = float(value) if type(known[knob]) is float else _tuples(value)


def _like(value: Any, known: Any) -> bool:
    """Whether a value is of the kind that a knob has now."""
    if isinstance(known, bool) or isinstance(value, bool):
        return isinstance(known, bool) and isinstance(value, bool)
    kinds = ((int, float) if isinstance(known, float) else int, str, (list, tuple))
    return any(isinstance(known, kind) and isinstance(value, kind) for kind in kinds)


def prefer_run(config: ConfigDict, given: Container[str]) -> None:
    """Where `given`, the knobs on the command line, have init.run: it stands in for weight files that they haven't."""
    if "init.run" in given and config.init.run:
        for knob in ("encoder_weights", "flow_weights"):
            if f"init.{knob}" not in given:
                config.init[knob] = ""


def with_added(saved: dict[str, Any]) -> dict[str, Any]:
    """`saved`, a run's config, with the knobs that came later as they were before they were there."""
    for knob, value in _ADDED.items():
        group, name = knob.split(".")
        saved[group].setdefault(name, value)
    return saved


def _tuples(value: Any) -> Any:
    """Lists, which JSON has for both, as tuples."""
    if isinstance(value, dict):
        return {key: _tuples(one) for key, one in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def given_config(path: Path, defaults: ConfigDict) -> dict[str, Any]:
    """The config in a file that --config names; InputError unless it is one, and `defaults` has all of its knobs."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; --config needs a run's config.json, or e.g. configs/sprites.py")
    saved = read_config(path, "give another --config")
    known = flat(defaults.to_dict())
    unknown = [f"config.{knob}" for knob in flat(saved) if knob not in known]
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
    before, now = (_ADDED | flat(one) for one in (saved, config.to_dict()))
    lines = [
        f"  config.{knob}: {before.get(knob, 'absent')!r} there, {now.get(knob, 'absent')!r} now"
        for knob in sorted(before.keys() | now.keys())
        if matters(knob) and _told(knob, before) != _told(knob, now)
    ]
    if lines:
        raise InputError(f"{owner} belongs to another config:\n" + "\n".join(lines) + f"\n{advice}")
