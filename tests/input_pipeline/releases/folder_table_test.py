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
        (["video;instance;actor;action", "a;1;dog;running"], "line 1 seems to be separated by semicolons; .*by commas"),
        (["video\tinstance\tactor\tact", "a\t1\tdog\trunning"], "line 1 seems to be separated by tabs; .*by commas"),
        (["video,instance,actor,action"], "contains no instance"),
        (["video,instance,actor,action,start"], "line 1 has the unknown column 'start'; allowed: video, instance"),
        (
            ["video,instance,actor,action", "a,1,dog,sled-run", "a,2,dog-sled,run"],
            "'dog', 'sled-run'. and .'dog-sled', 'run'. would both be called dog-sled-run",
        ),
        (["video,instance,actor,action", "a,1,dog"], "line 2: has 3 columns, but line 1 has 4"),
        (["video,instance,actor,action", "../a,1,dog,running"], "line 2: '../a' is not a plain video name"),
        (["video,instance,actor,action", "a,0,dog,running"], "line 2: instance is '0'; expected a whole number, 1"),
        (["video,instance,actor,action", "a,1,,running"], "line 2: actor is ''; a class name has letters"),
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
