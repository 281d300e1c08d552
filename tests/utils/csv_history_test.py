"""The csv files of a run's history, which a resumed run continues."""

from ssa2d_jax.utils.csv_history import CsvHistory, read_rows

COLUMNS = ("step", "split", "score")


def _rows(path):
    return [tuple(row.values()) for row in read_rows(path)]


def test_a_resumed_run_writes_its_last_rows_again(tmp_path):
    path = tmp_path / "metrics" / "scores.csv"
    table = CsvHistory(path, COLUMNS, last_step=0, key_columns=2)
    for step in (10, 20, 30):
        for split in ("test", "train"):
            table.add({"step": step, "split": split, "score": step / 7})
    resumed = CsvHistory(path, COLUMNS, last_step=20, key_columns=2)
    resumed.add({"step": 30, "split": "test", "score": 0.5})
    resumed.add({"step": 30, "split": "test", "score": 0.25})  # scored again
    resumed.add({"step": 40, "split": "test"})
    assert _rows(path) == [
        ("10", "test", "1.42857"), ("10", "train", "1.42857"), ("20", "test", "2.85714"), ("20", "train", "2.85714"),
        ("30", "test", "0.25"), ("40", "test", ""),
    ]  # fmt: skip


def test_unreadable_rows_are_dropped(tmp_path):
    path = tmp_path / "scores.csv"
    assert read_rows(path) == []
    path.write_text("step,split,score\n10,test,1\n20,te\nxy,test,1\n")
    assert _rows(path) == [("10", "test", "1")]
    path.write_bytes(b"\xff\xfe\x00")
    assert read_rows(path) == []
    path.write_text("step,loss\n10,1\n")  # other columns: from an older version
    CsvHistory(path, COLUMNS, last_step=50).add({"step": 60, "split": "test", "score": 1.0})
    assert _rows(path) == [("60", "test", "1")]


def test_the_old_column_update_is_read_as_step(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("update,split,score\n10,test,1\n20,test,2\n30,test,3\n")
    assert read_rows(path)[0] == {"step": "10", "split": "test", "score": "1"}
    CsvHistory(path, COLUMNS, last_step=20).add({"step": 30, "split": "test", "score": 4.0})
    assert path.read_text().splitlines() == ["step,split,score", "10,test,1", "20,test,2", "30,test,4"]
