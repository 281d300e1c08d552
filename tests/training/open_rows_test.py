"""Rows that are not full yet at a checkpoint."""

import pytest

from ssa2d_jax.training.log import RunningMeans
from ssa2d_jax.training.open_rows import EMPTY, OpenRow, read_open_row, write_open_row


def test_means_go_on_to_the_same_bits(tmp_path):
    path, values = tmp_path / "metrics/open_rows.json", [0.1, 0.7, 1e-9, 3.3, 0.2]
    whole, first = RunningMeans(), RunningMeans()
    for value in values:
        whole.add({"loss": value})
    for value in values[:3]:
        first.add({"loss": value})
    write_open_row(path, 3, first.so_far())
    rest = RunningMeans(read_open_row(path, 3))
    for value in values[3:]:
        rest.add({"loss": value})
    assert rest.means() == whole.means()


def test_the_row_of_the_checkpoint_before_is_kept_since_this_one_may_never_be_finished(tmp_path):
    path = tmp_path / "open_rows.json"
    for step in (2, 4, 6):
        write_open_row(path, step, OpenRow({"loss": float(step)}, step))
    assert [read_open_row(path, step) for step in (2, 4, 6)] == [
        EMPTY,
        OpenRow({"loss": 4.0}, 4),
        OpenRow({"loss": 6.0}, 6),
    ]
    write_open_row(path, 4, OpenRow({"loss": 1.0}, 1))  # goes on from 2, say, and comes by 4 again
    assert (read_open_row(path, 4).steps, read_open_row(path, 6)) == (1, EMPTY)


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"3": {}}', '{"3": {"sums": [], "steps": 1}}', '{"x": 1}'])
def test_without_a_readable_file_there_is_none(tmp_path, text):
    path = tmp_path / "open_rows.json"
    if text is not None:
        path.write_text(text)
    assert read_open_row(path, 3) == EMPTY
    write_open_row(path, 3, OpenRow({"loss": 1.0}, 2))
    assert read_open_row(path, 3) == OpenRow({"loss": 1.0}, 2)
