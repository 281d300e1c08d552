"""labels.csv: every problem has a message that names its line."""

from pathlib import Path

import pytest

from input_pipeline.releases import folder_table
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError, Problems


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1 is missing; it must name the columns video, instance, actor, action"),
        (["a,1,dog,running"], "line 1 is .'a', '1', 'dog', 'running'.; it must name"),
        (["video\tinstance\tactor\tact", "a\t1\tdog\trunning"], "line 1 is .'video', 'instance', 'actor', 'act'.; it"),
        (["video,instance,actor,action"], "contains no instance"),
        (["video,instance,actor,action,start"], "line 1 has the unknown column 'start'; allowed: video, instance"),
        (
            ["video,instance,actor,action", "a,1,dog,sled-run", "a,2,dog-sled,run"],
            "'dog', 'sled-run'. and .'dog-sled', 'run'. would both be called dog-sled-run",
        ),
        (["video,instance,actor,action", "a,1,dog"], "line 2: has 3 columns, but line 1 has 4"),
        (["video,instance,actor,action", "../a,1,dog,running"], "line 2: '../a' is not a plain video name"),
        (["video,instance,actor,action", "a,0,dog,running"], "line 2: instance is '0'; expected a whole number, 1"),
        (["video,instance,actor,action", "a,1,,running"], "line 2: actor is ''; a class name is printable text"),
        (["video,instance,actor,action", "a,1,dog,background"], "action is 'background'; a class name"),
        (["video,instance,actor,action,first,last", "a,1,dog,running,9,3"], "line 2: last is 3, but first is 9"),
        (["video,instance,actor,action,split", "a,1,dog,running,val"], "split is 'val'; allowed: train or test"),
        (
            ["video,instance,actor,action", "a,1,dog,sitting", "a,1,cat,sitting"],
            "line 3: instance 1 of a is cat, but dog in line 2; an instance must",
        ),
        (
            ["video,instance,actor,action,first,last", "a,1,dog,running,0,9", "a,1,dog,barking,9,"],
            r"line 3: instance 1 of a does barking and running at the same time .line 2.; give each action",
        ),
        (
            ["video,instance,actor,action,split", "a,1,dog,running,train", "b,1,dog,running,"],
            "video b has no split, but other videos have",
        ),
        (["video,instance,actor,action,split", "a,1,dog,running,train"], "no video is in split 'test'"),
        (
            ["video,instance,actor,action", *(f"a,{i},dog,trick {i}" for i in range(1, 256))],
            "255 actions; at most 254 are possible",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_with_its_line(tmp_path, lines, message):
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match=rf"labels\.csv.*{message}"):
        folder_table.read_table(tmp_path)


def test_all_bad_lines_are_listed(tmp_path):
    lines = [
        "video,instance,actor,action,first,last",
        "a,1,dog,running,,9",
        "a,x,dog,running,,",
        "a,1,dog,sitting,20,",
        "../b,1,dog,running,,",
        "a,1,dog,barking,5,7",
        "a,1,dog,barking,30,31",
        "a,1,cat,running,10,12",
        "b,1,dog",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    with pytest.raises(Problems, match="line 3.*and 5 more problems; --mode=check lists all") as error:
        folder_table.read_table(tmp_path)
    assert [int(problem.split("line ")[1].split(":")[0]) for problem in error.value.args] == [3, 5, 9, 6, 8, 7]
    assert "does barking and sitting at the same time (line 4)" in error.value.args[-1]


def test_every_action_at_the_same_time_as_another_is_named(tmp_path):
    lines = [
        "video,instance,actor,action,first,last",
        "a,1,dog,running,0,50",
        "a,1,dog,sitting,0,0",
        "a,1,dog,eating,10,20",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    with pytest.raises(Problems) as error:
        folder_table.read_table(tmp_path)
    sits, eats = error.value.args
    assert "line 3: instance 1 of a does sitting and running at the same time (line 2)" in sits
    assert "line 4: instance 1 of a does eating and running at the same time (line 2)" in eats


def test_classes_that_differ_only_in_case_are_found():
    space = LabelSpace.from_names(
        ("Dog", "cat", "dog"), ("Run", "sit"), (("Dog", "Run"), ("cat", "sit"), ("dog", "Run"))
    )
    (problem,) = folder_table.case_conflicts(Path("own"), space)
    assert problem == "own: actors 'Dog' and 'dog' differ only in case; if they are the same, spell them alike"


TABLE = (
    "video,instance,actor,action\n17,1,dog,carry/hold (an object)\na.mp4,1,Ba\u0308r,running\na,2,B\u00e4r,running\n"
)


def _videos(root, *names):
    (root / "videos").mkdir(parents=True)
    for name in names:
        (root / "videos" / name).touch()
    (root / "labels.csv").write_text(TABLE, encoding="utf-8")
    return root


def test_rows_get_the_names_of_their_videos(tmp_path):
    table = folder_table.read_table(_videos(tmp_path, "a.mp4", "00017.mp4"))
    assert {name: [row.instance for row in rows] for name, rows in table.rows.items()} == {"00017": [1], "a": [1, 2]}
    assert table.space.joint == ("background", "B\u00e4r-running", "dog-carry/hold (an object)")
    assert table.guesses == (
        f"{tmp_path / 'labels.csv'}, line 2: video 17 is read as 00017: the table seems to have lost zeros",
    )
    assert folder_table.class_warnings(tmp_path, table, "")[0] == table.guesses[0]


def test_a_name_of_two_videos_is_a_problem_of_its_line(tmp_path):
    with pytest.raises(Problems) as error:
        folder_table.read_table(_videos(tmp_path, "a.mp4", "00017.mp4", "017.mp4"))
    assert error.value.args == (
        f"{tmp_path / 'labels.csv'}, line 2: video 17 may be 00017, 017; write its name in full, with all zeros",
    )


def test_rows_under_two_names_of_one_video_are_compared(tmp_path):
    root = _videos(tmp_path, "a.mp4", "00017.mp4")
    (root / "labels.csv").write_text("video,instance,actor,action\na,1,dog,run\na.mp4,1,cat,run\n")
    with pytest.raises(Problems, match="line 3: instance 1 of a is cat, but dog in line 2"):
        folder_table.read_table(root)


def test_numbers_that_are_ignored_are_no_classes(tmp_path):
    root = _videos(tmp_path, "a.mp4", "b.mp4")
    lines = [
        "video,instance,actor,action,first,last",
        "a,1,dog,run,,",
        "b,1,dog,run,,",
        "*,10000,ignore,,,",
        "b,7,ignore,,3,4",
    ]
    (root / "labels.csv").write_text("\n".join(lines))
    table = folder_table.read_table(root)
    assert table.space.joint == ("background", "dog-run") and list(table.rows) == ["a", "b"]
    assert [table.ignored_numbers("b", frame) for frame in (2, 3, 4, 5)] == [{10000}, {7, 10000}, {7, 10000}, {10000}]
    assert table.ignored_numbers("a", 3) == {10000}
    (root / "labels.csv").write_text("\n".join([*lines, "c,7,ignore,,,"]))
    with pytest.raises(Problems, match="line 6: video c has no row of an instance"):
        folder_table.read_table(root)


def test_all_problems_of_a_table_are_found_at_once(tmp_path):
    root = _videos(tmp_path, "garden.mp4", "pond.mp4", "clip 1.mp4")
    lines = [
        "video,instance,actor,action,split",
        "garden,1,dog,running,train",
        "gardn,2,dog,running,train",
        "pond,x,dog,running,test",
        "pond,1,Dog,running,test",
        "pond,2,dog,eating,train",
        "clip 2,1,dog,running,",
    ]
    (root / "labels.csv").write_text("\n".join(lines))
    table, none = root / "labels.csv", f"{root / 'videos'} has none with that name"
    with pytest.raises(Problems) as error:
        folder_table.read_table(root)
    assert error.value.args == (
        f"{table}, line 4: instance is 'x'; expected a whole number, 1 or more",
        f"{table}: video pond has rows with split 'test' and 'train'; all its rows must have the same",
        f"{table}: video clip 2 has no split, but other videos have; give a split to all or to none",
        f"{table}: actors 'Dog' and 'dog' differ only in case; if they are the same, spell them alike",
        f"{table}, line 7: video clip 2: {none}; did you mean 'clip 1'?",
        f"{table}, line 3: video gardn: {none}; did you mean 'garden'?",
    )
