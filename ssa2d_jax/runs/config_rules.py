"""Which values the options of a config may have."""

import dataclasses
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax.data.backends import BACKENDS
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.export_formats import EXPORT_SHAPES, FORMATS_RULE, are_formats
from ssa2d_jax.data.layouts import LAYOUT_TITLES
from ssa2d_jax.models.decoder import DECODER_INPUTS
from ssa2d_jax.models.encoders import ENCODERS, deeper_endpoints
from ssa2d_jax.models.ssa2d import ACTOR_PRIORS
from ssa2d_jax.models.units import DEEPER_ENDPOINTS
from ssa2d_jax.runs.saved_config import RENAMED_KEYS
from ssa2d_jax.steps.optimizer import OPTIMIZERS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video import optical_flow

_MISSING = object()


@dataclasses.dataclass(frozen=True)
class Rule:
    """Which values option `key` may have.

    `is_allowed` gets the option's value, then the values of the options in `uses`. `allowed` says in words what is
    allowed; where that depends on the options in `uses`, it is a function of their values.
    """

    key: str
    is_allowed: Callable[..., bool]
    allowed: str | Callable[..., str]
    uses: tuple[str, ...] = ()

    def violation(self, config: ConfigDict) -> str | None:
        """What is wrong with the option in `config`; None if nothing is, or if `config` lacks an option."""
        values = [_get_option(config, key) for key in (self.key, *self.uses)]
        if any(value is _MISSING for value in values) or self._holds(values):
            return None
        value, *others = values
        try:
            allowed = self.allowed if isinstance(self.allowed, str) else self.allowed(*others)
        except TypeError:  # one of the others has a value of another kind, which its own rule reports
            return None
        return f"config.{self.key} is {value!r}; allowed: {allowed}"

    def _holds(self, values: Sequence[Any]) -> bool:
        try:
            return self.is_allowed(*values)
        except TypeError:  # a value of another kind: text for a number
            return False


def check_config(
    config: ConfigDict,
    devices: int,
    *,
    trains: bool = True,
    scores: bool = True,
    groups: Collection[str] | None = None,
) -> None:
    """Checks the values of a config's options; options that it lacks are not checked.

    Args:
        devices: number of devices that share a batch.
        trains: whether batches for training are read; if not, their size may be any.
        scores: the same for evaluation.
        groups: top-level groups whose options are checked ("predict", "eval"); None: all.

    Raises:
        InputError: lists every value that is not allowed, and every option under an old name.
    """
    rules = (*_RULES, *_batch_rules(devices, trains=trains, scores=scores))
    checked = [rule for rule in rules if groups is None or rule.key.split(".")[0] in groups]
    renamed = [
        f"config.{old} was renamed: use config.{new}"
        for old, new in RENAMED_KEYS.items()
        if _get_option(config, old) is not _MISSING
    ]
    violations = renamed + [text for rule in checked if (text := rule.violation(config)) is not None]
    if violations:
        raise InputError("; ".join(violations))


def _get_option(config: ConfigDict, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, ConfigDict) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _numbers(value: Any, count: int) -> bool:
    """Whether `value` is a row of `count` finite numbers."""
    return (
        isinstance(value, tuple | list)
        and len(value) == count
        and all(type(number) in (int, float) and math.isfinite(number) for number in value)
    )


def _is_size(value: Any, multiple: int) -> bool:
    """Whether `value` is (height, width), whole multiples of `multiple`."""
    return _numbers(value, 2) and all(isinstance(n, int) and n > 0 and n % multiple == 0 for n in value)


def _is_range(value: Any, highest: float = math.inf) -> bool:
    """Whether `value` is (low, high) with 0 < low <= high <= `highest`."""
    return _numbers(value, 2) and 0 < value[0] <= value[1] <= highest


def _are_phases(phases: Any) -> bool:
    return len(phases) > 0 and all(_numbers(row, 3) and row[0] > 0 and min(row[1:]) >= 0 for row in phases)


def _are_different(values: Any, is_allowed: Callable[[Any], bool]) -> bool:
    """Whether there are values, all allowed and no two equal."""
    return len(values) > 0 and all(map(is_allowed, values)) and len(set(values)) == len(values)


def _decoder_inputs(encoder: str) -> list[str]:
    return [name for name in DECODER_INPUTS if name in deeper_endpoints(encoder)]


def _has_gates(encoder: str, temporal_kernels: bool) -> bool:
    return temporal_kernels and hasattr(ENCODERS.get(encoder), "feature_gating")


def _is_loaded(run: str, encoder_weights: str, flow_weights: str, flow: bool) -> bool:
    """Whether every stream of the encoder starts from trained weights."""
    return bool(run or (encoder_weights and (flow_weights or not flow)))


def _at_least(key: str, least: float) -> Rule:
    return Rule(key, lambda value: value >= least, f"{least} or more")


def _finite(key: str) -> Rule:
    return Rule(key, lambda value: 0 <= value < math.inf, "0 or more")


def _positive(key: str) -> Rule:
    return Rule(key, lambda value: 0 < value < math.inf, "more than 0")


def _share(key: str) -> Rule:
    return Rule(key, lambda value: 0 <= value <= 1, "0 to 1")


def _below_one(key: str, zero: str = "0") -> Rule:
    return Rule(key, lambda value: 0 <= value < 1, f"{zero} up to, not including, 1")


def _one_of(key: str, names: Collection[str], allowed: str = "") -> Rule:
    return Rule(key, lambda value: value in names, allowed or "one of " + ", ".join(names))


_INIT = ("init.run", "init.encoder_weights", "init.flow_weights", "model.flow")
_UNLESS_LOADED = "unless config.init gives weights to every stream of the encoder"
_SPLITS_RULE = "one split or more of " + ", ".join(SPLITS)
_FLOW_METHODS = ("", *optical_flow.METHODS)

_RULES = (
    _one_of("data.layout", LAYOUT_TITLES),
    *(_at_least(f"data.{name}", 1) for name in ("clips_per_video", "processes", "frame_step", "shuffle_buffer")),
    *(_at_least(f"train.{name}", 1) for name in ("grad_accum_steps", "keep_checkpoints", "log_every")),
    *(_at_least(f"predict.{name}", 1) for name in ("batch_size", "track_frames", "max_pixels", "export_step")),
    _at_least("data.sprites.processes", 1),
    Rule("data.clip_frames", lambda frames: frames > 0 and frames % 4 == 0, "a multiple of 4"),
    Rule("data.size", lambda size: _is_size(size, 16), "(height, width), both multiples of 16"),
    Rule(
        "data.frame_step", lambda step, layout: layout != "vidor" or step == 1,
        "1 with data.layout 'vidor', whose clips have steps of their own", uses=("data.layout",),
    ),
    Rule(
        "data.labels_per_clip", lambda labels, frames: 1 <= labels <= frames,
        lambda frames: f"1 to {frames}, the frames of a clip", uses=("data.clip_frames",),
    ),
    Rule(
        "data.label_span", lambda span, frames, step: 1 <= span <= frames * step,
        lambda frames, step: f"1 to {frames * step}, the frames that a clip spans",
        uses=("data.clip_frames", "data.frame_step"),
    ),
    Rule(
        "predict.overlap", lambda overlap, frames: 0 <= overlap < frames,
        lambda frames: f"0 to data.clip_frames - 1, {frames - 1}", uses=("data.clip_frames",),
    ),
    Rule("data.store_height", lambda height: height >= 0, "0 (the video's own) or a height in pixels"),
    Rule("data.jpeg_quality", lambda quality: 1 <= quality <= 100, "1 to 100"),
    _one_of("data.flow", _FLOW_METHODS, "one of " + ", ".join(map(repr, _FLOW_METHODS))),
    Rule("data.flow_height", lambda height: height >= 0, "0 (that of data.size) or a height in pixels"),
    Rule(
        "data.flow", lambda method, flow: bool(method) or not flow,
        "with model.flow a method: 'tvl1' or 'dis' (then run --mode=prepare)", uses=("model.flow",),
    ),
    *(_at_least(name, 0) for name in ("data.decode_threads", "seed")),
    Rule("data.sprites.size", lambda size: _is_size(size, 1), "(height, width) in pixels"),
    Rule("augment.crop_scale", lambda scale: _is_range(scale, 1), "(low, high) with 0 < low <= high <= 1"),
    Rule("augment.crop_aspect", _is_range, "(low, high) with 0 < low <= high"),
    *map(_share, ("augment.brightness", "augment.contrast", "augment.saturation", "augment.hue")),
    *map(_below_one, ("model.batch_norm_momentum", "model.context_dropout")),
    _one_of("model.actor_prior", ACTOR_PRIORS),
    _one_of("model.encoder", ENCODERS),
    Rule(
        "model.feature_gating", lambda gating, encoder, temporal: not gating or _has_gates(encoder, temporal),
        "True only with config.model.encoder='s3d' and temporal_kernels=True: gates follow temporal kernels",
        uses=("model.encoder", "model.temporal_kernels"),
    ),
    Rule(
        "model.decoder_input", lambda name, encoder: name in _decoder_inputs(encoder),
        lambda encoder: f"{' or '.join(_decoder_inputs(encoder))} with the encoder {encoder}", uses=("model.encoder",),
    ),
    Rule(
        "model.context_endpoints", lambda names, encoder: _are_different(names, DEEPER_ENDPOINTS.__contains__)
        and not set(names).isdisjoint(deeper_endpoints(encoder)),
        lambda encoder: f"{', '.join(deeper_endpoints(encoder))}, one or more, none twice", uses=("model.encoder",),
    ),
    *map(_positive, ("model.encoder_width", "model.decoder_width", "train.adam_eps", "train.muon_factor")),
    *map(_finite, ("eval.mask_vote", "loss.actor_weight", "loss.action_weight", "loss.mask_weight")),
    Rule("train.eval_splits", lambda names: len(names) > 0 and set(names) <= set(SPLITS), _SPLITS_RULE),
    Rule("train.lr_phases", _are_phases, "rows of (epochs > 0, learning rate at start, at end)"),
    _below_one("train.ema_decay", zero="0 (off)"),
    *(_at_least(f"train.{name}", 0) for name in ("eval_every", "save_every", "image_clips", "encoder_frozen_steps")),
    Rule("train.min_steps", lambda steps: type(steps) is int and steps >= 0, "0 (off) or a whole number of steps"),
    *map(_below_one, ("train.adam_b1", "train.adam_b2")),
    *map(_finite, ("train.weight_decay", "train.clip_gradient")),
    _one_of("train.optimizer", OPTIMIZERS, " or ".join(map(repr, OPTIMIZERS))),
    Rule("train.temporal_lr_scale", lambda scale: 0 < scale <= 1, "more than 0, at most 1"),
    Rule("train.encoder_lr_scale", lambda scale: 0 <= scale < math.inf, "0 (frozen) or more"),
    Rule(
        "train.encoder_lr_scale", lambda scale, *init: scale != 0 or _is_loaded(*init),
        f"more than 0 {_UNLESS_LOADED}", uses=_INIT,
    ),
    Rule(
        "model.freeze_encoder_stats", lambda frozen, *init: not frozen or _is_loaded(*init),
        f"False {_UNLESS_LOADED}", uses=_INIT,
    ),
    Rule(
        "init.run", lambda run, encoder_weights, flow_weights: not (run and (encoder_weights or flow_weights)),
        "'' if config.init.encoder_weights or config.init.flow_weights is given; choose one of them",
        uses=("init.encoder_weights", "init.flow_weights"),
    ),
    Rule(
        "init.flow_weights", lambda weights, flow: flow or not weights, "'' without config.model.flow",
        uses=("model.flow",),
    ),
    Rule(
        "model.encoder", lambda encoder, rgb, flow: encoder == "i3d" or not (rgb or flow),
        "i3d with trained I3D weights (config.init)", uses=("init.encoder_weights", "init.flow_weights"),
    ),
    Rule(
        "model.encoder_width", lambda width, rgb, flow: width == 1 or not (rgb or flow),
        "1.0 with trained I3D weights (config.init)", uses=("init.encoder_weights", "init.flow_weights"),
    ),
    Rule(
        "ablate.variants", lambda names: _are_different(names, lambda name: isinstance(name, str)),
        "different names, one or more",
    ),
    Rule(
        "ablate.seeds", lambda seeds: _are_different(seeds, lambda seed: type(seed) is int and seed >= 0),
        "different whole numbers from 0 up, one or more",
    ),
    Rule("eval.threshold", lambda threshold: 0 < threshold < 1, "more than 0, less than 1"),
    *map(_share, ("predict.opacity", "predict.track_confidence", "predict.track_area", "predict.export_iou")),
    _at_least("predict.scale", 0),
    Rule(
        "predict.draw_tracks", lambda draws, tracks: tracks or not draws, "True only with config.predict.tracks=True",
        uses=("predict.tracks",),
    ),
    _at_least("predict.video_stream", -1),
    _one_of("predict.backend", BACKENDS),
    Rule("predict.formats", are_formats, FORMATS_RULE),
    _one_of("predict.export_shapes", EXPORT_SHAPES),
)  # fmt: skip


def _batch_rules(devices: int, *, trains: bool, scores: bool) -> tuple[Rule, Rule]:
    """What the sizes of batches must be, so that devices and microbatches get equal parts."""
    parts = lambda microbatches: devices * max(1, microbatches)
    return (
        Rule(
            "train.batch_size",
            lambda size, microbatches: size > 0 and (not trains or size % parts(microbatches) == 0),
            lambda microbatches: "1 or more" if parts(microbatches) == 1 else (
                f"a multiple of {parts(microbatches)} "
                f"({devices} devices x config.train.grad_accum_steps = {microbatches})"
            ),
            uses=("train.grad_accum_steps",),
        ),
        Rule(
            "eval.batch_size", lambda size: size > 0 and (not scores or size % devices == 0),
            f"a multiple of the {devices} devices",
        ),
    )  # fmt: skip
