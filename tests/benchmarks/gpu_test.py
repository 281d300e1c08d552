"""The benchmark for GPUs, at its smallest size: what each part gives; that clips travel in a file; bad input."""

import itertools
import json
import time

import jax
import numpy as np
import pytest

from benchmarks import gpu, gpu_parts
from benchmarks.gpu_parts import Setting
from ssa2d_jax.models.lowering import Lowering, current_lowering
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.toy import toy_batch

TINY = Setting(4, 32, 0.0625, 2, 2, minutes=0.02, encoder="pooled")


def _write(path, count=3):
    batches = [toy_batch(seed) for seed in range(count)]
    np.savez(path, **{key: np.stack([batch[key] for batch in batches]) for key in batches[0]})


def test_precisions_are_told_apart(monkeypatch):
    monkeypatch.setattr(gpu_parts, "PRECISIONS", (gpu_parts.PRECISIONS[0], gpu_parts.PRECISIONS[-1]))
    rows = {row["precision"]: row for row in gpu_parts.agree(TINY)}
    for part in ("forward", "gradient"):
        errors = {name: row[f"{part}, relative error"] for name, row in rows.items()}
        assert 0 < errors["float32"] < 1e-3, errors  # of another form of the same operations
        assert 1e-3 < errors["bfloat16"] < 1, errors


def test_steps_are_timed(monkeypatch):
    monkeypatch.setattr(gpu_parts, "PRECISIONS", gpu_parts.PRECISIONS[:1])
    (row,) = gpu_parts.step(TINY)
    assert row["precision"] == "float32" and row["clips"] == 2
    assert 0 < row["clips a second"] < 1e4 and row["peak memory, GiB"] > 0.05


def test_where_memory_is_short_a_step_has_fewer_clips(monkeypatch):
    def timed(_, batch, is_bfloat16):
        if batch > 3 or not is_bfloat16:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return dict.fromkeys(gpu_parts._STEP_COLUMNS, 1.0)

    monkeypatch.setattr(gpu_parts, "_timed_step", timed)
    rows = {row["precision"]: row for row in gpu_parts.step(Setting(batch=14))}
    assert rows["bfloat16"]["clips"] == 3 and rows["bfloat16"]["clips a second"] == 1.0
    assert rows["float32"]["clips"] == 0 and rows["float32"]["clips a second"] == "out of memory"


def test_the_exported_program_agrees():
    rows = {row["result"]: row["largest difference"] for row in gpu_parts.export(TINY)}
    assert {"actor", "action", "joint"} <= set(rows)
    assert rows["actor_probabilities"] < 1e-3


def test_a_training_on_clips_of_a_file(tmp_path, monkeypatch):
    _write(tmp_path / "clips.npz")
    seen = []

    def step(state, batch):  # which falls by one for each batch
        seen.append(batch["video"][0, 0, 0, 0, 0, 0])
        time.sleep(0.05)
        return state, {"loss": 100.0 - len(seen)}

    monkeypatch.setattr(gpu_parts, "_training", lambda *_: (None, step))
    rows = gpu_parts.train(Setting(clips=tmp_path / "clips.npz", minutes=1 / 60))
    assert len(rows) > 5 and len(seen) == int(rows[-1]["step"])
    assert all(one["mean loss"] > other["mean loss"] for one, other in itertools.pairwise(rows))
    assert seen[:3] == seen[3:6] and len(set(seen[:3])) > 1  # the file's batches, again and again


def test_both_forms_are_timed(monkeypatch):
    seen = []
    monkeypatch.setattr(gpu_parts, "timed", lambda *_, repeats: (seen.append(current_lowering()) or len(seen), 0.0))
    rows = gpu_parts.forms(TINY)
    assert seen == [Lowering.PLAIN] * 2 + [Lowering.CPU] * 2
    assert [row["form"] for row in rows] == ["plain", "cpu"] and rows[1]["forward and backward, s"] == 4


def test_tables_are_written_and_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(gpu.PARTS, "forms", lambda setting: [{"form": "plain", "forward, s": 0.12345}])
    assert gpu.main(["--parts=forms", f"--output={tmp_path}", "--small"]) == 0
    assert json.loads((tmp_path / "forms.json").read_text())["rows"] == [{"form": "plain", "forward, s": 0.12345}]
    assert "plain  0.123" in capsys.readouterr().out


def test_without_clips_all_parts_but_the_training_are_measured(tmp_path, monkeypatch):
    for part in gpu.PARTS:
        monkeypatch.setitem(gpu.PARTS, part, lambda setting: [{"clips": 1}])
    assert gpu.main([f"--output={tmp_path}", "--small"]) == 0
    assert {path.stem for path in tmp_path.iterdir()} == {"agree", "step", "export", "forms"}
    _write(tmp_path / "clips.npz")
    assert gpu.main([f"--output={tmp_path}", "--small", f"--clips={tmp_path / 'clips.npz'}"]) == 0
    assert (tmp_path / "train.json").exists()


def test_bad_input_ends_with_a_line(tmp_path, capsys):
    assert gpu.main(["--parts=train", f"--output={tmp_path}"]) == 2
    assert "error: the part train needs --clips" in capsys.readouterr().err
    (tmp_path / "no.npz").write_text("no clips")
    assert gpu.main([f"--output={tmp_path / 'out'}", f"--clips={tmp_path / 'no.npz'}"]) == 2  # before any part
    assert not (tmp_path / "out").exists()
    assert "no.npz can't be read as .npz" in capsys.readouterr().err
    np.savez(tmp_path / "other.npz", video=np.zeros((2, 3)))
    with pytest.raises(InputError, match="batch"):
        next(gpu_parts.read_clips(tmp_path / "other.npz"))
