"""Names of the weights that come with the package."""

import pytest

from ssa2d_jax.pretrained import shipped
from ssa2d_jax.utils.errors import InputError


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
    with pytest.raises(
        InputError, match=r"sprites\.safetensors is missing; .* install it again .*or name another run"
    ):
        shipped.find_run("sprites")
