"""Everything in the folders of your own data that is not read is named."""

import shutil

import numpy as np
from PIL import Image

from input_pipeline.releases import layouts
from tests.fixtures import folder_release as fixture
from tests.fixtures import youtube_vis_json


def _warnings(root):
    """The warnings about files: those after the one about the split, without the folder."""
    return [
        warning.replace(f"{root}/", "").replace(f"{root}: ", "") for warning in layouts.open_folder(root).warnings()[1:]
    ]


def test_every_kind_of_file_is_counted(tmp_path):
    root = fixture.write_folder(tmp_path / "own")
    for name in ("00004.jpg", "00005.jpg", "notes.txt", "00006.tif"):
        (root / "labels/a" / name).write_bytes(b"")
    (root / "labels/a/old").mkdir()
    (root / "labels/b/overlay.mp4").write_bytes(b"")  # predict writes it
    (root / "labels/classes.txt").write_text("")
    shutil.copy(root / "videos/a.mp4", root / "videos/z.mp4")
    (root / "labels/z").mkdir()
    (root / "labels/z/00000.jpg").write_bytes(b"")
    (root / "labels/empty").mkdir()
    (root / "JPEGImages/a").mkdir(parents=True)
    assert _warnings(root) == [
        "videos: 1 video (z) that labels.csv does not name",
        "JPEGImages: not read: the videos are those in videos",
        "1 folder of labels (z) of no video that labels.csv names, not read",
        "labels: 1 file (classes.txt) is not read: labels are in a folder of their video",
        "labels/a: 5 files (00004.jpg, 00005.jpg, 00006.tif and 2 more) are not read: labels are <frame>.png",
    ]


def test_labels_in_two_places_are_named(tmp_path):
    root = fixture.write_folder(tmp_path / "own", davis=True)
    assert _warnings(root) == []
    shutil.copytree(root / "Annotations/480p/a", root / "Annotations/a")
    assert _warnings(root) == ["Annotations/a: its labels are not read: those in Annotations/480p/a are"]
    (root / "Annotations/Full-Resolution/a").mkdir(parents=True)
    assert _warnings(root)[0] == "1 folder of labels (Full-Resolution) of no video that labels.csv names, not read"


def test_files_among_the_pictures_are_named(tmp_path):
    root = fixture.write_folder(tmp_path / "own", davis=True)
    for i in range(20):
        Image.fromarray(np.zeros(fixture.SIZE, np.uint8)).save(root / f"JPEGImages/480p/c/{i:05d}.png")
    (root / "JPEGImages/480p/a/00020.txt").write_bytes(b"")
    assert _warnings(root) == [
        "JPEGImages/480p/a: 1 file (00020.txt) is not read: frames are pictures (.jpg, .jpeg, .png, .bmp, .tif, .tiff, "
        ".webp, .ppm, .pgm, .jp2, .avif)",
        "JPEGImages/480p/c: 20 files (00000.png, 00001.png, 00002.png and 17 more) are taken for masks: neither frames "
        "nor labels",
    ]


def test_many_folders_are_one_line(tmp_path):
    names = [f"v{i:02d}" for i in range(25)]
    rows = "".join(f"{name},1,worker,walking\n" for name in names)
    root = fixture.write_folder(tmp_path / "own", table=f"video,instance,actor,action\n{rows}")
    for name in names:
        shutil.copytree(root / "labels/a", root / "labels" / name)
        (root / "labels" / name / "00004.jpg").write_bytes(b"")
    assert _warnings(root)[-1] == "and 5 more folders with files that are not read"
    assert sum("00004.jpg" in warning for warning in _warnings(root)) == 20


def test_pngs_beside_json_are_named(tmp_path):
    root = youtube_vis_json.write_release(tmp_path / "own", "one")
    assert _warnings(root) == []
    fixture.write_png(root / "labels/a/00003.png", fixture.instances("a", 3))
    (root / "labels/a/tracks.json").write_text("{}")
    assert _warnings(root) == [
        "instance PNGs of 1 video (a) are not read: instances.json has the labels",
        "tracks.json of 1 video (a), not read: instances.json has the labels",
    ]
