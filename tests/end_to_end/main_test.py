"""The command line: what a user types, from rendering to labels, and what happens when the input is bad."""

import json
import shutil
import signal
import subprocess
import time

import jax
import numpy as np
import pytest

from configs import sprites
from ssa2d_jax.cli import app
from ssa2d_jax.runs.checkpoints import Checkpoints
from ssa2d_jax.runs.load_run import load_run_as_saved
from tests.fixtures import folder_release
from tests.fixtures.main_process import ROOT, SHORT_CLIPS, command, run


def _tiny(folder, *flags):
    """Flags for the smallest run there is, all of it inside `folder`."""
    return (
        "--config=configs/sprites.py:tiny",
        f"--workdir={folder / 'run'}",
        f"--config.data.root={folder / 'Release'}",
        f"--config.data.shards_dir={folder / 'prepared'}",
        "--config.data.sprites.test_clips=8",
        "--config.data.sprites.train_clips=12",
        *SHORT_CLIPS,
        "--config.train.batch_size=8",
        "--config.train.image_clips=0",  # the notebook's run has pictures
        "--config.train.lr_phases=((1.7, 1e-3, 1e-3),)",
        "--config.train.save_every=2",
        *flags,
    )


@pytest.fixture(scope="module")
def unbroken_and_killed(tmp_path_factory):
    """Folders of a run that ended, and of the same run as SIGKILL would have left it soon after its first checkpoint:
    copied while no thread of it could go on."""
    unbroken, killed = (tmp_path_factory.mktemp(name) for name in ("unbroken", "killed"))
    with open(unbroken / "said.txt", "w") as said:
        process = subprocess.Popen(command(*_tiny(unbroken)), cwd=ROOT, stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + 900
            while not (unbroken / "run/checkpoints/2").exists():
                assert process.poll() is None, "the run ended before its first checkpoint"
                assert time.monotonic() < deadline, "no checkpoint in time"
                time.sleep(0.02)
            process.send_signal(signal.SIGSTOP)
            shutil.copytree(unbroken / "run", killed / "run")
            process.send_signal(signal.SIGCONT)
            assert process.wait(900) == 0, (unbroken / "said.txt").read_text()
        finally:
            process.kill()
    return unbroken, killed


def _final(folder):
    run = load_run_as_saved(folder / "run")
    return run.step, jax.tree.leaves(run.variables)


def test_killed_and_resumed_equals_unbroken(unbroken_and_killed):
    unbroken, killed = unbroken_and_killed
    before = max(Checkpoints(killed / "run/checkpoints", read_only=True).steps())
    # The same data, so that only the kill differs.
    data = f"--config.data.root={unbroken / 'Release'}", f"--config.data.shards_dir={unbroken / 'prepared'}"
    code, _, said = run(*_tiny(killed, *data))
    assert code == 0, said
    assert "resumed from" in said
    words = f"--mode=predict --workdir={killed / 'run'} --input=path/to/videos --output=predicted"
    assert said.rstrip().endswith(f"label videos with it: python main.py {words}")
    step, arrays = _final(killed)
    unbroken_step, expected = _final(unbroken)
    assert before < step == unbroken_step
    for one, two in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, two)


def test_eval_and_predict_from_a_workdir(unbroken_and_killed, tmp_path, run_here):
    trained, _ = unbroken_and_killed
    code, _, said = run_here(*_tiny(trained, "--mode=eval"))
    assert code == 0 and "all background" in said, said
    clip = sorted((trained / "Release/clips320H").glob("*_test_*.mp4"))[0]
    code, _, said = run_here(*_tiny(trained, "--mode=predict", f"--input={clip}", f"--output={tmp_path / 'out'}"))
    assert code == 0, said
    with np.load(tmp_path / "out/labels.npz", allow_pickle=False) as labels:
        assert labels["joint"].shape == (20, 128, 128) and labels["joint"].dtype == np.uint8
    assert (tmp_path / "out/overlay.mp4").stat().st_size > 0
    # Without --config, the run's own is taken, of a workdir and of an exported file.
    workdir, file = trained / "run", tmp_path / "model.safetensors"
    code, _, said = run_here("--mode=export_weights", f"--workdir={workdir}", f"--output={file}")
    assert code == 0, said
    flags = "--mode=predict", f"--workdir={file}", f"--input={clip}", f"--output={tmp_path / 'again'}"
    code, last, said = run_here(*flags, "--config.predict.overlap=9")
    assert code == 2 and "config.predict.overlap is 9; allowed: 0 to" in last, said
    code, _, said = run(*flags)
    assert code == 0, said
    assert (tmp_path / "again/labels.npz").read_bytes() == (tmp_path / "out/labels.npz").read_bytes()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--config=configs/sprites.py:tiny"], ["--workdir"]),
        (["--config=configs/sprites.py:tiny", "--mode=predict", "--workdir=w"], ["--input", "--output"]),
        (
            ["--config=configs/a2d.py:small", "--workdir=w", "--config.data.root=/nowhere/Release"],
            ["/nowhere/Release", "no such folder"],
        ),
        (
            ["--config=configs/a2d.py", "--workdir=w", "--config.data.size=(100, 100)"],
            ["config.data.size", "multiples of 16"],
        ),
        (
            ["--config=configs/a2d.py", "--workdir=w", "--config.model.actor_prior=sum"],
            ["config.model.actor_prior", "concat, add, off"],
        ),
        (["--config=configs/a2d.py", "--workdir=w", "--config.train.batch_sise=4"], ["batch_sise"]),
        (
            ["--config=configs/a2d.py", "--workdir=w", "--config.train.batch_size=many"],
            ["batch_size", "many"],
        ),
        (["--config=configs/a2d.py:big", "--workdir=w"], ["no variant 'big'", "small"]),
        (["--config=configs/nothing.py", "--workdir=w"], ["configs/nothing.py"]),
        (
            ["--config=configs/a2d.py:small", "--workdir=/nowhere/run", "--mode=eval"],
            ["/nowhere/run holds no run"],
        ),
        (  # before the release is looked at
            [
                "--config=configs/a2d.py:kinetics",
                "--workdir=w",
                "--config.data.root=/nowhere",
                "--config.init.encoder_weights=/gone/i3d_kinetics400_rgb.safetensors",
            ],
            ["config.init.encoder_weights", "/gone/i3d", "no such file", "python -m tools.fetch_weights"],
        ),  # fmt: skip
        (  # the run stands in for the weights that the variant names
            [
                "--config=configs/folder.py:kinetics",
                "--workdir=w",
                "--config.data.root=/nowhere",
                "--config.init.run=/gone/run",
            ],
            ["config.init.run: /gone/run: no such file"],
        ),  # fmt: skip
        (["--config=configs/a2d.py", "--workdir=w", "--mode=export_weights"], ["--output", ".safetensors"]),
        (["--config=configs/a2d.py", "--workdir=w", "--mode=fly"], ["fly", "predict"]),
        (["--mode=predict", "--workdir=/nowhere", "--input=a.mp4", "--output=out"], ["/nowhere holds no run"]),
        (["--config=/nowhere/config.json", "--workdir=w"], ["/nowhere/config.json: no such file; --config needs"]),
        (["--config", "pyproject.json", "--mode=prepare"], ["pyproject.json: no such file; --config needs"]),
        (
            ["--config=configs/a2d.py", "--config", "run/config.json", "--workdir=w"],
            ["--config is given 2 times (configs/a2d.py, run/config.json); give one"],
        ),
        (["--mode=report", "--workdir=/nowhere"], ["/nowhere: no such folder"]),
        (["--config=configs/a2d.py", "--workdir=w", "clip.mp4"], ["unexpected argument clip.mp4", "--name=value"]),
    ],
)
def test_bad_input_ends_with_a_clear_line_and_no_traceback(flags, words, run_here):
    code, _, said = run_here(*flags)
    assert code == 2, said
    assert "Traceback" not in said, said
    assert all(word in said for word in words), said


def test_a_runs_config_file_is_a_config(tmp_path, run_here):
    config = sprites.get_config("tiny")
    config.data.root = "/nowhere/Release"
    config.data.sprites.train_clips = 0
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    named = f"--config={tmp_path / 'config.json'}"
    code, last, said = run_here(named, "--mode=prepare")
    assert code == 2 and "Traceback" not in said and last.startswith("error: /nowhere/Release: no such folder"), said
    code, last, said = run_here(named, "--mode=prepare", "--config.data.clip_frames=10")
    assert code == 2 and "config.data.clip_frames is 10; allowed: a multiple of 4" in last, said
    config.init.encoder_weights = "/gone/rgb.h5"
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    code, last, said = run_here(named, f"--workdir={tmp_path / 'run'}", "--config.init.run=/gone/run")
    assert code == 2 and "config.init.run is '/gone/run'" not in said, said
    assert "config.init.run: /gone/run: no such file" in last, said


def test_check_lists_every_problem_and_keeps_two_releases_apart(tmp_path, run_here):
    bad = folder_release.write_folder(tmp_path / "bad" / "own", table="video,instance,actor,action\na,x,b,c\nd,1,b\n")
    good = [folder_release.write_folder(tmp_path / name / "own") for name in ("one", "two")]
    shutil.copytree(good[1] / "labels/a", good[1] / "labels/e")
    prepared = f"--config.data.shards_dir={tmp_path / 'prepared'}"
    check = lambda root: run_here(
        "--config=configs/folder.py", "--mode=check", f"--config.data.root={root}", prepared,
    )  # fmt: skip
    code, last, said = check(bad)
    assert code == 2 and "Traceback" not in said and last.startswith("error: 2 problems, listed above"), said
    assert "labels.csv, line 2: instance is 'x'" in said and "labels.csv, line 3: has 3 columns" in said, said
    code, _, said = check(good[0])
    assert code == 0 and "no problem found" in said, said
    code, _, said = check(good[1])
    assert code == 0 and "no problem found" in said, said
    assert f"warning: {good[1]}: instance PNGs of 1 video (e) that labels.csv does not name" in said, said
    assert len(list((tmp_path / "prepared").glob("**/check.png"))) == 2


def test_a_batch_size_that_the_devices_do_not_divide(run_here):
    # conftest asks for four devices.
    code, last, said = run_here("--config=configs/a2d.py", "--workdir=w", "--config.train.batch_size=14")
    assert code == 2 and "Traceback" not in said
    assert "config.train.batch_size is 14; allowed: a multiple of 4" in last
    assert "(4 devices x config.train.grad_accum_steps = 1)" in last


def _memory_that_is_not_there():
    return jax.jit(lambda: jax.numpy.zeros((1 << 22, 1 << 24), jax.numpy.uint8))()


def test_out_of_memory_is_told_from_other_errors():
    with pytest.raises(Exception, match="RESOURCE_EXHAUSTED|[Oo]ut of memory") as error:
        _memory_that_is_not_there()
    assert app.is_out_of_memory(error.value) and app.is_out_of_memory(MemoryError())
    assert not app.is_out_of_memory(ValueError("exhausted"))
