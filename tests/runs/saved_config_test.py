"""Reading the config of a saved run, also of an older version."""

import json

import pytest

from configs import default
from ssa2d_jax.runs import config_rules, saved_config
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
