"""The training of the included weights: its config, what it says beforehand, and the file of the package."""

import json
import subprocess
import sys

import numpy as np
import pytest

from configs import sprites
from ssa2d_jax.cli.arguments import parse
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils import safetensors_file
from tools import shipped


def _flat(config):
    groups = [(group, options) for group, options in config.to_dict().items() if isinstance(options, dict)]
    return {f"{group}.{name}": value for group, options in groups for name, value in options.items()}


def _changed(one, other):
    one, other = _flat(sprites.get_config(one)), _flat(sprites.get_config(other))
    return {key for key in one if one[key] != other[key]}


def test_the_configs_differ_from_the_short_training_in_data_and_length_only_and_then_in_size():
    rhythm = {"train.batch_size", "train.lr_phases"}
    assert _changed("shipped_small", "") == rhythm | {
        "data.root", "data.shards_dir", "data.sprites", "train.save_every", "train.eval_every",
    }  # fmt: skip
    assert _changed("shipped_medium", "shipped_small") == rhythm | {"data.size", "data.store_height", "init.run"}
    assert _changed("shipped", "shipped_medium") == {"train.lr_phases", "train.eval_every", "data.size", "init.run"}
    short, full = (sprites.get_config(variant).data.sprites.to_dict() for variant in ("", "shipped"))
    assert full == short | {"train_clips": 7000, "labelled": 8}


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # of ml_collections
def test_training_says_beforehand_how_long_it_takes_and_runs_the_config(tmp_path, monkeypatch, capsys):
    commands, codes = [], [3, 0, 4, 0, 5, 0, 0]

    class Process:
        def __init__(self, command):
            commands.append(command[2:])

        def wait(self):
            return codes.pop(0)

    monkeypatch.setattr(shipped, "_drawing_rate", lambda: shipped.REFERENCE_CLIPS_PER_SECOND / 2)
    monkeypatch.setattr(shipped, "REFERENCE_SECONDS", dict.fromkeys(sprites.SHIPPED, 1800.0))
    monkeypatch.setattr(shipped.subprocess, "Popen", Process)
    small, medium, workdir = (tmp_path / name for name in ("run_small", "run_medium", "run"))
    assert shipped.train(workdir) == 3
    first = ["--config=configs/sprites.py:shipped_small", f"--workdir={small}"]
    second = ["--config=configs/sprites.py:shipped_medium", f"--workdir={medium}", f"--config.init.run={small}"]
    third = ["--config=configs/sprites.py:shipped", f"--workdir={workdir}", f"--config.init.run={medium}"]
    assert "about 3 h 00 min for everything" in capsys.readouterr().out and commands == [first]
    assert shipped.train(workdir) == 4 and commands[1:] == [first, second]
    begun = Workdir(medium)
    (begun.checkpoints / "250").mkdir(parents=True)  # the second run has begun and needs the first no longer
    begun.config.write_text(json.dumps({"init": {"run": "named/otherwise"}}))  # as in the command that began it
    second[-1] = "--config.init.run=named/otherwise"
    assert shipped.train(workdir) == 5 and commands[3:] == [second, third]
    files = Workdir(workdir)
    (files.checkpoints / "250").mkdir(parents=True)
    files.config.write_text(json.dumps({"init": {"run": "named/otherwise"}}))
    third[-1] = "--config.init.run=named/otherwise"
    files.metrics.mkdir()
    for path in (files.scores, files.class_scores, files.clip_agreement):
        path("test").write_text("of the training's clips")
        path("another_test").write_text("standard")  # where eval writes, as these are not the run's data
    assert shipped.train(workdir) == 0 and commands[5] == third
    for path in (files.scores, files.class_scores, files.clip_agreement):
        assert path("test").read_text() == "standard" and not path("another_test").exists()
    assert "standard test split of configs/sprites.py, 900 labelled frames" in capsys.readouterr().out
    scoring = parse("eval", "main.py", [word for word in commands[6] if word != "--mode=eval"]).config
    of_training = sprites.get_config("shipped").data
    assert scoring.data.size == of_training.size
    assert scoring.data.sprites.test_clips * scoring.data.sprites.labelled == 900
    assert scoring.data.root != of_training.root and scoring.data.shards_dir != of_training.shards_dir


def test_the_estimate_is_of_the_steps_that_are_left(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_drawing_rate", lambda: shipped.REFERENCE_CLIPS_PER_SECOND)
    monkeypatch.setattr(
        shipped, "REFERENCE_SECONDS",
        {"shipped_small": 4024 * 60.0, "shipped_medium": 3500 * 30.0, "shipped": 2626 * 60.0},
    )  # fmt: skip
    small, medium, last = (Workdir(tmp_path / name) for name in ("run_small", "run_medium", "run"))
    for step in (2000, 3024):
        (small.checkpoints / str(step)).mkdir(parents=True)
    text = shipped._announcement(tmp_path / "run")
    assert text.startswith("7,000 clips, 4,024 steps into ")
    assert "about 89 h 36 min for the 7,126 steps after 3,024" in text
    (medium.checkpoints / "500").mkdir(parents=True)
    assert "about 68 h 46 min for the 5,626 steps after 4,524" in shipped._announcement(tmp_path / "run")
    (last.checkpoints / "1626").mkdir(parents=True)
    assert "about 16 h 40 min for the 1,000 steps after 9,150" in shipped._announcement(tmp_path / "run")
    (last.checkpoints / "2626").mkdir()
    assert shipped._announcement(tmp_path / "run").endswith("the training is finished")


def test_sigterm_ends_the_training_too(tmp_path):
    """The tool waits until the training has saved, and returns its exit code."""
    main = tmp_path / "main.py"
    main.write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved', flush=True), sys.exit(143)))\n"
        "print('training', flush=True)\ntime.sleep(60)\n"
    )
    program = (
        f"import pathlib, sys\nfrom tools import shipped\nshipped.ROOT = pathlib.Path({str(tmp_path)!r})\n"
        "sys.exit(shipped.call_main())"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "training\n"
    process.terminate()
    output, _ = process.communicate(timeout=30)
    assert output == "saved\n" and process.returncode == 143


def test_packed_weights_have_16_bit_kernels_scores_and_a_sentence_about_them(tmp_path, monkeypatch):
    config = sprites.get_config("shipped")
    variables = {
        "params": {"head": {"kernel": np.full((3, 2), 0.1, np.float32), "bias": np.full(2, 0.1, np.float32)}},
        "batch_stats": {"norm": {"mean": np.full(2, 0.1, np.float32)}},
    }

    class Run:
        step, space = 2626, A2D

    Run.config, Run.variables = config, variables
    monkeypatch.setattr("ssa2d_jax.runs.load_run.load_run_as_saved", lambda workdir: Run)
    with pytest.raises(shipped.InputError, match="make train"):
        shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    files = Workdir(tmp_path)
    files.metrics.mkdir()
    scores = {"step": 2626, "frames": 2400, "joint": {"miou": 61.0}}
    files.scores("test").write_text(json.dumps(scores))
    with pytest.raises(shipped.InputError, match="not scored on the 900 frames"):  # but on the training's own clips
        shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    files.scores("test").write_text(json.dumps(scores | {"frames": 900}))
    Run.step = 2500
    with pytest.raises(shipped.InputError, match="trained to its end, step 2626"):
        shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    Run.step = 2626
    config.data.root, config.init.run = "/elsewhere/clips", "/elsewhere/small"
    shipped.pack(tmp_path, tmp_path / "sprites.safetensors")
    tensors, _ = safetensors_file.load(tmp_path / "sprites.safetensors")
    assert {name: array.dtype.name for name, array in tensors.items()} == {
        "params/head/kernel": "float16", "params/head/bias": "float32", "batch_stats/norm/mean": "float32",
    }  # fmt: skip
    metadata = weights_file.load_metadata(tmp_path / "sprites.safetensors")
    assert metadata["about"] == shipped.ABOUT and metadata["scores"]["test"]["joint"]["miou"] == 61.0
    assert metadata["config"]["data"]["root"] == sprites.get_config("shipped").data.root
    assert metadata["config"]["init"]["run"] == sprites.get_config("shipped").init.run
