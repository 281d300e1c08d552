import dataclasses

import numpy as np
import pytest

from input_pipeline.releases.layouts import open_release
from input_pipeline.sprites.render_a2d import A2dRenderOptions, render_a2d
from input_pipeline.sprites.render_folder import FolderRenderOptions, render_folder
from tools import labelling_loop
from tools.labelling_loop_labels import Comparison, Label, compare, read_labels, read_tracks, write_tracks

DOG, CAT = ("dog", "running"), ("cat", "eating")


def _labels(second=2):
    """Two frames with a dog on the left and, in both or only in the second, a cat on the right."""
    numbers = np.zeros((4, 6), np.uint16)
    numbers[:, :2], numbers[1:3, 4:] = 1, second
    return {frame: Label(numbers, {1: DOG, second: CAT}) for frame in (0, 3)}


def test_other_numbers_are_no_difference():
    comparison = compare({"walk": _labels()}, {"walk": _labels(second=7)})
    assert comparison == Comparison(masks=4, found=4, equal=4, classes=4, tracks=2, followed=2)
    assert comparison.is_equal and "DIFFERENT" not in str(comparison)


def _change_pixel(labels):
    labels[3].numbers[0, 0] = 0


def _change_class(labels):
    labels[3] = dataclasses.replace(labels[3], classes={1: ("dog", "eating"), 2: CAT})


def _lose_frame(labels):
    del labels[3]


def _swap(labels):
    numbers = np.array([0, 2, 1])[labels[3].numbers].astype(np.uint16)
    labels[3] = Label(numbers, {2: DOG, 1: CAT})


def _add(labels):
    labels[9] = labels[3]


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (_change_pixel, {"equal": 3}),
        (_change_class, {"classes": 3}),
        (_lose_frame, {"found": 2, "equal": 2, "classes": 2, "followed": 0}),
        (_swap, {"followed": 0}),
        (_add, {"found": 6}),
    ],
)
def test_every_difference_is_counted(change, counts):
    expected, found = _labels(), {frame: Label(one.numbers.copy(), one.classes) for frame, one in _labels().items()}
    change(found)
    comparison = compare({"walk": expected}, {"walk": found})
    same = {"masks": 4, "found": 4, "equal": 4, "classes": 4, "tracks": 2, "followed": 2}
    assert dataclasses.asdict(comparison) == {**same, **counts}
    assert not comparison.is_equal and str(comparison).endswith("DIFFERENT")


def test_labels_of_both_layouts_go_through_tracks(tmp_path):
    render_folder(tmp_path / "own", FolderRenderOptions(train_clips=1, test_clips=1, size=(48, 48)), processes=1)
    a2d = A2dRenderOptions(seed=0, train_clips=1, test_clips=1, size=(48, 48), frames=16, labelled=3, max_actors=2)
    render_a2d(tmp_path / "a2d", a2d, processes=1)
    for layout, frames in (("folder", 5), ("a2d", 3)):
        release = open_release(layout, tmp_path / layout.replace("folder", "own"))
        video = release.splits["train"][0]
        labels, left_out = read_labels(release, video)
        assert len(labels) == frames and left_out == 0
        write_tracks(tmp_path / layout / "tracks", release.video(video), labels, release.space)
        back = read_tracks(tmp_path / layout / "tracks/tracks.json")
        assert compare({video: labels}, {video: back}).is_equal


def test_labels_come_back_from_the_tools_and_a_difference_sets_the_exit_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(labelling_loop, "_train", lambda work, options: None)  # a minute; the tool itself runs it
    copies = lambda work, names, tools: (work / "export").rename(work / "predicted")
    monkeypatch.setattr(labelling_loop, "_predict", copies)
    words = ["--count=1", "--tools=labelme"]
    assert labelling_loop.main([f"--workdir={tmp_path / 'equal'}", *words]) == 0
    output = capsys.readouterr().out
    rows = [line.split() for line in output.splitlines() if "labelme" in line and ":" not in line]
    assert [row[-6:-1] for row in rows] == [[rows[0][-6]] * 4 + [rows[0][-2]]] * 2 and int(rows[0][-6]) > 0
    assert "all equal; files and log.txt are in " in output

    def without_a_frame(work, names, tools):
        copies(work, names, tools)
        next((work / "predicted").glob("*/labelme/*.json")).unlink()

    monkeypatch.setattr(labelling_loop, "_predict", without_a_frame)
    assert labelling_loop.main([f"--workdir={tmp_path / 'lost'}", *words]) == 1
    assert "NOT EQUAL" in capsys.readouterr().out


def test_a_command_that_fails_is_named_with_its_last_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(labelling_loop, "write_formats", lambda *_, **__: None)
    assert labelling_loop.main([f"--workdir={tmp_path / 'loop'}", "--count=1"]) == 2
    error = capsys.readouterr().err
    assert "convert ended with 2: error: " in error and "has no CVAT for video 1.1" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tools=cvat,paint"], "--tools has paint; allowed: cvat, coco, labelme"),
        (["--count=0"], "--count is 0 and --epochs 4; both must be above 0"),
    ],
)
def test_impossible_options_are_named(tmp_path, capsys, words, message):
    assert labelling_loop.main([f"--workdir={tmp_path / 'loop'}", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_with_files_is_not_touched(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x")
    assert labelling_loop.main([f"--workdir={tmp_path}"]) == 2
    assert "exists already; give --workdir a new folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
