"""What --mode=check reports about your own data, and what its contact sheet shows."""

import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from configs import folder
from input_pipeline import check
from input_pipeline.records.options import RegionOptions
from input_pipeline.records.prepare import prepare_regions
from input_pipeline.releases import layouts
from ssa2d_jax.cli.arguments import Arguments
from ssa2d_jax.cli.commands import COMMANDS
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import exports, folder_release, youtube_vis_json


@pytest.fixture
def checked():
    """Runs --mode=check on a folder, in this process; check.png goes beside the folder."""

    def run(root, **options):
        config = folder.get_config()
        config.data.root = str(root)
        config.data.update(options)
        COMMANDS["check"].run(Arguments("check", "--mode=check", config=config, output=root.parent))

    return run


def _read(root):
    return {result.name: result for result in check.check_release(layouts.open_folder(root))}


def _draw(root, name, drawn):
    """Labels of a video: frame -> instances."""
    shutil.rmtree(root / "labels" / name)
    for number, instances in drawn.items():
        picture = np.zeros(folder_release.SIZE, np.uint8)
        for instance in instances:
            picture[4 * instance : 4 * instance + 4] = instance
        folder_release.write_png(root / "labels" / name / f"{number:05d}.png", picture)


@pytest.mark.parametrize(
    ("drawn", "frames", "unseen"),
    [
        ({0: [1, 2], 5: [1, 2], 9: [1, 2]}, [5], 0),
        ({0: [1, 2, 3], 5: [1], 9: [2], 12: [3]}, [0], 0),
        ({0: [1, 2], 5: [1, 3], 9: [2], 12: [3, 4]}, [0, 12], 0),
        ({0: [2], 5: [1], 9: [3]}, [0, 5, 9], 0),
        ({0: [1], 5: [2], 9: [3], 12: [4]}, [5, 9, 12], 1),
        ({0: [1], 5: [], 9: []}, [0], 0),  # nobody is in the middle
        ({0: [], 5: [], 9: []}, [5], 0),
        ({0: [1, 5], 5: [1], 12: [5]}, [0, 12], 0),  # 5 does something else from frame 10 on
        ({5: [1], 9: [1], 12: [1, 5]}, [12], 0),
    ],
)
def test_the_sheet_shows_every_instance_in_each_of_its_actions(tmp_path, drawn, frames, unseen):
    rows = "".join(f"b,{i},worker,walking,,\n" for i in range(1, 5))
    rows += "b,5,worker,walking,0,9\nb,5,worker,lifting,10,\n"
    root = folder_release.write_folder(tmp_path / "own", table=f"video,instance,actor,action,first,last\n{rows}")
    _draw(root, "b", drawn)
    shown = []
    (result,) = check.check_release(layouts.open_folder(root), lambda caption, *pictures: shown.append(caption))
    assert shown == [f"b, frame {number}" for number in frames]
    assert result.shown == len(frames) and result.instance_actions[0] - result.instance_actions[1] == unseen
    left_out = f"; missing are {unseen} of the 4 actions of all instances" if unseen else ""
    assert check.coverage([result]) == f"shows {len(frames)} of {len(drawn)} labelled frames{left_out}"
    assert str(result).endswith(f"{len(drawn)} labelled, {len(frames)} shown")


@pytest.mark.parametrize(("most", "videos"), [(9, "aabcd"), (5, "aabcd"), (4, "abcd"), (3, "aac"), (2, "ac"), (1, "a")])
def test_the_sheet_has_no_more_tiles_than_allowed(tmp_path, monkeypatch, most, videos):
    root, shown = folder_release.write_folder(tmp_path / "own"), []
    monkeypatch.setattr(check, "_MOST_TILES", most)
    show = lambda caption, *pictures: shown.append(caption[0])
    assert len(list(check.check_release(layouts.open_folder(root), show))) == 4
    assert "".join(shown) == videos


def test_the_summary_says_what_the_sheet_shows(tmp_path, checked, capfd):
    root = folder_release.write_folder(tmp_path / "own")
    checked(root)
    captured = capfd.readouterr()
    assert f"look at {tmp_path / 'check.png'}: shows 5 of 8 labelled frames\n" in captured.out
    assert "a (train): 20 frames, 2 labelled, 2 shown\n" in captured.err
    height, width = cv2.imread(str(tmp_path / "check.png")).shape[:2]
    assert width == 4 * (320 + 2) and height > 2 * 320 * 32 / 48


def test_only_what_was_read_is_counted(tmp_path):
    root = folder_release.write_folder(tmp_path / "own")
    videos, labels = root / "videos", root / "labels"
    (labels / "a" / "00003.png").rename(labels / "a" / "third.png")
    content = (videos / "b.mp4").read_bytes()
    (videos / "b.mp4").write_bytes(content[: len(content) // 2])
    frames = folder_release.frames(20, folder_release.SIZE)
    (videos / "c.mp4").unlink()
    for i, frame in enumerate(frames):
        (videos / "c").mkdir(exist_ok=True)
        cv2.imwrite(str(videos / "c" / f"{i:05d}.png"), frame[:16] if i == 5 else frame)
    (videos / "d.mp4").unlink()
    results = _read(root)
    assert [str(results[name]) for name in "abcd"] == [
        "a (train): 20 frames, labels not read",
        "b (train): no frame read, 2 labelled",
        "c (train): 6 frames read, 2 labelled",
        "d (test): nothing read",
    ]
    assert all(len(result.problems) == 1 for result in results.values())


def test_a_video_with_bad_labels_is_read_all_the_same(tmp_path):
    root = folder_release.write_folder(tmp_path / "own")
    (root / "labels" / "b" / "00003.png").rename(root / "labels" / "b" / "third.png")
    (root / "videos" / "b.mp4").write_text("no video")
    names, video = _read(root)["b"].problems
    assert "third.png: the name must be the number of the frame" in names and "b.mp4: not a video" in video


def test_nobody_is_missed_while_a_label_cannot_be_read(tmp_path):
    root = folder_release.write_folder(tmp_path / "own")
    for number in (3, 12):
        (root / "labels" / "b" / f"{number:05d}.png").write_text("no picture")
    assert all("not a readable PNG" in problem for problem in _read(root)["b"].problems)


def test_one_is_singular_and_nothing_is_reported_twice(tmp_path, checked, capfd):
    root = folder_release.write_folder(tmp_path / "own", table="video,instance,actor,action\nb,1,worker,walking\n")
    checked(root)
    captured = capfd.readouterr().out
    assert "1 video, 1 actor, 1 action, 1 pair\n" in captured and "no problem found" in captured
    with open(root / "labels.csv", "a") as file:
        file.write("b,7,worker,walking\n")
    with pytest.raises(InputError, match=r"^1 problem, listed above$"):
        checked(root)
    assert capfd.readouterr().err.count("instance 7 of b") == 1
    (root / "labels.csv").write_text("video,instance,actor,action\nb,0,worker,walking\n")
    with pytest.raises(InputError, match=r"^1 problem, listed above; fix the table first: no video was read$"):
        checked(root)


def test_an_export_of_a_labelling_tool_is_checked_and_what_was_understood_is_said(checked, tmp_path, capsys):
    exports.make_video(tmp_path / "export", "park (1).mp4", 20)
    shutil.copyfile(exports.DATA / "cvat/video.xml", tmp_path / "export/annotations.xml")
    checked(tmp_path / "export", shards_dir=str(tmp_path / "shards"))
    printed = capsys.readouterr()
    assert "export: tool: CVAT for video 1.1" in printed.err and printed.err.count("tool: CVAT") == 1
    assert "export: videos: 1 (park_1), with 4 tracks" in printed.err
    assert "no problem found" in printed.out
    assert (tmp_path / "check.png").is_file()


def test_the_report_of_a_conversion_is_repeated_once(checked, tmp_path, capsys):
    exports.make_video(tmp_path / "videos", "park (1).mp4", 20)
    report = exports.convert(exports.DATA / "cvat/video.xml", tmp_path / "own", tmp_path / "videos").splitlines()
    checked(tmp_path / "own")
    printed = capsys.readouterr().err
    assert len(report) > 8
    for line in report:
        assert printed.count(f"own, when it was converted: {line}\n") == 1


def _turn(root, names):
    """Turns the labels of videos by a quarter, as if they were drawn on portrait videos as stored."""
    for name in names:
        for path in (root / "labels" / name).iterdir():
            with Image.open(path) as picture:
                folder_release.write_png(path, np.asarray(picture).T)


def test_labels_in_the_stored_size_of_a_portrait_video_are_called_turned(tmp_path):
    root = folder_release.write_folder(tmp_path / "own")
    _turn(root, "ab")
    results = _read(root)
    hint = "the label is 32x48 pixels, the frame 48x32: is the label turned by 90 degrees? Draw it on the upright video"
    for name in "ab":
        (problem,) = results[name].problems
        assert hint in problem and problem.endswith("(the same in 1 more label)")
    with pytest.raises(InputError, match="left out"):
        options = RegionOptions(clip_frames=8, frame_step=1, label_span=6, store_height=0, jpeg_quality=90)
        prepare_regions(
            str(root), str(tmp_path / "shards"), dataclasses.replace(options, layout="folder"), processes=1, strict=True
        )
    (table,) = (tmp_path / "shards").rglob("problems.csv")
    assert table.read_text().count("is 32x48, the video is 48x32: is the label turned by 90 degrees?") == 2


def test_a_mistake_of_all_masks_in_a_json_is_one_line_of_each_video(tmp_path):
    def turn(data):
        for annotation in data["annotations"]:
            for mask in filter(None, annotation["segmentations"]):
                mask["size"] = mask["size"][::-1]

    root = youtube_vis_json.write_release(tmp_path / "own", "one")
    for path in root.glob("*.json"):
        data = json.loads(path.read_text())
        turn(data)
        path.write_text(json.dumps(data))
    for result in _read(root).values():
        (problem,) = result.problems
        assert "is the label turned by 90 degrees?" in problem and problem.endswith("(the same in 1 more label)")
