"""Which values a config may have, and the messages for others."""

import pytest

from configs import a2d, default, sprites, vidor
from ssa2d_jax.runs import config_rules
from ssa2d_jax.utils.errors import InputError


def _set(config, option, value):
    *parents, last = option.split(".")
    for parent in parents:
        config = config[parent]
    config[last] = value


@pytest.mark.parametrize("get", [default.get_config, a2d.get_config, sprites.get_config, vidor.get_config])
def test_the_shipped_configs_are_allowed(get):
    config_rules.check_config(get(), devices=1)


@pytest.mark.parametrize(
    ("module", "variant"),
    [
        *[(sprites, word) for word in ("still", "stills", "tiny", "s3d", "s3d_g")],
        *[(a2d, word) for word in ("small", "kinetics", "frozen", "scratch", "s3d")],
        (vidor, "sprites"),
    ],
)
def test_the_shipped_variants_are_allowed(module, variant):
    config_rules.check_config(module.get_config(variant), devices=2)


@pytest.mark.parametrize("variant", ["kinetics,scratch", "small,kinetics", "scratch,small", "frozen,kinetics"])
def test_variants_that_exclude_one_another_are_named(variant):
    with pytest.raises(ValueError, match="small, kinetics, frozen and scratch can't be combined"):
        a2d.get_config(variant)


def test_only_an_encoder_with_weights_can_be_frozen():
    config = a2d.get_config("kinetics,flow")
    with pytest.raises(
        InputError, match="train.encoder_lr_scale is 0.0; allowed: more than 0 unless config.init gives"
    ):
        config_rules.check_config(config, devices=1)
    config.train.encoder_lr_scale = 1.0
    with pytest.raises(InputError, match="model.freeze_encoder_stats is True; allowed: False unless config.init gives"):
        config_rules.check_config(config, devices=1)
    config.init.flow_weights = "flow"
    config_rules.check_config(config, devices=1)


def test_unknown_variants_name_those_there_are():
    with pytest.raises(ValueError, match="no variant 'big'.*small"):
        a2d.get_config("big")


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("data.clip_frames", 10, "multiple of 4"),
        ("data.layout", "davis", "one of a2d, vidor"),
        ("data.clips_per_video", 0, "1 or more"),
        ("data.labels_per_clip", 17, "1 to 16"),
        ("data.processes", 0, "1 or more"),
        ("eval.threshold", 1.0, "less than 1"),
        ("data.size", (224, 230), "multiples of 16"),
        ("data.size", (224,), "multiples of 16"),
        ("data.label_span", 17, "1 to 16, the frames that a clip spans"),
        ("augment.crop_scale", (0.9, 0.5), "low <= high"),
        ("model.actor_prior", "sum", "concat, add, off"),
        ("model.encoder", "c3d", "one of i3d, s3d"),
        ("model.feature_gating", True, "True only with config.model.encoder='s3d'"),
        ("train.batch_size", 15, "multiple of 2"),
        ("train.grad_accum_steps", 3, "6 .2 devices x config.train.grad_accum_steps = 3"),
        ("eval.batch_size", 3, "the 2 devices"),
        ("train.lr_phases", ((0.0, 1e-3, 1e-3),), "epochs > 0"),
        ("train.lr_phases", (), "epochs > 0"),
        ("train.lr_phases", (5.0, 1e-4, 1e-4), "epochs > 0"),
        ("augment.crop_scale", (0.5,), "low <= high"),
        ("augment.crop_aspect", (0, 1), "0 < low"),
        ("train.eval_splits", (), "one split or more"),
        ("train.eval_splits", ("test", "val"), "one split or more of train, test"),
        ("train.image_clips", -1, "0 or more"),
        ("train.save_every", -5, "0 or more"),
        ("train.temporal_lr_scale", 0.0, "more than 0, at most 1"),
        ("train.adam_b1", 1.5, "not including, 1"),
        ("train.weight_decay", -1.0, "0 or more"),
        ("train.clip_gradient", float("nan"), "0 or more"),
        ("augment.contrast", -9.0, "0 to 1"),
        ("loss.actor_weight", float("nan"), "0 or more"),
        ("predict.max_pixels", 0, "1 or more"),
        ("predict.track_frames", 0, "1 or more"),
        ("predict.track_confidence", 1.5, "0 to 1"),
        ("predict.track_area", -0.1, "0 to 1"),
        ("predict.formats", "cvat,voc", "one or more of cvat, coco, youtube_vis, labelme"),
        ("predict.export_shapes", "boxes", "one of masks, polygons"),
        ("predict.export_iou", 1.5, "0 to 1"),
        ("predict.export_step", 0, "1 or more"),
        ("data.sprites.size", (128.0, 128.0), "in pixels"),
        ("data.decode_threads", -1, "0 or more"),
        ("train.ema_decay", 1.0, "not including, 1"),
        ("train.min_steps", -1, "a whole number of steps"),
        ("predict.overlap", 16, "0 to data.clip_frames - 1"),
        ("train.encoder_lr_scale", -0.1, "0 .frozen. or more"),
        ("train.encoder_frozen_steps", -1, "0 or more"),
        ("init.flow_weights", "flow.h5", "without config.model.flow"),
    ],
)
def test_bad_values_are_refused_with_option_value_and_what_is_allowed(option, value, allowed):
    config = default.get_config()
    _set(config, option, value)
    with pytest.raises(InputError, match=allowed) as error:
        config_rules.check_config(config, devices=2)
    assert f"config.{option if option != 'train.grad_accum_steps' else 'train.batch_size'}" in str(error.value)


def test_all_that_a_shorter_clip_has_no_room_for_is_said_at_once():
    config = default.get_config()
    config.data.clip_frames = 8
    with pytest.raises(InputError) as error:
        config_rules.check_config(config, devices=1)
    assert str(error.value) == (
        "config.data.label_span is 13; allowed: 1 to 8, the frames that a clip spans; "
        "config.predict.overlap is 8; allowed: 0 to data.clip_frames - 1, 7"
    )


def test_batches_matter_where_there_are_any():
    config = default.get_config()
    with pytest.raises(InputError, match="train.batch_size is 14; allowed: a multiple of 4"):
        config_rules.check_config(config, devices=4)
    config_rules.check_config(config, devices=4, trains=False)
    config.eval.batch_size = 3
    with pytest.raises(InputError, match="eval.batch_size is 3; allowed: a multiple of the 4 devices"):
        config_rules.check_config(config, devices=4, trains=False)
    config_rules.check_config(config, devices=4, trains=False, scores=False)


def test_trained_weights_need_the_full_width_and_no_run_beside_them():
    config = default.get_config()
    config.init.encoder_weights = "rgb.h5"
    config_rules.check_config(config, devices=1)
    config.model.encoder = "s3d"
    with pytest.raises(InputError, match="model.encoder is 's3d'; allowed: i3d with trained I3D weights"):
        config_rules.check_config(config, devices=1)
    config.model.encoder, config.model.encoder_width = "i3d", 0.5
    with pytest.raises(InputError, match="model.encoder_width is 0.5; allowed: 1.0 with trained I3D weights"):
        config_rules.check_config(config, devices=1)
    config.model.encoder_width, config.init.run = 1.0, "runs/first"
    with pytest.raises(InputError, match="init.run.*choose one of them"):
        config_rules.check_config(config, devices=1)


def test_every_violation_is_reported_at_once():
    config = default.get_config()
    config.data.clip_frames, config.model.actor_prior, config.train.grad_accum_steps = 10, "sum", 0
    config.predict.opacity = 2.0
    with pytest.raises(InputError) as error:
        config_rules.check_config(config, devices=1)
    for option in (
        "data.clip_frames", "data.label_span", "model.actor_prior", "train.grad_accum_steps", "predict.opacity",
    ):  # fmt: skip
        assert str(error.value).count(f"config.{option} is ") == 1


def test_an_old_name_in_a_config_is_refused_with_the_new_one():
    config = default.get_config()
    config.train.keep = 3
    config.data.render = {"train_clips": 5}
    with pytest.raises(InputError, match="config.data.render was renamed: use config.data.sprites; .*train.keep was"):
        config_rules.check_config(config, devices=1)


def test_only_the_named_groups_are_checked():
    config = default.get_config()
    config.data.clip_frames, config.predict.opacity = 10, 2.0
    with pytest.raises(InputError, match="^config.predict.opacity is 2.0; allowed: 0 to 1$"):
        config_rules.check_config(config, devices=1, groups=("eval", "predict"))
    config_rules.check_config(config, devices=1, groups=("augment",))


def test_options_that_a_config_lacks_are_not_checked():
    config = default.get_config()
    with config.unlocked():
        del config.predict, config.model.encoder, config.data.clip_frames
    config_rules.check_config(config, devices=1)


def test_the_decoders_begin_where_the_encoder_has_an_endpoint():
    config = a2d.get_config("mixed_4f")
    config_rules.check_config(config, devices=1)
    config.model.encoder = "pooled"
    with pytest.raises(InputError, match="decoder_input is 'Mixed_4f'; allowed: Mixed_5c with the encoder pooled"):
        config_rules.check_config(config, devices=1)
    config.model.encoder, config.model.decoder_input = "s3d", "Mixed_4e"
    with pytest.raises(InputError, match="allowed: Mixed_5c or Mixed_4f with the encoder s3d"):
        config_rules.check_config(config, devices=1)


@pytest.mark.parametrize(
    ("encoder", "names", "allowed"),
    [
        ("i3d", ("Mixed_5c",), ""),
        ("s3d", ("Mixed_4f", "Mixed_3c"), ""),
        ("pooled", ("Mixed_3c", "Mixed_4f"), ""),  # it does without the second
        ("pooled", ("Mixed_4f",), "Mixed_3c, Mixed_5c, one or more, none twice"),
        ("i3d", (), "Mixed_3c, Mixed_4f, Mixed_5c, one or more, none twice"),
        ("i3d", ("Mixed_4f", "Mixed_4f"), "none twice"),
        ("i3d", ("Mixed_4e",), "Mixed_3c, Mixed_4f, Mixed_5c, one or more, none twice"),
    ],
)
def test_the_context_goes_by_endpoints_that_the_encoder_has(encoder, names, allowed):
    config = a2d.get_config("actor_context")
    config.model.encoder, config.model.context_endpoints = encoder, names
    if not allowed:
        config_rules.check_config(config, devices=1)
        return
    with pytest.raises(InputError, match=f"context_endpoints is .*; allowed: .*{allowed}$"):
        config_rules.check_config(config, devices=1)
