"""make real: what it runs, in which order, and what it leaves out when it goes on."""

import json

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, KINDS
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import a2d_release
from tools import real

COUNT = 24


class _Detector:
    step = 7


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "Release"
    for name in ("first", "second", "third"):
        a2d_release.write_video(root, name)
    a2d_release.write_videoset(root, {"first": 1, "second": 1, "third": 0})
    return root


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What is run: commands, and names of labelled videos; the labels are all background."""
    found = []

    def predict(path, folder, *, detector):
        found.append(folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "labels.npz", **{kind: np.zeros((COUNT, *a2d_release.SIZE), np.uint8) for kind in KINDS})
        classes = {kind: dict.fromkeys(A2D.names[kind]) for kind in KINDS}
        (folder / "summary.json").write_text(json.dumps({"step": detector.step, "complete": True} | classes))

    monkeypatch.setattr(real, "WEIGHTS", tmp_path / "weights.safetensors")
    monkeypatch.setattr(real, "call_main", lambda *words: found.append(words) or 0)
    monkeypatch.setattr(real.fetch_weights, "fetch", lambda path: found.append("weights") or path.write_text(""))
    monkeypatch.setattr("ssa2d_jax.inference.detector.Detector.from_run", lambda folder: _Detector())
    monkeypatch.setattr("ssa2d_jax.inference.predict.predict_video", predict)
    return found


def test_it_trains_every_seed_labels_the_test_videos_once_and_reports(release, tmp_path, calls, capsys):
    workdir = tmp_path / "real"
    assert real.run("a2d", release, workdir, (3, 4), ["--config.train.log_every=7"]) == 0
    weights, first, second, *labelled, report = calls
    assert weights == "weights" and sorted(labelled) == ["first", "second"]
    for words, seed in ((first, 3), (second, 4)):
        assert words[:3] == (
            "--config=configs/a2d.py:kinetics", f"--workdir={workdir / f'seed_{seed}'}", f"--config.seed={seed}",
        )  # fmt: skip
        assert {f"--config.data.root={release}", "--config.train.log_every=7"} < set(words)
    assert report == ("--mode=report", f"--workdir={workdir}")
    scores = json.loads((workdir / "predicted_scores.json").read_text())
    assert scores["frames"] == 6 and scores["joint"]["glo"] > 0 and scores["flicker"] == 0
    assert "joint" in capsys.readouterr().out
    calls.clear()
    assert real.run("a2d", release, workdir, (3, 4), []) == 0
    assert [words[:1] for words in calls] == [("--config=configs/a2d.py:kinetics",)] * 2 + [("--mode=report",)]


def test_what_an_older_step_labelled_is_labelled_again(release, tmp_path, calls):
    real.run("a2d", release, tmp_path / "real", (0,), [])
    path = tmp_path / "real/predicted/first/summary.json"
    path.write_text(path.read_text().replace('"step": 7', '"step": 6'))
    calls.clear()
    real.run("a2d", release, tmp_path / "real", (0,), [])
    assert [name for name in calls if isinstance(name, str)] == ["first"]


def test_a_training_that_fails_ends_it_with_its_exit_code(release, tmp_path, calls, monkeypatch):
    monkeypatch.setattr(real, "call_main", lambda *words: 3)
    assert real.run("a2d", release, tmp_path / "real", (0,), []) == 3
    assert calls == ["weights"]


def test_a_release_without_test_videos_is_an_error(tmp_path, calls):
    root = tmp_path / "Release"
    a2d_release.write_video(root, "only")
    a2d_release.write_videoset(root, {"only": 0})
    with pytest.raises(InputError, match="has no test video"):
        real.run("a2d", root, tmp_path / "real", (0,), [])
    assert calls == []
