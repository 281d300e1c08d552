"""Which files in a folder are the frames, their order, and the numbers in their names."""

import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.pictures import describe_numbers, last_number, list_pictures, read_picture_folder
from ssa2d_jax.video.reader import probe, read_frames


def _write(folder, *names, mode="RGB"):
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).convert(mode).save(folder / name)


def _names(paths):
    return [path.name for path in paths]


def test_numbers_are_ordered_by_value_whatever_the_case_of_endings(tmp_path):
    _write(tmp_path, "10.JPG", "9.jpeg", "8.PNG", "11.Jpg")
    assert _names(list_pictures(tmp_path)) == ["8.PNG", "9.jpeg", "10.JPG", "11.Jpg"]


def test_what_systems_leave_is_no_frame(tmp_path):
    _write(tmp_path, "0.jpg", "._0.jpg", ".DS_Store.png", "1.jpg")
    (tmp_path / "Thumbs.db").write_bytes(b"")
    (tmp_path / "desktop.ini").write_bytes(b"")
    _write(tmp_path / "@eaDir", "2.jpg")
    (tmp_path / "notes.txt").write_text("mine")
    pictures = read_picture_folder(tmp_path)
    assert (_names(pictures.frames), _names(pictures.unread)) == (["0.jpg", "1.jpg"], ["notes.txt"])


@pytest.mark.parametrize("mask", ["{:05d}.png", "{:05d}_mask.png", "mask_{:05d}.PNG", "{:05d}_1.png"])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_masks_beside_jpegs_are_no_frames(tmp_path, mask, mode):
    frames = [f"{i:05d}.jpg" for i in range(6)]
    masks = [mask.format(i) for i in (0, 2, 4)]
    _write(tmp_path, *frames)
    _write(tmp_path, *masks, mode=mode)
    pictures = read_picture_folder(tmp_path)
    assert (_names(pictures.frames), sorted(_names(pictures.masks))) == (frames, sorted(masks))
    assert pictures.numbers == tuple(range(6)) and not pictures.is_renumbered
    assert probe(tmp_path).frames == 6 and len(list(read_frames(tmp_path))) == 6


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0.jpg", "1.jpg", "0.png"], "two pictures of one frame: 0.jpg and 0.png;"),  # in colour
        (["0.jpg", "1.jpg", "1.JPG"], "two pictures of one frame: 1.(jpg|JPG) and 1.(jpg|JPG)"),
        (["0.png", "0_mask.png", "1.png"], "two pictures of one frame: 0.png and 0_mask.png"),
        (["1.jpg", "01.jpg"], "two pictures of one frame"),
        (["0.jpg", "1.jpg", "2.jpg", "preview.jpg"], r"not named like the others \(0.jpg\): preview.jpg; remove"),
        (["a1.jpg", "a2.jpg", "a3.jpg", "a3 (1).jpg"], r"not named like the others \(a1.jpg\): a3 \(1\).jpg; remove"),
    ],
)
def test_doubles_and_strangers_are_an_error(tmp_path, names, message):
    _write(tmp_path / "frames", *names)
    for read in (list_pictures, probe, lambda folder: list(read_frames(folder))):
        with pytest.raises(InputError, match=message) as error:
            read(tmp_path / "frames")
        assert str(error.value).startswith(str(tmp_path / "frames"))


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["00000.jpg", "00005.jpg", "00010.jpg"], (0, 5, 10)),
        (["cam2_7.jpg", "cam2_11.jpg"], (7, 11)),
        (["frame0003.png"], (3,)),
        (["2024-01-31 10.00.59.jpg", "2024-01-31 10.01.00.jpg"], None),  # two numbers change
        (["cat.jpg", "dog.jpg"], None),
        (["cat.jpg", "dog1.jpg"], None),
    ],
)
def test_the_number_that_changes_is_the_frame(tmp_path, names, numbers):
    _write(tmp_path, *names)
    pictures = read_picture_folder(tmp_path)
    assert (_names(pictures.frames), pictures.numbers) == (names, numbers)
    assert pictures.is_renumbered == (numbers is not None)


def test_numbers_in_words():
    assert describe_numbers((0, 5, 10)) == "0 to 10 in steps of 5" and last_number((0, 5, 10)) == 14
    assert describe_numbers((1, 2, 3)) == "1 to 3" and last_number((1, 2, 3)) == 3
    assert describe_numbers((1, 2, 9)) == "1 to 9 with gaps" and last_number((1, 2, 9)) == 9
    assert describe_numbers((7,)) == "7 to 7" and last_number((7,)) == 7
