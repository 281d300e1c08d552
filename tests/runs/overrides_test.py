"""Options of the command line in a saved config."""

import pytest

from configs import default
from ssa2d_jax.runs import overrides
from ssa2d_jax.utils.errors import InputError


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("predict.opacity", "1", 1.0),
        ("predict.draw_tracks", "true", True),
        ("predict.overlap", "3", 3),
        ("data.root", "12", "12"),
        ("data.size", "(64, 96)", (64, 96)),
        ("train.eval_splits", "['train']", ("train",)),
    ],
)
def test_an_option_of_a_runs_own_config_is_set_from_its_text(option, text, value):
    config = default.get_config()
    overrides.set_option(config, option, text)
    group, name = option.split(".")
    assert config[group][name] == value and type(config[group][name]) is type(value)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("predict.opacty", "1", "--config.predict.opacty: unknown option"),
        ("predict.opacity", "much", "--config.predict.opacity=much: allowed is a value like 0.55"),
        ("predict.overlap", "1.5", "allowed is a value like 8"),
        ("predict.tracks", "1", "allowed is a value like True"),
        ("data.size", "64", "allowed is a value like"),
    ],
)
def test_an_option_that_cannot_be_set_is_said(option, text, message):
    with pytest.raises(InputError, match=message):
        overrides.set_option(default.get_config(), option, text)


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


@pytest.mark.parametrize(
    ("old", "new"), [("train.keep", "train.keep_checkpoints"), ("data.render.size", "data.sprites.size")]
)
def test_an_old_name_on_the_command_line_is_refused_with_the_new_one(old, new):
    with pytest.raises(InputError, match=f"^--config.{old} was renamed: use --config.{new}$"):
        overrides.set_option(default.get_config(), old, "3")
