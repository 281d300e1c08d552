"""The training of the weights that come along: its config, what it says beforehand, and the file of the package."""

import json

import numpy as np
import pytest

from configs import sprites
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils import safetensors_file
from tools import shipped


def test_the_config_differs_from_the_short_training_in_data_and_length_only():
    flat = lambda config: {key: value for group, options in config.to_dict().items() if isinstance(options, dict)
                           for key, value in {f"{group}.{name}": v for name, v in options.items()}.items()}  # fmt: skip
    short, full = flat(sprites.get_config()), flat(sprites.get_config("shipped"))
    changed = {key for key in full if full[key] != short[key]}
    assert changed == {"data.root", "data.shards_dir", "data.sprites", "train.batch_size", "train.lr_phases",
                       "train.save_every", "train.eval_every"}  # fmt: skip
    assert full["data.sprites"] == short["data.sprites"] | {"train_clips": 7000, "labelled": 8}


def test_training_says_beforehand_how_long_it_takes_and_runs_the_config(tmp_path, monkeypatch, capsys):
    commands = []

    class Process:
        def __init__(self, command):
            commands.append(command)

        def wait(self):
            return 3

    monkeypatch.setattr(shipped, "_drawing_rate", lambda: 9.0)  # half as fast as the reference
    monkeypatch.setattr(shipped.subprocess, "Popen", Process)
    assert shipped.train(tmp_path) == 3
    hours = 2 * shipped._REFERENCE_SECONDS / 3600
    assert f"about {int(hours)} h" in capsys.readouterr().out
    assert commands[0][2:] == ["--config=configs/sprites.py:shipped", f"--workdir={tmp_path}"]


def test_packed_weights_have_16_bit_kernels_scores_and_a_sentence_about_them(tmp_path, monkeypatch):
    config = sprites.get_config("shipped")
    variables = {
        "params": {"head": {"kernel": np.full((3, 2), 0.1, np.float32), "bias": np.full(2, 0.1, np.float32)}},
        "batch_stats": {"norm": {"mean": np.full(2, 0.1, np.float32)}},
    }

    class Run:
        step, space = 4812, A2D

    Run.config, Run.variables = config, variables
    monkeypatch.setattr("ssa2d_jax.runs.load_run.load_run_as_saved", lambda workdir: Run)
    with pytest.raises(shipped.InputError, match="make train"):
        shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    files = Workdir(tmp_path)
    files.metrics.mkdir()
    scores = {"step": 4812, "frames": 2400, "joint": {"miou": 61.0}}
    files.scores("test").write_text(json.dumps(scores))
    with pytest.raises(shipped.InputError, match="not scored on the 900 frames"):  # but on the training's own clips
        shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    files.scores("test").write_text(json.dumps(scores | {"frames": 900}))
    Run.step = 2500
    with pytest.raises(shipped.InputError, match="trained to its end, step 4812"):
        shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    Run.step = 4812
    config.data.root = "/elsewhere/clips"
    shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    tensors, _ = safetensors_file.load(tmp_path / "sprites.safetensors")
    assert {name: array.dtype.name for name, array in tensors.items()} == {
        "params/head/kernel": "float16", "params/head/bias": "float32", "batch_stats/norm/mean": "float32",
    }  # fmt: skip
    metadata = weights_file.load_metadata(tmp_path / "sprites.safetensors")
    assert metadata["about"] == shipped.ABOUT and metadata["scores"]["test"]["joint"]["miou"] == 61.0
    assert metadata["config"]["data"]["root"] == sprites.get_config("shipped").data.root
