"""A run, its shards and its exported weights as version 0.1.0 left them: they predict, evaluate and resume as then.

data/run_0_1.tar.xz was made by that version, with `configs/sprites.py:tiny` on 12 + 4 clips of 48x64 pixels, on one
CPU device: Release/, prepared/ (shards), run/ (its checkpoint of step 4 of 6; config.json under the old keys),
run.safetensors (exported at step 6), run/metrics/test.json (scored at step 6), predicted/ (labels of the first test
clip by step 6). Later versions decode the JPEGs of shards exactly and form the same operations otherwise: what the two
steps change has to agree within a quarter. (It is 0.17; with the decoding of before, 0.05 and each parameter within a
half.)
"""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import jax
import numpy as np
import pytest

from ssa2d_jax import Detector
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.load_run import load_run_as_saved
from tests.fixtures.xla_flags import QUICK_COMPILES

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).with_name("data") / "run_0_1.tar.xz"
CLIP = "Release/clips320H/w5s0_test_00000.mp4"
# Percent, of a toy that labels hardly anything, after two steps on exactly decoded frames.
_SCORES_APART = 4.0


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(DATA) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _main(old, *flags):
    """Runs main.py on one CPU device, as then; returns everything that it printed."""
    data = f"--config.data.root={old / 'Release'}", f"--config.data.shards_dir={old / 'prepared'}"
    done = subprocess.run(
        [sys.executable, "main.py", *flags, *data],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": QUICK_COMPILES},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_exported_weights_predict_the_same_labels(old):
    detector = Detector.from_run(old / "run.safetensors", overlap=4)
    result, windows = detector(old / CLIP), detector.window_options
    alone = min(windows.stride, len(result) - windows.span)  # frames that the first window alone sees
    assert alone > 0
    with np.load(old / "predicted/labels.npz") as saved:
        for kind in ("actor", "action", "joint"):
            # Since then prediction interpolates on the network's own grid, which moves borders a little, and later
            # windows begin elsewhere.
            assert (getattr(result, kind) == saved[kind])[:alone].mean() > 0.98, kind


def test_a_run_goes_on_from_its_checkpoint_to_the_same_weights_and_scores(old):
    before = load_run_as_saved(old / "run")
    said = _main(old, f"--config={old / 'run/config.json'}", f"--workdir={old / 'run'}")
    assert "resumed from" in said and "building" not in said  # the shards are found, not built anew
    run = load_run_as_saved(old / "run")
    exported, metadata = weights_file.load_file(old / "run.safetensors")
    assert run.step == metadata["step"] == 6
    leaves = [jax.tree.leaves(variables) for variables in (before.variables, run.variables, exported)]
    apart, moved = (
        np.array([np.linalg.norm(a - b) for a, b in zip(*pair, strict=True)])
        for pair in ((leaves[1], leaves[2]), (leaves[2], leaves[0]))
    )
    assert np.linalg.norm(apart) < 0.25 * np.linalg.norm(moved)
    history = (old / "run/metrics/training.csv").read_text().splitlines()
    assert history[0].startswith("step,") and [line.split(",")[0] for line in history[1:]] == list("123456")
    with tarfile.open(DATA) as archive:
        scores = json.load(archive.extractfile("./run/metrics/test.json"))
    again = json.loads((old / "run/metrics/test.json").read_text())
    assert again["frames"] == scores["frames"] == 12 and again["data"] == scores["data"]
    for kind in ("actor", "action", "joint"):
        assert again[kind] == pytest.approx(scores[kind], abs=_SCORES_APART), kind


def test_exported_weights_are_scored_without_a_config(old, run_here):
    data = f"--config.data.root={old / 'Release'}", f"--config.data.shards_dir={old / 'prepared'}"
    weights = f"--workdir={old / 'run.safetensors'}"
    code, _, said = run_here("--mode=eval", weights, *data, "--config.eval.batch_size=4")  # for four devices
    assert code == 0 and "12 labelled frames" in said and "building" not in said, said
    assert (old / "run_scores/metrics/test.json").exists()
