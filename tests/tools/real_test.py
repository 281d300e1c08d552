"""make real: what it runs, in which order, and what it leaves out when it goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, KINDS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.signals import Stopped
from tests.fixtures import a2d_release
from tools import real

COUNT = 24


def _write_config(folder, mask_vote=1.0):
    groups = {"data": {}, "model": {}, "train": {}, "eval": {"mask_vote": mask_vote}}
    (folder / "config.json").write_text(json.dumps(groups))


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
        if path.read_bytes() == b"broken":
            raise InputError(f"{path} is broken")
        if (folder / "tracks.json").exists() and not (folder / "summary.json").exists():
            raise InputError("as predict_video does: whose file is it?")
        found.append(folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "labels.npz", **{kind: np.zeros((COUNT, *a2d_release.SIZE), np.uint8) for kind in KINDS})
        classes = {kind: dict.fromkeys(A2D.names[kind]) for kind in KINDS}
        (folder / "summary.json").write_text(json.dumps({"step": detector.step, "complete": True} | classes))
        (folder / "tracks.json").write_text("{}")

    monkeypatch.setattr(real, "WEIGHTS", tmp_path / "weights.safetensors")

    def call_main(*words):
        found.append(words)
        if words[0] != "--mode=report":
            folder = Path(words[1].removeprefix("--workdir=")) / "checkpoints/7"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "crc32.json").write_text(words[2])
            _write_config(folder.parents[1])
        return 0

    monkeypatch.setattr(real, "call_main", call_main)
    monkeypatch.setattr(real.fetch_weights, "fetch", lambda path: found.append("weights") or path.write_text(""))
    monkeypatch.setattr("ssa2d_jax.inference.detector.Detector.from_run", lambda folder: _Detector())
    monkeypatch.setattr("ssa2d_jax.inference.predict.predict_video", predict)
    return found


def test_it_trains_every_seed_labels_the_test_videos_once_and_reports(release, tmp_path, calls, capsys):
    workdir = tmp_path / "real"
    assert real.run("a2d", release, workdir, (3, 4), ["--config.train.log_every=7"]) == 0
    weights, first, second, *labelled, report = calls
    assert weights == "weights" and sorted(labelled) == ["first", "first", "second", "second"]
    for words, seed in ((first, 3), (second, 4)):
        assert words[:3] == (
            "--config=configs/a2d.py:kinetics", f"--workdir={workdir / f'seed_{seed}'}", f"--config.seed={seed}",
        )  # fmt: skip
        expected = {f"--config.data.root={release}", "--config.train.log_every=7", "--config.eval.published=False"}
        assert expected < set(words)
    assert report == ("--mode=report", f"--workdir={workdir}")
    for seed in (3, 4):
        scores = json.loads((workdir / f"seed_{seed}/predicted_scores.json").read_text())
        assert scores["frames"] == 6 and scores["joint"]["glo"] > 0 and scores["flicker"] == 0
    assert "joint" in capsys.readouterr().out
    calls.clear()
    assert real.run("a2d", release, workdir, (3, 4), []) == 0
    assert [words[:1] for words in calls] == [("--config=configs/a2d.py:kinetics",)] * 2 + [("--mode=report",)]


@pytest.mark.parametrize(
    "change",
    [
        lambda run: (run / "checkpoints/7/crc32.json").write_text("of a training with other options"),
        lambda run: _write_config(run, mask_vote=0.0),
    ],
)
def test_what_another_network_or_decision_labelled_is_labelled_again(release, tmp_path, calls, change):
    real.run("a2d", release, tmp_path / "real", (0,), [])
    change(tmp_path / "real/seed_0")
    calls.clear()
    original = real.call_main
    real.call_main = lambda *words: 0  # which is finished
    try:
        real.run("a2d", release, tmp_path / "real", (0,), [])
    finally:
        real.call_main = original
    assert sorted(calls) == ["first", "second"]


def test_another_seeds_labels_are_not_taken(release, tmp_path, calls):
    for seed in (0, 1):
        calls.clear()
        real.run("a2d", release, tmp_path / "real", (seed,), [])
        assert sorted(name for name in calls if isinstance(name, str))[:2] == ["first", "second"]


def test_a_test_video_that_cant_be_read_is_left_out_and_listed(release, tmp_path, calls, capsys):
    (release / "clips320H/first.mp4").write_bytes(b"broken")
    assert real.run("a2d", release, tmp_path / "real", (0,), []) == 1
    assert "not labelled, and not scored: first: " in capsys.readouterr().err
    scores = json.loads((tmp_path / "real/seed_0/predicted_scores.json").read_text())
    assert scores["frames"] == 3 and len(scores["left_out"]) == 1 and calls[-1][0] == "--mode=report"


def test_if_no_test_video_can_be_labelled_it_says_why(release, tmp_path, calls):
    for name in ("first", "second"):
        (release / f"clips320H/{name}.mp4").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"no test video could be labelled: first: .*broken; second: .*broken"):
        real.run("a2d", release, tmp_path / "real", (0,), [])


@pytest.mark.parametrize(
    ("error", "code"), [(Stopped(15, "amid a video"), 143), (InputError("bad"), 2), (OSError("full"), 2)]
)
def test_what_ends_it_is_one_line_and_an_exit_code(monkeypatch, capsys, error, code):
    def run(*arguments):
        raise error

    monkeypatch.setattr(real, "run", run)
    monkeypatch.setattr("sys.argv", ["real", "--release=somewhere"])
    assert real.main() == code
    assert len(capsys.readouterr().err.splitlines()) == 1


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
