import pytest

from input_pipeline.exports.doings import read_doings
from ssa2d_jax.utils.errors import InputError


def _read(tmp_path, text):
    (tmp_path / "who.csv").write_text(text)
    return read_doings(str(tmp_path / "who.csv"))


def test_rows_are_about_instances_or_actors_in_some_frames(tmp_path):
    doings = _read(
        tmp_path,
        "video,instance,actor,action,first,last\nwalk,1,dog,running,,4\nwalk,1,dog,eating,5,\n,,bird,flying,,\n",
    )
    assert doings.find("walk", 1, None, 4) == ("dog", "running")
    assert doings.find("walk", 1, None, 5) == ("dog", "eating")
    assert doings.find("run", 1, None, 5) == (None, None)
    assert doings.find("run", 9, "bird", 0) == ("bird", "flying")
    assert doings.find("run", 9, "dog", 0) == ("dog", None)
    assert doings.unused() == []


def test_rows_that_are_about_nothing_are_named(tmp_path):
    assert _read(tmp_path, "instance,actor,action\n7,dog,running\n").unused() == [f"{tmp_path}/who.csv, line 2"]


def test_two_actions_or_two_actors_at_a_time_are_an_error(tmp_path):
    doings = _read(tmp_path, "instance,actor,action\n1,dog,running\n1,dog,eating\n2,dog,running\n")
    with pytest.raises(InputError, match="instance 1 of walk, frame 3: has the actions 'eating' and 'running'"):
        doings.find("walk", 1, None, 3)
    with pytest.raises(InputError, match="instance 2 of walk, frame 3: has the actors 'cat' and 'dog'"):
        doings.find("walk", 2, "cat", 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 is missing; allowed are the columns action, video"),
        ("instance,actor\n1,dog\n", "allowed are the columns"),
        ("instance,action,mood\n", "allowed are the columns"),
        ("instance,action\n1,\n", "line 2: has no action"),
        ("instance,action\n,running\n", "line 2: names neither an instance nor an actor"),
        ("instance,action\none,running\n", "line 2: instance is 'one'; expected a whole number"),
        ("instance,action,first,last\n1,running,5,4\n", "line 2: last is before first"),
        ("instance,action\n1,running,0,4\n", "line 2: has 4 cells, but line 1 2"),
    ],
)
def test_a_table_that_can_not_be_used_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        _read(tmp_path, text)


def test_a_missing_table_is_an_error(tmp_path):
    with pytest.raises(InputError, match="No such file or directory; config.convert.table is a csv file"):
        read_doings(str(tmp_path / "none.csv"))
