"""The configs of the checkout are found from every folder."""

import sys
from pathlib import Path

import pytest

import ssa2d_jax
from ssa2d_jax.cli import app, arguments, checkout, config
from ssa2d_jax.utils.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.filterwarnings("ignore:the load_module")  # by which ml_collections reads config files
def test_a_config_of_the_checkout_is_found_from_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = arguments.parse("train", "ssa2d train", ["--config=configs/sprites.py:tiny", "--config.seed=3"]).config
    assert found.data.sprites.train_clips == 60 and found.seed == 3
    assert checkout.find_config(Path("configs/sprites.py")) == ROOT / "configs/sprites.py"


@pytest.mark.filterwarnings("ignore:the load_module")
def test_a_file_of_the_current_folder_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    text = "from ml_collections import ConfigDict\n\ndef get_config():\n    return ConfigDict({'seed': 41})\n"
    (tmp_path / "configs/sprites.py").write_text(text)
    assert arguments.parse("train", "ssa2d train", ["--config=configs/sprites.py"]).config.seed == 41


def test_a_name_that_does_not_exist_gets_the_names_of_the_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert app.main(["prepare", "--config=configs/sprite.py:tiny"]) == 2
    said = capsys.readouterr().err
    assert "there are configs/a2d.py, configs/folder.py" in said and "did you mean configs/sprites.py:tiny?" in said


def test_without_a_checkout_the_message_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ssa2d_jax").mkdir()
    monkeypatch.setattr(ssa2d_jax, "__file__", str(tmp_path / "ssa2d_jax/__init__.py"))
    assert checkout.add_checkout() is None
    assert app.main(["prepare", "--config=configs/sprites.py"]) == 2
    assert "the configs are in a checkout of the project" in capsys.readouterr().err


def test_an_installed_command_can_import_the_configs(monkeypatch):
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT])
    monkeypatch.setattr(checkout.importlib.util, "find_spec", lambda name: None)
    assert checkout.add_checkout() == ROOT and sys.path[-1] == str(ROOT)


def test_another_projects_package_of_that_name_is_named(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/__init__.py").touch()
    for name in [name for name in sys.modules if name.partition(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        with pytest.raises(InputError, match=f"of another project before this one's .{tmp_path}/configs"):
            config.config_defaults()
    finally:
        sys.modules.pop("configs", None)  # before those of this project are put back
