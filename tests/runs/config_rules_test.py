import json

import pytest

from configs import a2d, default, sprites, vidor
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.runs import config_rules, overrides, saved_config
from ssa2d_jax.runs.workdir import claim_workdir
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.toy import toy_config


def _set(config, knob, value):
    *parents, last = knob.split(".")
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
        *[(a2d, word) for word in ("small", "kinetics", "scratch", "s3d")],
        (vidor, "sprites"),
    ],
)
def test_the_shipped_variants_are_allowed(module, variant):
    config_rules.check_config(module.get_config(variant), devices=2)


@pytest.mark.parametrize("variant", ["kinetics,scratch", "small,kinetics", "scratch,small"])
def test_variants_that_exclude_one_another_are_named(variant):
    with pytest.raises(ValueError, match="small, kinetics and scratch exclude one another"):
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
    ("knob", "value", "allowed"),
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
        ("model.feature_gating", True, "False without config.model.encoder='s3d'"),
        ("train.batch_size", 15, "multiple of 2"),
        ("train.grad_accum_steps", 3, "6 .2 devices x 3 microbatches"),
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
        ("data.sprites.size", (128.0, 128.0), "in pixels"),
        ("data.decode_threads", -1, "0 or more"),
        ("train.ema_decay", 1.0, "not including, 1"),
        ("predict.overlap", 16, "0 to data.clip_frames - 1"),
        ("train.encoder_lr_scale", -0.1, "0 .frozen. or more"),
        ("train.encoder_frozen_steps", -1, "0 or more"),
        ("init.flow_weights", "flow.h5", "without config.model.flow"),
    ],
)
def test_bad_values_are_refused_with_knob_value_and_what_is_allowed(knob, value, allowed):
    config = default.get_config()
    _set(config, knob, value)
    with pytest.raises(InputError, match=allowed) as error:
        config_rules.check_config(config, devices=2)
    assert f"config.{knob if knob != 'train.grad_accum_steps' else 'train.batch_size'}" in str(error.value)


def test_all_that_a_shorter_clip_has_no_room_for_is_said_at_once():
    config = default.get_config()
    config.data.clip_frames = 8
    with pytest.raises(InputError) as error:
        config_rules.check_config(config, devices=1)
    assert str(error.value) == (
        "config.data.label_span is 13; allowed: 1 to 8, the frames that a clip spans; "
        "config.predict.overlap is 8; allowed: 0 to data.clip_frames - 1, 7"
    )


DATA = "toy data, 8 clips to train on"


def _begun(workdir, config):
    """A workdir that a run of `config` has saved something in."""
    claim_workdir(workdir, config, DATA, A2D)
    (workdir / "checkpoints" / "1").mkdir(parents=True)


def test_a_workdir_remembers_its_config(tmp_path):
    config = toy_config()
    claim_workdir(tmp_path, config, DATA, A2D)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["data"]["size"] == [32, 32] and saved["model"]["encoder_width"] == 0.0625
    claim_workdir(tmp_path, config, DATA, A2D)


def test_a_workdir_of_another_config_is_refused_with_the_difference(tmp_path):
    _begun(tmp_path, toy_config())
    other = toy_config()
    other.model.atrous = False
    other.train.batch_size = 8
    with pytest.raises(InputError) as error:
        claim_workdir(tmp_path, other, DATA, A2D)
    assert "config.model.atrous: True there, False now" in str(error.value)
    assert "config.train.batch_size: 4 there, 8 now" in str(error.value)
    assert json.loads((tmp_path / "config.json").read_text())["model"]["atrous"] is True


def test_a_workdir_from_before_a_knob_was_there_goes_on_with_what_it_did_then(tmp_path):
    _begun(tmp_path, toy_config())
    older = json.loads((tmp_path / "config.json").read_text())
    del older["model"]["encoder"], older["train"]["temporal_rate"]
    (tmp_path / "config.json").write_text(json.dumps(older))
    found = _network_of(tmp_path, toy_config())
    assert found.model.encoder == "i3d"
    assert _network_of(tmp_path, found).model.encoder == "i3d"
    other = toy_config()
    other.train.temporal_lr_scale = 0.5
    with pytest.raises(InputError, match="config.train.temporal_lr_scale: 1.0 there, 0.5 now"):
        claim_workdir(tmp_path, other, DATA, A2D)
    claim_workdir(tmp_path, toy_config(), DATA, A2D)
    assert json.loads((tmp_path / "config.json").read_text())["model"]["encoder"] == "i3d"


def test_a_workdir_of_other_data_is_refused(tmp_path):
    _begun(tmp_path, toy_config())
    with pytest.raises(InputError, match=f"begun with other data: {DATA} there, another release now"):
        claim_workdir(tmp_path, toy_config(), "another release", A2D)
    moved = toy_config()
    moved.data.root, moved.data.shards_dir = "elsewhere", "elsewhere/too"
    claim_workdir(tmp_path, moved, DATA, A2D)
    assert (tmp_path / "data.txt").read_text() == DATA + "\n"


def test_a_workdir_without_a_checkpoint_is_free(tmp_path):
    claim_workdir(tmp_path, toy_config(), DATA, A2D)
    other = toy_config()
    other.train.grad_accum_steps = 2  # say, after the first try didn't fit into memory
    claim_workdir(tmp_path, other, DATA, A2D)
    assert json.loads((tmp_path / "config.json").read_text())["train"]["microbatches"] == 2


def test_what_changes_no_weight_may_differ(tmp_path):
    _begun(tmp_path, toy_config())
    other = toy_config()
    other.train.log_every = other.train.save_every = 7
    other.eval.batch_size = 2
    other.predict.opacity = 0.1
    claim_workdir(tmp_path, other, DATA, A2D)


def _network_of(workdir, config):
    return saved_config.check_same_network(saved_config.read_run_config(workdir), config, workdir)


def test_evaluating_needs_the_same_network_only(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        _network_of(tmp_path, toy_config())
    claim_workdir(tmp_path, toy_config(), DATA, A2D)
    other = toy_config()
    other.train.batch_size, other.data.root = 8, "elsewhere"
    assert _network_of(tmp_path, other).train.batch_size == 4
    other.model.encoder_width = 0.5
    with pytest.raises(InputError, match="encoder_width: 0.0625 there, 0.5 now"):
        _network_of(tmp_path, other)


@pytest.mark.parametrize(("knob", "value"), [("batch_size", "14"), ("clip_gradient", [1]), ("phases", 3)])
def test_a_runs_own_config_that_is_damaged_is_named(knob, value):
    saved = json.loads(json.dumps(toy_config().to_dict()))
    saved["train"][knob] = value
    with pytest.raises(
        InputError, match=f"config.train.{knob} is {value!r}, where one has".replace("[", ".").replace("]", ".")
    ):
        saved_config.complete_config(saved, default.get_config())


@pytest.mark.parametrize(
    ("knob", "text", "value"),
    [
        ("predict.opacity", "1", 1.0),
        ("predict.draw_tracks", "true", True),
        ("predict.overlap", "3", 3),
        ("data.root", "12", "12"),
        ("data.size", "(64, 96)", (64, 96)),
        ("train.eval_splits", "['train']", ("train",)),
    ],
)
def test_a_knob_of_a_runs_own_config_is_set_from_its_text(knob, text, value):
    config = default.get_config()
    overrides.set_option(config, knob, text)
    group, name = knob.split(".")
    assert config[group][name] == value and type(config[group][name]) is type(value)


@pytest.mark.parametrize(
    ("knob", "text", "said"),
    [
        ("predict.opacty", "1", "--config.predict.opacty: there is no such knob"),
        ("predict.opacity", "much", "--config.predict.opacity=much: needed is a value like 0.55"),
        ("predict.overlap", "1.5", "needed is a value like 8"),
        ("predict.tracks", "1", "needed is a value like True"),
        ("data.size", "64", "needed is a value like"),
    ],
)
def test_a_knob_that_cannot_be_set_is_said(knob, text, said):
    with pytest.raises(InputError, match=said):
        overrides.set_option(default.get_config(), knob, text)


def test_batches_matter_where_there_are_any():
    config = default.get_config()
    with pytest.raises(InputError, match="train.batch_size is 14; allowed: a multiple of 4"):
        config_rules.check_config(config, devices=4)
    config_rules.check_config(config, devices=4, trains=False)
    config.eval.batch_size = 3
    with pytest.raises(InputError, match="eval.batch_size is 3; allowed: a multiple of the 4 devices"):
        config_rules.check_config(config, devices=4, trains=False)
    config_rules.check_config(config, devices=4, trains=False, scores=False)


def test_an_older_runs_config_is_completed():
    config = toy_config()
    config.data.label_span = config.data.clip_frames
    config.predict.overlap = 2
    config.train.lr_phases = ((2, 1e-3, 1e-3),)  # a whole number where the default has a fraction
    saved = json.loads(json.dumps(config.to_dict()))
    del saved["predict"], saved["model"]["encoder"], saved["train"]["keep"]
    found = saved_config.complete_config(saved, default.get_config())
    config.predict.overlap = default.get_config().predict.overlap
    assert found.to_dict() == config.to_dict()
    found.predict.overlap = 2
    config_rules.check_config(found, devices=1)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"data": {}, "model": {}, "train": 1}'])
def test_a_damaged_config_file_is_named(tmp_path, text):
    _begun(tmp_path, toy_config())
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json can't be read"):
        claim_workdir(tmp_path, toy_config(), DATA, A2D)
    with pytest.raises(InputError, match="config.json can't be read"):
        _network_of(tmp_path, toy_config())


def test_a_config_file_that_cannot_be_taken_is_named(tmp_path):
    path, defaults = tmp_path / "x.json", default.get_config()
    with pytest.raises(InputError, match="x.json: no such file; --config needs a run's config.json, or e.g."):
        saved_config.read_given_config(path, defaults)
    path.write_text("{")
    with pytest.raises(InputError, match="x.json can't be read .*; restore it, or give another --config$"):
        saved_config.read_given_config(path, defaults)
    saved = json.loads(json.dumps(defaults.to_dict()))
    path.write_text(json.dumps(saved))
    assert saved_config.read_given_config(path, defaults) == saved
    saved["train"] |= {"batchsize": 3}
    path.write_text(json.dumps(saved | {"predicts": {"opacity": 1}}))
    said = "x.json has knobs that there are not: config.train.batchsize, config.predicts.opacity; configs/default.py"
    with pytest.raises(InputError, match=said):
        saved_config.read_given_config(path, defaults)


def test_checkpoints_without_their_config_are_not_taken_over(tmp_path):
    _begun(tmp_path, toy_config())
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match="config.json is missing, but there are checkpoints"):
        claim_workdir(tmp_path, toy_config(), DATA, A2D)


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
    with pytest.raises(InputError, match="init.run.*one or the other"):
        config_rules.check_config(config, devices=1)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"init.run"}, ("", "")),
        ({"init.run", "init.encoder_weights"}, ("rgb.h5", "")),
        (set(), ("rgb.h5", "flow.h5")),
    ],
)
def test_a_run_on_the_command_line_takes_the_place_of_a_variants_weights(given, left):
    config = default.get_config()
    config.init.encoder_weights, config.init.flow_weights, config.init.run = "rgb.h5", "flow.h5", "runs/first"
    overrides.prefer_init_run(config, given)
    assert (config.init.encoder_weights, config.init.flow_weights, config.init.run) == (*left, "runs/first")
