"""What --mode=check says of data of one's own, and what its contact sheet shows."""

from types import SimpleNamespace

import cv2
import folder_fixture
import pytest

import main
from configs import folder
from input_pipeline import a2d_clips, check, folder_release
from ssa2d_jax.batch import InputError


@pytest.fixture
def checked(monkeypatch):
    """Runs --mode=check on a folder, in this process; check.png goes beside the folder."""

    def run(root):
        config = folder.get_config()
        config.data.release = str(root)
        a2d_clips.opened.cache_clear()
        monkeypatch.setattr(main, "_OUTPUT", SimpleNamespace(value=str(root.parent)))
        monkeypatch.setattr(main, "_checked", lambda config: config)
        main._check(config)

    return run


def _read(root):
    return {one.name: one for one in check.check_release(folder_release.opened(root))}


def test_only_what_was_read_is_counted(tmp_path):
    root = folder_fixture.write_folder(tmp_path / "own")
    videos, labels = root / "videos", root / "labels"
    (labels / "a" / "00003.png").rename(labels / "a" / "third.png")
    whole = (videos / "b.mp4").read_bytes()
    (videos / "b.mp4").write_bytes(whole[: len(whole) // 2])
    frames = folder_fixture.frames(20, folder_fixture.SIZE)
    (videos / "c.mp4").unlink()
    for i, frame in enumerate(frames):
        (videos / "c").mkdir(exist_ok=True)
        cv2.imwrite(str(videos / "c" / f"{i:05d}.png"), frame[:16] if i == 5 else frame)
    (videos / "d.mp4").unlink()
    found = _read(root)
    assert [str(found[name]) for name in "abcd"] == [
        "a (train): 20 frames, labels not read",
        "b (train): no frame read, 2 labelled",
        "c (train): 6 frames read, 2 labelled",
        "d (test): no frame read, labels not read",
    ]
    assert all(len(one.problems) == 1 for one in found.values())


def test_a_video_with_bad_labels_is_read_all_the_same(tmp_path):
    root = folder_fixture.write_folder(tmp_path / "own")
    (root / "labels" / "b" / "00003.png").rename(root / "labels" / "b" / "third.png")
    (root / "videos" / "b.mp4").write_text("no video")
    names, video = _read(root)["b"].problems
    assert "third.png: the name has to be the frame's number" in names and "b.mp4: not a video" in video


def test_nobody_is_missed_while_a_label_cannot_be_read(tmp_path):
    root = folder_fixture.write_folder(tmp_path / "own")
    for number in (3, 12):
        (root / "labels" / "b" / f"{number:05d}.png").write_text("no picture")
    assert all("not a PNG" in problem for problem in _read(root)["b"].problems)


def test_one_is_singular_and_nothing_is_said_twice(tmp_path, checked, capfd):
    root = folder_fixture.write_folder(tmp_path / "own", table="video,instance,actor,action\nb,1,worker,walking\n")
    checked(root)
    said = capfd.readouterr().out
    assert "1 video, 1 actor, 1 action, 1 pair\n" in said and "no problem found" in said
    with open(root / "labels.csv", "a") as file:
        file.write("b,7,worker,walking\n")
    with pytest.raises(InputError, match=r"^1 problem, listed above$"):
        checked(root)
    assert capfd.readouterr().err.count("instance 7 of b") == 1
    (root / "labels.csv").write_text("video,instance,actor,action\nb,0,worker,walking\n")
    with pytest.raises(InputError, match=r"^1 problem, listed above, to be mended first: no video was read$"):
        checked(root)
