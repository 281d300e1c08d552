"""Names of the weights that come with the package."""

import json
from pathlib import Path

import pytest

from configs import sprites
from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.pretrained import shipped
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.saved_config import add_missing_keys
from ssa2d_jax.steps import schedule
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_a_path_stays_what_it_is(tmp_path):
    assert shipped.find_run(tmp_path / "run") == tmp_path / "run"
    assert shipped.find_run("runs/sprites").parts == ("runs", "sprites")


def test_a_name_is_the_file_in_the_package_unless_there_is_a_run_of_that_name(tmp_path, monkeypatch):
    file = tmp_path / "package" / "sprites.safetensors"
    file.parent.mkdir()
    file.touch()
    monkeypatch.setattr(shipped, "_FILES", {shipped.SPRITES: file})
    monkeypatch.chdir(tmp_path)
    assert shipped.find_run("sprites") == file
    assert shipped.shipped_name(file) == "sprites"
    assert shipped.shipped_name(tmp_path / "sprites.safetensors") is None
    (tmp_path / "sprites").mkdir()
    assert shipped.find_run("sprites") == file  # that folder is no run
    (tmp_path / "sprites" / "config.json").touch()
    assert str(shipped.find_run("sprites")) == "sprites"
    assert shipped.find_run() == file


def test_a_missing_file_of_the_package_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_FILES", {shipped.SPRITES: tmp_path / "sprites.safetensors"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"sprites\.safetensors is missing; .* install it again .*or name another run"):
        shipped.find_run("sprites")


def test_the_included_file_is_the_finished_training_and_the_documents_have_its_score():
    path = shipped.find_run()
    assert path.stat().st_size < 6e6
    tensors, _ = safetensors_file.load(path)
    kernels = {array.dtype.name for array in tensors.values() if array.ndim > 1}
    assert kernels == {"float16"} and sum(array.size for array in tensors.values()) > 2_000_000
    metadata, config = weights_file.load_metadata(path), sprites.get_config("shipped")
    train = config.train
    assert metadata["step"] == sum(
        schedule.phase_lengths(train.lr_phases, config.data.sprites.train_clips, train.batch_size)
    )
    saved = json.loads(json.dumps(config.to_dict()))
    packed = json.loads(json.dumps(add_missing_keys(metadata["config"])))  # options that came later do nothing there
    assert {key: packed[key] for key in ("data", "model", "train")} == {
        key: saved[key] for key in ("data", "model", "train")
    }
    assert metadata["scores"]["test"]["frames"] == 900
    scores = [f"{metadata['scores']['test'][kind]['miou']:.1f}" for kind in KINDS]
    row = next(
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("| sprites, the included model")
    )
    assert row.split(" | ")[1:4] == scores
