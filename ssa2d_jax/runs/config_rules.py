"""What a config may say, and which config a workdir belongs to."""

import math
from typing import Any

from ml_collections import ConfigDict

from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.models.encoders import ENCODERS
from ssa2d_jax.models.ssa2d import ACTOR_PRIORS
from ssa2d_jax.steps.optimizer import OPTIMIZERS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video import optical_flow

LAYOUTS = ("a2d", "vidor", "folder")


def check_config(config: ConfigDict, devices: int, *, trains: bool = True, scores: bool = True) -> None:
    """Raises InputError when a value can't be used: names the knob, its value, and what is allowed.

    Without `trains` or `scores` no batch of training or of evaluation goes to the `devices`, and neither size matters.
    """
    data, model, train = config.data, config.model, config.train
    _require(data.layout in LAYOUTS, config, "data.layout", "one of " + ", ".join(LAYOUTS))
    _require(data.clips_per_video >= 1, config, "data.clips_per_video", "1 or more")
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
    _require(data.sprites.processes >= 1, config, "data.sprites.processes", "1 or more")
    size_fits = _numbers(data.sprites.size, 2) and all(isinstance(n, int) and n > 0 for n in data.sprites.size)
    _require(size_fits, config, "data.sprites.size", "(height, width) in pixels")
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
    parts = devices * train.grad_accum_steps
    _require(train.grad_accum_steps >= 1, config, "train.grad_accum_steps", "1 or more")
    _require(
        train.batch_size > 0 and (not trains or train.batch_size % parts == 0), config, "train.batch_size",
        f"a multiple of {parts} ({devices} devices x {train.grad_accum_steps} microbatches)",
    )  # fmt: skip
    _require(
        config.eval.batch_size > 0 and (not scores or config.eval.batch_size % devices == 0), config, "eval.batch_size",
        f"a multiple of the {devices} devices",
    )  # fmt: skip
    phases_fit = len(train.lr_phases) > 0 and all(
        _numbers(phase, 3) and phase[0] > 0 and min(phase[1:]) >= 0 for phase in train.lr_phases
    )
    _require(phases_fit, config, "train.lr_phases", "rows of (epochs > 0, learning rate at start, at end)")
    _require(0 <= train.ema_decay < 1, config, "train.ema_decay", "0 (off) up to, not including, 1")
    forms = config.ablate.variants
    fits = len(forms) > 0 and all(isinstance(form, str) for form in forms) and len(set(forms)) == len(forms)
    _require(fits, config, "ablate.variants", "different names, one or more")
    seeds = config.ablate.seeds
    fits = len(seeds) > 0 and all(type(seed) is int and seed >= 0 for seed in seeds) and len(set(seeds)) == len(seeds)
    _require(fits, config, "ablate.seeds", "different whole numbers from 0 up, one or more")
    _require(train.keep_checkpoints >= 1, config, "train.keep_checkpoints", "1 or more")
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
    _require(0 < train.temporal_lr_scale <= 1, config, "train.temporal_lr_scale", "more than 0, at most 1")
    _require(0 <= train.encoder_lr_scale < math.inf, config, "train.encoder_lr_scale", "0 (frozen) or more")
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
            (1 <= data.labels_per_clip <= frames, "data.labels_per_clip", f"1 to {frames}, the frames of a clip"),
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
    _require(config.train.encoder_lr_scale > 0 or loaded, config, "train.encoder_lr_scale", f"more than 0 {given}")
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
