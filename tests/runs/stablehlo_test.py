"""The exported program: the live model's answers, for any number of clips, without this project's code."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax import export as jax_export

from ssa2d_jax.data.label_space import A2D, VIDOR
from ssa2d_jax.runs import stablehlo
from ssa2d_jax.steps.forward import probabilities
from tests.fixtures.toy import toy_run


@pytest.mark.parametrize(("space", "flow"), [(A2D, False), (VIDOR, True)])
def test_the_program_equals_the_live_model_for_any_batch(tmp_path, space, flow):
    run = toy_run(space, flow, "i3d" if flow else "pooled")
    (path,) = stablehlo.export_run(run, tmp_path, platforms=("cpu",))
    program = jax_export.deserialize(bytearray(path.read_bytes()))
    forward = jax.jit(lambda frames: probabilities(run.model, run.variables, frames, space.multilabel, whole=True))
    for clips in (1, 3):
        frames = np.random.default_rng(clips).integers(0, 256, (clips, 4, 32, 32, 5 if flow else 3)).astype(np.uint8)
        found = jax.device_get(program.call(frames))
        actor, action, mask = jax.device_get(forward(frames))
        np.testing.assert_allclose(found["actor_probabilities"], actor, atol=1e-4)
        np.testing.assert_allclose(found["action_probabilities"], action, atol=1e-4)
        np.testing.assert_allclose(found["foreground"], mask, atol=1e-4)
        assert (found["actor"] == actor.argmax(-1)).mean() > 0.999 and len(np.unique(found["actor"])) > 1
        assert ("joint" in found) == (not space.multilabel)
        if not space.multilabel:
            pairs = [(0, 0), *A2D.pairs]
            scores = np.stack([np.log(actor[..., a] + 1e-30) + np.log(action[..., b] + 1e-30) for a, b in pairs], -1)
            assert (found["joint"] == scores.argmax(-1)).mean() > 0.999


def test_the_script_runs_it_without_this_project(tmp_path, capsys):
    stablehlo.export_run(toy_run(A2D, encoder="pooled"), tmp_path / "exported", platforms=("cpu",))
    said = capsys.readouterr()
    named = {path.name for path in (tmp_path / "exported").iterdir() if f"written: {path}" in said.out + said.err}
    assert named == {"model_cpu.stablehlo", stablehlo.LABELS, stablehlo.SCRIPT}
    assert named == {path.name for path in (tmp_path / "exported").iterdir()}
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3)).astype(np.uint8)
    np.save(tmp_path / "clips.npy", frames)
    script = tmp_path / "exported" / stablehlo.SCRIPT
    command = [sys.executable, str(script), "clips.npy", "labels.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "ssa2d" not in script.read_text().replace("SSA2D", "")
    with np.load(tmp_path / "labels.npz", allow_pickle=False) as found:
        assert found["joint"].shape == (2, 4, 32, 32) and found["joint"].dtype == np.uint8
    _check_refusals(script, frames)
    names = json.loads((tmp_path / "exported" / stablehlo.LABELS).read_text())
    assert names["actors"] == list(A2D.actors) and names["joint"] == list(A2D.joint)
    assert names["clip"] == {"frames": 4, "height": 32, "width": 32, "frame_step": 1}


def _check_refusals(script, frames):
    """Runs the script on what it can't use: each time one line, and no traceback."""

    def said(*words):
        done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        return done.stderr

    path = script.with_name("bad.npy")
    assert said() == "usage: python run_exported.py clips.npy labels.npz\nclips.npy: uint8 RGB [B, 4, 32, 32, 3]\n"
    np.save(path, frames.astype(np.float32) / 255)
    needed = "needed: uint8 [B, 4, 32, 32, 3], any number B of clips, values 0 to 255"
    assert said(str(path), "out.npz") == f"error: {path} holds float32 [2, 4, 32, 32, 3]; {needed}\n"
    np.save(path, frames[0])
    assert said(str(path), "out.npz") == f"error: {path} holds uint8 [4, 32, 32, 3]; {needed}\n"
    path.write_bytes(b"no array")
    assert said(str(path), "out.npz").startswith(f"error: {path} is no .npy file of numbers")
    np.save(path, frames)
    program = script.with_name("model_cpu.stablehlo")
    program.write_bytes(b"")
    answer = said(str(path), "out.npz")
    assert answer.startswith(f"error: {program} can't be run: ") and "written with" not in answer
    script.write_text(script.read_text().replace(str(jax.__version_info__), "(99, 0)"))
    assert f"; it was written with jax {jax.__version__}, this is {jax.__version__}, and an older" in said(
        str(path), "o.npz"
    )


def test_a_gpus_program_is_made_here_with_its_own_forms(tmp_path):
    paths = stablehlo.export_run(toy_run(A2D, encoder="pooled"), tmp_path)
    assert [path.name for path in paths] == ["model_cpu.stablehlo", "model_cuda.stablehlo"]
    programs = [jax_export.deserialize(bytearray(path.read_bytes())) for path in paths]
    assert [one.platforms for one in programs] == [("cpu",), ("cuda",)]
    # CUDA takes whole 3-D convolutions, which have three spatial dimensions; CPU takes frames.
    assert ["0, 1, 2, f" in one.mlir_module() for one in programs] == [False, True]
