"""Which files of your own data are read as videos, frames and labels, and which numbers their frames have."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from input_pipeline import check
from input_pipeline.releases import layouts
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import folder_release as fixture
from tests.fixtures import youtube_vis_json

SPANS = "video,instance,actor,action,first,last\n"


def _results(root):
    return {result.name: result for result in check.check_release(layouts.open_folder(root))}


def _write_pictures(root, name, numbers, pattern="{:05d}", labelled=None, mode="L"):
    """A folder of pictures with these numbers in their names, and labels of instance 1, which moves to the right."""
    frames, labels = root / "JPEGImages" / name, root / "Annotations" / name
    frames.mkdir(parents=True)
    labels.mkdir(parents=True)
    for position, number in enumerate(numbers):
        mask = np.zeros((32, 48), np.uint8)
        mask[8:20, position : position + 12] = 1
        Image.fromarray(np.repeat(200 * mask[..., None], 3, -1)).save(frames / f"{pattern.format(number)}.jpg")
        if labelled is None or number in labelled:
            Image.fromarray(mask).convert(mode).save(labels / f"{pattern.format(number)}.png")


def _actions(root, name):
    """The actions of instance 1 by picture."""
    release = layouts.open_folder(root)
    pictures = sorted((root / "JPEGImages" / name).glob("*.jpg"))
    read = {frame: release.regions(name, frame, label) for frame, label in release.labels(name).items()}
    return {
        pictures[frame].stem: release.space.actions[int(regions.actions[0].argmax())] for frame, regions in read.items()
    }


def test_endings_in_capitals_are_read(tmp_path):
    plain, capitals = fixture.write_folder(tmp_path / "plain"), fixture.write_folder(tmp_path / "capitals")
    for path in [*capitals.glob("labels/*/00003.png"), *capitals.glob("videos/*.mp4")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    for name, result in _results(capitals).items():
        assert (result.frames, result.labelled, result.problems) == (20, 2, ()), name
    assert layouts.open_folder(capitals).fingerprint() != layouts.open_folder(plain).fingerprint()
    shutil.copy(capitals / "labels/a/00012.png", capitals / "labels/a/00003.png")
    assert "00003.png: 00003.PNG is a label of frame 3, too; keep one" in _results(capitals)["a"].problems[0]


@pytest.mark.parametrize("davis", [False, True])
def test_what_systems_leave_changes_nothing(tmp_path, davis):
    root = fixture.write_folder(tmp_path / "own", davis=davis)
    fingerprint = layouts.open_folder(root).fingerprint()
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    labels = [folder for folder in folders if folder.name in fixture.INSTANCES]
    videos = [root / "videos"] if not davis else []
    for folder in {*labels, *folders} - set(videos):
        for name in ("._00003.png", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir/00003.png"):
            if folder in labels or "png" not in name:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(b"not a picture")
    for folder in videos:
        (folder / "._a.mp4").write_bytes(b"not a video")
        (folder / "@eaDir").mkdir()
    release = layouts.open_folder(root)
    assert all(not result.problems and not result.warnings for result in _results(root).values())
    assert len(release.warnings()) == 1  # of the split
    if not davis:  # what is in the folder of the videos counted before, too
        shutil.rmtree(root / "videos/@eaDir")
        for path in [*root.glob("videos/.*"), *root.glob("videos/*.db"), *root.glob("videos/*.ini")]:
            path.unlink()
        assert layouts.open_folder(root).fingerprint() == fingerprint


def test_labels_that_are_no_png_are_named(tmp_path):
    root = fixture.write_folder(tmp_path / "own")
    for path in sorted((root / "labels/b").glob("*.png")):
        Image.open(path).convert("L").save(path.with_suffix(".jpg"))
        path.unlink()
    (problem,) = _results(root)["b"].problems
    assert problem.endswith(
        "has no instance PNG (<frame>.png) for video b, but 00003.jpg, 00012.jpg; JPEG changes the numbers of pixels, "
        "write PNG"
    )


def test_first_and_last_mean_the_numbers_of_the_pictures(tmp_path):
    for name in "ab":
        _write_pictures(tmp_path, name, range(0, 40, 5))
    rows = "".join(f"{name},1,dog,walking,0,5\n{name},1,dog,running,6,\n" for name in "ab")
    (tmp_path / "labels.csv").write_text(SPANS + rows)
    assert _actions(tmp_path, "a") == {f"{i:05d}": "walking" if i < 6 else "running" for i in range(0, 40, 5)}
    captions = []
    show = lambda caption, *pictures: captions.append(caption)
    results = {result.name: result for result in check.check_release(layouts.open_folder(tmp_path), show)}
    assert str(results["a"]) == "a (train): 8 frames, numbered 0 to 35 in steps of 5, 8 labelled, 2 shown"
    assert captions == ["a, frame 5", "a, frame 20", "b, frame 5", "b, frame 20"]
    assert not any(result.problems or result.warnings for result in results.values())
    assert layouts.open_folder(tmp_path).warnings()[1] == (
        f"{tmp_path}: first and last of 2 videos (a, b) mean the numbers in the names of the pictures, not their "
        "positions (a: 0 to 35 in steps of 5)"
    )


def test_numbers_of_pictures_count_beside_tracks_too(tmp_path):
    _write_pictures(tmp_path, "a", range(0, 40, 5))
    _write_pictures(tmp_path, "b", range(0, 100, 5), labelled=())
    (tmp_path / "labels.csv").write_text(SPANS + "a,1,dog,walking,0,5\na,1,dog,running,6,\n")
    plain = layouts.open_folder(tmp_path).fingerprint()
    tracks = youtube_vis_json.tracks("b") | {
        "videos": [{"id": 1, "height": 32, "width": 48, "length": 20, "file_name": "b"}]
    }
    (tmp_path / "Annotations/b/tracks.json").write_text(json.dumps(tracks))
    release = layouts.open_folder(tmp_path)
    assert _actions(tmp_path, "a") == {f"{i:05d}": "walking" if i < 6 else "running" for i in range(0, 40, 5)}
    assert list(release.labels("b")) == list(fixture.LABELLED)  # positions
    results = _results(tmp_path)
    assert results["a"].numbers == "numbered 0 to 35 in steps of 5" and results["b"].numbers == ""
    assert not any(result.problems or result.warnings for result in results.values())
    assert release.fingerprint() != plain


def test_pictures_may_be_counted_from_1(tmp_path):
    _write_pictures(tmp_path, "a", range(1, 9), labelled=(1, 4, 5, 8))
    (tmp_path / "labels.csv").write_text(SPANS + "a,1,dog,walking,1,4\na,1,dog,running,5,8\n")
    walking, running = dict.fromkeys(("00001", "00004"), "walking"), dict.fromkeys(("00005", "00008"), "running")
    assert _actions(tmp_path, "a") == walking | running
    assert _results(tmp_path)["a"].problems == ()


def test_a_label_may_have_the_number_of_its_picture(tmp_path):
    _write_pictures(tmp_path, "a", range(0, 40, 5), pattern="frame_{:04d}", labelled=(10,))
    (tmp_path / "labels.csv").write_text(SPANS + "a,1,dog,walking,,\n")
    labels = tmp_path / "Annotations/a"
    shutil.move(labels / "frame_0010.png", labels / "010.png")
    assert list(layouts.open_folder(tmp_path).labels("a")) == [2]
    shutil.copy(labels / "010.png", labels / "frame_0010.png")
    with pytest.raises(InputError, match=r"frame_0010.png: 010.png is a label of frame_0010.jpg, too; keep one"):
        layouts.open_folder(tmp_path).labels("a")
    (labels / "010.png").rename(labels / "2.png")
    with pytest.raises(InputError, match=r"2.png: .* has no picture with that name; theirs are 0 to 35 in steps of 5"):
        layouts.open_folder(tmp_path).labels("a")


def test_positions_count_where_names_have_no_number(tmp_path):
    _write_pictures(tmp_path, "a", range(3), pattern="take1_{:03d}")
    _write_pictures(tmp_path, "b", range(3))
    for folder in ("JPEGImages/a", "Annotations/a"):
        for path in sorted((tmp_path / folder).iterdir()):
            path.rename(path.with_stem("xyz"[int(path.stem[-1])]))
    (tmp_path / "labels.csv").write_text(SPANS + "a,1,dog,walking,0,1\na,1,dog,running,2,\nb,1,dog,walking,,\n")
    assert _actions(tmp_path, "a") == {"x": "walking", "y": "walking", "z": "running"}


def _fingerprint_of_before(root):
    """The fingerprint of earlier versions: the table, then names and sizes of all files."""
    digest = hashlib.sha256((root / "labels.csv").read_bytes())
    for folder in ("JPEGImages", "Annotations"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(root).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()[:8]


@pytest.mark.parametrize(
    ("numbers", "rows", "renumbered"),
    [
        (range(8), "a,1,dog,walking,0,3\na,1,dog,running,4,\n", False),
        (range(1, 9), "a,1,dog,walking,,\n", False),
        (range(1, 9), "a,1,dog,walking,0,3\na,1,dog,running,4,\n", True),
    ],
)
def test_shards_stay_valid_where_the_frames_of_rows_are_the_same(tmp_path, numbers, rows, renumbered):
    _write_pictures(tmp_path, "a", numbers)
    (tmp_path / "labels.csv").write_text(SPANS + rows)
    assert (layouts.open_folder(tmp_path).fingerprint() != _fingerprint_of_before(tmp_path)) == renumbered


def test_first_and_last_beyond_the_end_are_a_warning(tmp_path):
    root = fixture.write_folder(
        tmp_path / "own", table=fixture.TABLE.replace("b,1,worker,walking,,", "b,1,worker,walking,2,99")
    )
    result = _results(root)["b"]
    assert result.problems == ()
    assert result.warnings == (f"{root}/labels.csv, line 5: last is 99, but the frames of b are 0 to 19",)
    (root / "labels.csv").write_text(SPANS + "b,1,worker,walking,,19\nb,1,worker,lifting,20,\n")
    result = _results(root)["b"]
    assert result.warnings == (f"{root}/labels.csv, line 3: first is 20, but the frames of b are 0 to 19",)
    assert "drawn in no labelled frame from 20 on" in result.problems[0]


def test_the_step_of_pictures_reaches_beyond_the_last_one(tmp_path):
    _write_pictures(tmp_path, "a", range(0, 40, 5))
    for last, warned in ((35, False), (39, False), (40, True)):
        (tmp_path / "labels.csv").write_text(SPANS + f"a,1,dog,walking,0,{last}\n")
        assert bool(_results(tmp_path)["a"].warnings) == warned


def test_masks_beside_the_pictures_are_no_frames(tmp_path):
    for name in "ab":
        _write_pictures(tmp_path, name, range(8))
        for path in (tmp_path / "Annotations" / name).iterdir():
            shutil.copy(path, tmp_path / "JPEGImages" / name / path.name)
    (tmp_path / "labels.csv").write_text(SPANS + "a,1,dog,walking,,\nb,1,dog,walking,,\n")
    for result in _results(tmp_path).values():
        assert (result.frames, result.labelled, result.problems) == (8, 8, ())
    warnings = layouts.open_folder(tmp_path).warnings()
    text = "8 files (00000.png, 00001.png, 00002.png and 5 more) are taken for masks: neither frames nor labels"
    assert [f"{tmp_path}/JPEGImages/{name}: {text}" for name in "ab"] == warnings[1:]
    Image.new("RGB", (48, 32)).save(tmp_path / "JPEGImages/a/00003.png")
    result = _results(tmp_path)["a"]
    assert len(result.problems) == 1 and "two pictures of one frame: 00000.jpg and 00000.png" in result.problems[0]


def test_all_strange_numbers_are_named(tmp_path):
    root = fixture.write_folder(tmp_path / "own")
    picture = fixture.instances("b", 3)
    for number in range(7, 32):
        picture[20, number] = number
    fixture.write_png(root / "labels/b/00003.png", picture)
    (problem,) = _results(root)["b"].problems
    numbers = ", ".join(map(str, range(7, 27)))
    assert problem.startswith(f"{root}/labels/b/00003.png: instances {numbers} and 5 more are not in labels.csv")
    assert "were edges smoothed, or the numbers changed by a program that shrinks PNGs? If not, to ignore" in problem


def test_a_palette_out_of_order_is_read_by_colour_and_said(tmp_path):
    root = fixture.write_folder(tmp_path / "own")
    colours = [(0, 0, 0), (0, 128, 0), (128, 0, 0), (224, 224, 192)]  # of 0, 2, 1 and 255
    fingerprint = layouts.open_folder(root).fingerprint()
    swapped = Image.fromarray(np.array([0, 2, 1, 3], np.uint8)[np.minimum(fixture.instances("a", 3), 3)], mode="P")
    swapped.putpalette(np.uint8(colours).tobytes())
    swapped.save(root / "labels/a/00003.png")
    release = layouts.open_folder(root)
    regions = release.regions("a", 3, root / "labels/a/00003.png")
    np.testing.assert_array_equal(np.array([0, *regions.codes])[regions.map], fixture.instances("a", 3))
    (warning,) = _results(root)["a"].warnings
    assert warning.endswith(
        "00003.png: its palette is not in the usual order: read by its colours (PASCAL VOC), not by its numbers"
    )
    assert release.fingerprint() != fingerprint
