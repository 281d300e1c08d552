"""Which config and data a workdir belongs to."""

import json
import os

import jax
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.runs import claim, saved_config
from ssa2d_jax.runs.claim import check_same_network, claim_workdir, record_machine
from ssa2d_jax.runs.saved_config import ADDED_KEYS
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.toy import toy_config

DATA = "toy data, 8 clips to train on"


def _begun(workdir, config):
    """A workdir that a run of `config` has saved something in."""
    claim_workdir(workdir, config, DATA, A2D)
    (workdir / "checkpoints" / "1").mkdir(parents=True)


def _network_of(workdir, config):
    return check_same_network(saved_config.read_run_config(workdir), config, workdir)


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
    assert "config.model.atrous: saved True, given False" in str(error.value)
    assert "config.train.batch_size: saved 4, given 8" in str(error.value)
    assert json.loads((tmp_path / "config.json").read_text())["model"]["atrous"] is True


def test_a_workdir_from_before_an_option_was_there_goes_on_with_what_it_did_then(tmp_path):
    _begun(tmp_path, toy_config())
    older = json.loads((tmp_path / "config.json").read_text())
    for key in ADDED_KEYS:
        group, name = key.split(".")
        del older[group][name]
    del older["eval"]["mask_vote"]
    (tmp_path / "config.json").write_text(json.dumps(older))
    found = _network_of(tmp_path, toy_config())
    assert found.model.encoder == "i3d"
    assert _network_of(tmp_path, found).model.encoder == "i3d"
    other = toy_config()
    other.train.temporal_lr_scale = 0.5
    with pytest.raises(InputError, match="config.train.temporal_lr_scale: saved 1.0, given 0.5"):
        claim_workdir(tmp_path, other, DATA, A2D)
    claim_workdir(tmp_path, toy_config(), DATA, A2D)
    assert json.loads((tmp_path / "config.json").read_text())["model"]["encoder"] == "i3d"


def test_a_workdir_of_other_data_is_refused(tmp_path):
    _begun(tmp_path, toy_config())
    with pytest.raises(InputError, match=f"started with other data: saved {DATA}, now another release"):
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
    assert json.loads((tmp_path / "config.json").read_text())["train"]["grad_accum_steps"] == 2


def test_what_changes_no_weight_may_differ(tmp_path):
    _begun(tmp_path, toy_config())
    other = toy_config()
    other.train.log_every = other.train.save_every = 7
    other.eval.batch_size = 2
    other.predict.opacity = 0.1
    claim_workdir(tmp_path, other, DATA, A2D)


def test_evaluating_needs_the_same_network_only(tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        _network_of(tmp_path, toy_config())
    claim_workdir(tmp_path, toy_config(), DATA, A2D)
    other = toy_config()
    other.train.batch_size, other.data.root = 8, "elsewhere"
    assert _network_of(tmp_path, other).train.batch_size == 4
    other.model.encoder_width = 0.5
    with pytest.raises(InputError, match="encoder_width: saved 0.0625, given 0.5"):
        _network_of(tmp_path, other)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"data": {}, "model": {}, "train": 1}'])
def test_a_damaged_config_file_is_named(tmp_path, text):
    _begun(tmp_path, toy_config())
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match="config.json can't be read"):
        claim_workdir(tmp_path, toy_config(), DATA, A2D)
    with pytest.raises(InputError, match="config.json can't be read"):
        _network_of(tmp_path, toy_config())


def test_checkpoints_without_their_config_are_not_taken_over(tmp_path):
    _begun(tmp_path, toy_config())
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match="config.json is missing, but there are checkpoints"):
        claim_workdir(tmp_path, toy_config(), DATA, A2D)


def test_a_run_with_old_names_of_options_goes_on(tmp_path):
    _begun(tmp_path, toy_config())
    path = tmp_path / "config.json"
    older = json.loads(path.read_text())
    for old, new in saved_config.RENAMED_KEYS.items():
        group, name = new.split(".")
        older[group][old.split(".")[1]] = older[group].pop(name)
    path.write_text(json.dumps(older))
    assert _network_of(tmp_path, toy_config()).train.keep_checkpoints == 2
    other = toy_config()
    other.train.grad_accum_steps = 2
    with pytest.raises(InputError, match="config.train.grad_accum_steps: saved 1, given 2"):
        claim_workdir(tmp_path, other, DATA, A2D)
    claim_workdir(tmp_path, toy_config(), DATA, A2D)
    assert json.loads(path.read_text())["train"]["keep_checkpoints"] == 2


def test_a_run_that_goes_on_with_another_number_of_cores_says_so(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(claim, "usable_cores", lambda: 2)
    record_machine(tmp_path)
    saved = json.loads((tmp_path / "machine.json").read_text())
    assert (saved["cores"], saved["backend"], saved["jax"]) == (2, "cpu", jax.__version__)
    monkeypatch.setattr(claim, "usable_cores", lambda: 1)
    record_machine(tmp_path)  # nothing was saved before
    (tmp_path / "checkpoints" / "1").mkdir(parents=True)
    record_machine(tmp_path)
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(claim, "usable_cores", lambda: 2)
    record_machine(tmp_path)
    text = "warning: the number of cores was 1 and is 2: from here on, it rounds differently than an unbroken run"
    assert capfd.readouterr().err.strip() == text
    record_machine(tmp_path)
    for content in ("{", "[]", "{}"):  # of a run from before, or damaged
        (tmp_path / "machine.json").write_text(content)
        record_machine(tmp_path)
        assert json.loads((tmp_path / "machine.json").read_text()) == saved
    assert capfd.readouterr().err == ""


def test_the_cores_are_those_that_the_process_may_use():
    assert 1 <= claim.usable_cores() <= os.cpu_count()
    assert claim.usable_cores() == len(os.sched_getaffinity(0))
