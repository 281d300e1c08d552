"""Rows of labels.csv: numbers as spreadsheets write them, names in any script, numbers that are ignored."""

import pytest

from input_pipeline.releases.tables.rows import Row, find_ignored_conflicts, read_row
from ssa2d_jax.utils.errors import InputError


def _row(**cells):
    return read_row("here", {"video": "a", "instance": "1", "actor": "dog", "action": "running"} | cells)


@pytest.mark.parametrize(
    ("text", "number"), [("4", 4), ("4.0", 4), ("4,00", 4), ("4.000000", 4), ("0004", 4), ("0.000", 0)]
)
def test_whole_numbers_may_have_decimals_of_zero(text, number):
    assert _row(first=text).first == number


@pytest.mark.parametrize("text", ["4.5", "4.", ".0", "-4", "4e0", "1_0", "٤", "4.0.0", "9" * 5000, "4 5"])
def test_other_numbers_are_refused(text):
    with pytest.raises(InputError, match="here: first is '.*'; expected a whole number, 0 or more"):
        _row(first=text)


@pytest.mark.parametrize("empty", ["", "NA", "NaN", "nan", "<NA>", "null", "None"])
def test_missing_values_of_other_programs_are_empty_cells(empty):
    row = _row(first=empty, last=empty, split=empty)
    assert (row.first, row.last, row.split) == (0, None, "")
    assert _row(actor="ignore", action=empty).ignored
    with pytest.raises(InputError, match="instance is"):
        _row(instance=empty)


@pytest.mark.parametrize(("text", "number"), [("1e+05", 100000), ("2e+06", 2000000)])
def test_powers_of_ten_as_r_writes_them_are_whole_numbers(text, number):
    assert _row(first="0", last=text).last == number
    for rounded in ("1E+05", "1.2e+05", "1e-05", "1e5"):
        with pytest.raises(InputError, match="last is"):
            _row(last=rounded)


def test_a_number_of_two_meanings_is_refused():
    with pytest.raises(InputError, match="here: last is '1.000', 1 or 1000. Write it with digits alone"):
        _row(last="1.000")


def test_a_number_can_be_ignored_in_a_video_or_in_all():
    row = _row(video="*", instance="10000", actor="ignore", action="")
    assert row.ignored and (row.video, row.instance) == ("*", 10000)
    assert not _row(actor="ignore").ignored  # an actor of that name
    with pytest.raises(InputError, match=r"here: video is '\*', but only the actor 'ignore' can be in all videos"):
        _row(video="*")
    with pytest.raises(InputError, match="here: action is ''"):
        _row(action="")


def test_what_is_ignored_cannot_be_an_instance():
    rows = [Row("labels.csv, line 2", "a", 7, "dog", "run", 0, None)]
    ignored = [Row("labels.csv, line 3", "*", number, "ignore", "", 0, None) for number in (7, 9)]
    problems = list(find_ignored_conflicts(rows, ignored, 255))
    assert problems == ["labels.csv, line 3: 7 is ignored, but an instance of a in line 2; delete one of the two lines"]
    (problem,) = find_ignored_conflicts(rows, ignored[1:], 7)
    assert "no number can be ignored in a, where 7 is an instance (line 2); give the instance another" in problem
