"""The names of the files in a workdir."""

from ssa2d_jax.runs.workdir import Workdir


def test_scored_runs_are_found_in_a_folder_or_are_it(tmp_path):
    for name in ("b/seed0", "a", "c"):
        files = Workdir(tmp_path / name)
        files.metrics.mkdir(parents=True)
        files.scores("train" if name == "c" else "test").write_text("{}")
    assert Workdir.scored(tmp_path, "test") == [Workdir(tmp_path / "a"), Workdir(tmp_path / "b/seed0")]
    assert Workdir.scored(tmp_path / "a", "test") == [Workdir(tmp_path / "a")]
    assert Workdir.scored(tmp_path / "nowhere", "test") == []


def test_a_checkpoint_is_a_folder_with_a_number(tmp_path):
    files = Workdir(tmp_path)
    assert not files.has_checkpoint()
    (files.checkpoints / "tmp").mkdir(parents=True)
    assert not files.has_checkpoint()
    (files.checkpoints / "7").mkdir()
    assert files.has_checkpoint()
