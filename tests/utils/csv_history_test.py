"""Tables of a run's course, which a killed and resumed run goes on with."""

from ssa2d_jax.utils.csv_history import CsvHistory, read

COLUMNS = ("update", "split", "score")


def _rows(path):
    return [tuple(row.values()) for row in read(path)]


def test_a_resumed_run_writes_its_last_rows_again(tmp_path):
    path = tmp_path / "metrics" / "scores.csv"
    table = CsvHistory(path, COLUMNS, done=0, keys=2)
    for update in (10, 20, 30):
        for split in ("test", "train"):
            table.add({"update": update, "split": split, "score": update / 7})
    resumed = CsvHistory(path, COLUMNS, done=20, keys=2)
    resumed.add({"update": 30, "split": "test", "score": 0.5})
    resumed.add({"update": 30, "split": "test", "score": 0.25})  # scored again
    resumed.add({"update": 40, "split": "test"})
    assert _rows(path) == [
        ("10", "test", "1.42857"), ("10", "train", "1.42857"), ("20", "test", "2.85714"), ("20", "train", "2.85714"),
        ("30", "test", "0.25"), ("40", "test", ""),
    ]  # fmt: skip


def test_what_cannot_be_read_is_left_out(tmp_path):
    path = tmp_path / "scores.csv"
    assert read(path) == []
    path.write_text("update,split,score\n10,test,1\n20,te\nxy,test,1\n")
    assert _rows(path) == [("10", "test", "1")]
    path.write_bytes(b"\xff\xfe\x00")
    assert read(path) == []
    path.write_text("update,loss\n10,1\n")  # other columns: of an older version
    CsvHistory(path, COLUMNS, done=50).add({"update": 60, "split": "test", "score": 1.0})
    assert _rows(path) == [("60", "test", "1")]
