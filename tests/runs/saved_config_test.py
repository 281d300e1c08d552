"""Reading the config of a saved run, also of an older version."""

import json
import subprocess
import sys

import pytest

from configs import default
from ssa2d_jax.runs import config_rules, defaults, saved_config
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.toy import toy_config


@pytest.mark.parametrize(("option", "value"), [("batch_size", "14"), ("clip_gradient", [1]), ("lr_phases", 3)])
def test_a_runs_own_config_that_is_damaged_is_named(option, value):
    saved = json.loads(json.dumps(toy_config().to_dict()))
    saved["train"][option] = value
    with pytest.raises(
        InputError, match=f"config.train.{option} is {value!r}, not a value like".replace("[", ".").replace("]", ".")
    ):
        saved_config.complete_config(saved, default.get_config())


def test_an_older_runs_config_is_completed():
    config = toy_config()
    config.data.label_span = config.data.clip_frames
    config.predict.overlap = 2
    config.train.lr_phases = ((2, 1e-3, 1e-3),)  # a whole number where the default has a fraction
    saved = json.loads(json.dumps(config.to_dict()))
    del saved["predict"], saved["model"]["encoder"], saved["train"]["keep_checkpoints"]
    found = saved_config.complete_config(saved, default.get_config())
    config.predict.overlap = default.get_config().predict.overlap
    assert found.to_dict() == config.to_dict()
    found.predict.overlap = 2
    config_rules.check_config(found, devices=1)


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
    message = "x.json has unknown options: config.train.batchsize, config.predicts.opacity; configs/default.py"
    with pytest.raises(InputError, match=message):
        saved_config.read_given_config(path, defaults)


def _older(config):
    """The JSON of `config` as older versions wrote it, with the old names of options."""
    saved = json.loads(json.dumps(config.to_dict()))
    for old, new in saved_config.RENAMED_KEYS.items():
        group, name = new.split(".")
        saved[group][old.split(".")[1]] = saved[group].pop(name)
    return saved


def test_old_names_in_a_saved_config_are_read_as_the_new_ones(tmp_path):
    config = toy_config()
    config.data.root, config.data.sprites.train_clips, config.train.keep_checkpoints = "Release", 12, 5
    older = _older(config)
    assert older["data"]["release"] == "Release" and older["data"]["render"]["train_clips"] == 12
    assert older["train"]["keep"] == 5 and "lr_phases" not in older["train"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(older))
    expected = json.loads(json.dumps(config.to_dict()))
    assert saved_config.read_run_config(tmp_path) == expected
    assert saved_config.read_given_config(path, default.get_config()) == expected
    found = saved_config.complete_config(saved_config.read_run_config(tmp_path), default.get_config())
    assert found.to_dict() == config.to_dict()


def test_renamed_keys_are_known_with_their_group():
    assert saved_config.renamed_key("train.keep") == "train.keep_checkpoints"
    assert saved_config.renamed_key("data.render") == "data.sprites"
    assert saved_config.renamed_key("data.render.train_clips") == "data.sprites.train_clips"
    assert saved_config.renamed_key("train.keep_checkpoints") is None
    known = saved_config.flatten(default.get_config().to_dict())
    for new in saved_config.RENAMED_KEYS.values():
        assert new in known or any(key.startswith(new + ".") for key in known)


def test_missing_keys_are_added_to_a_copy():
    saved = json.loads(json.dumps(toy_config().to_dict()))
    del saved["predict"], saved["eval"]["threshold"], saved["model"]["encoder"]
    before = json.loads(json.dumps(saved))
    completed = saved_config.add_missing_keys(saved)
    assert saved == before
    assert completed["model"]["encoder"] == "i3d" and completed["eval"]["threshold"] == 0.5
    assert completed["predict"] == defaults.predict_defaults()
    found = saved_config.complete_config(saved)  # without configs/
    assert found.predict.overlap == 8 and found.eval.batch_size == 4 and found.data.size == (32, 32)


def test_the_configs_take_the_defaults_of_the_library():
    config = default.get_config()
    assert config.eval.to_dict() == defaults.eval_defaults()
    assert config.predict.to_dict() == defaults.predict_defaults()


def test_defaults_and_saved_configs_are_read_without_jax():
    code = "import sys; from ssa2d_jax.runs import defaults, overrides, saved_config; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
