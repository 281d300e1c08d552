import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import convert, make_video, read_labels, read_rows

PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 759  # the beginning of DAVIS's, which SAM 2 writes


@pytest.fixture
def videos(tmp_path):
    make_video(tmp_path / "videos", "garden.mp4", 6)
    make_video(tmp_path / "videos", "pond.mp4", 6)
    return tmp_path / "videos"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "who.csv"
    path.write_text("video,instance,actor,action\n,1,dog,running\n,2,bird,flying\n")
    return str(path)


def _mask(left, width=8):
    mask = np.zeros((30, 40), bool)
    mask[4:20, left : left + width] = True
    return mask


def _save(folder, video, number, frame, mask):
    """Writes a mask as `save_masks_to_dir` of SAM 2's tools/vos_inference.py does with --per_obj_png_file."""
    path = folder / video / f"{number:03d}" / f"{frame:05d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(mask.astype(np.uint8))
    picture.putpalette(PALETTE)
    picture.save(path)


def test_objects_of_videos_are_read_and_the_lowest_number_is_on_top(tmp_path, videos, table):
    folder = tmp_path / "masks"
    for frame in range(3):
        _save(folder, "garden", 1, frame, _mask(2 + frame))
        _save(folder, "garden", 2, frame, _mask(6))
    _save(folder, "garden", 3, 0, _mask(30))
    _save(folder, "pond", 1, 4, _mask(9))
    report = convert(folder, tmp_path / "out", videos, tool="png_objects", table=table)
    assert "tool: PNGs in a folder for each object, as of SAM 2" in report
    assert "note: where objects overlap, the one with the lower number is on top, as SAM 2 joins them" in report
    assert "ignored where the action isn't known: garden: object 3 in 1 frame" in report
    assert read_rows(tmp_path / "out") == [
        ("garden", "1", "dog", "running", "0", "2"),
        ("garden", "2", "bird", "flying", "0", "2"),
        ("pond", "1", "dog", "running", "4", "4"),
    ]
    labels = read_labels(tmp_path / "out", "garden")
    for frame in range(3):
        expected = 2 * _mask(6)
        expected[_mask(2 + frame)] = 1
        expected[_mask(30) & (frame == 0)] = 255
        np.testing.assert_array_equal(labels[frame], expected)


def test_the_folder_of_one_video_and_frames_without_any_object(tmp_path, videos, table):
    for frame, mask in enumerate((_mask(2), np.zeros((30, 40), bool))):
        _save(tmp_path, "garden", 1, frame, mask)
        _save(tmp_path, "garden", 2, frame, np.zeros((30, 40), bool))
    convert(tmp_path / "garden", tmp_path / "out", videos, tool="png_objects", table=table)
    assert read_rows(tmp_path / "out") == [("garden", "1", "dog", "running", "0", "0")]
    assert [label.max() for label in read_labels(tmp_path / "out", "garden").values()] == [1, 0]


def test_folders_that_may_be_objects_or_videos_are_not_guessed(tmp_path, table):
    for number in (1, 2):
        make_video(tmp_path / "videos", f"{number:03}.mp4", 3)
        _save(tmp_path, "masks", number, 0, _mask(8 * number))
    make_video(tmp_path / "videos", "masks.mp4", 3)
    source, videos = tmp_path / "masks", tmp_path / "videos"
    with pytest.raises(InputError, match=r"may be of several formats: png \(.*; png_objects \(.*config.convert.tool="):
        convert(source, tmp_path / "out", videos, table=table)
    convert(source, tmp_path / "objects", videos, table=table, tool="png_objects")
    assert [row[:4] for row in read_rows(tmp_path / "objects")] == [
        ("masks", "1", "dog", "running"), ("masks", "2", "bird", "flying")
    ]  # fmt: skip
    convert(source, tmp_path / "videos of one", videos, table=table, tool="png")
    assert [row[:4] for row in read_rows(tmp_path / "videos of one")] == [
        ("001", "1", "dog", "running"), ("002", "1", "dog", "running")
    ]  # fmt: skip


def test_videos_called_by_three_digits_are_no_objects_if_a_png_holds_several(tmp_path, table):
    make_video(tmp_path / "videos", "001.mp4", 3)
    numbers = _mask(2) + 2 * _mask(20)
    path = tmp_path / "masks/001/00000.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(numbers.astype(np.uint8)).save(path)
    report = convert(tmp_path / "masks", tmp_path / "out", tmp_path / "videos", table=table)
    assert "tool: PNGs with a number for each object" in report
    np.testing.assert_array_equal(read_labels(tmp_path / "out", "001")[0], numbers)


def test_masks_of_several_sizes_and_without_a_table_are_refused(tmp_path, videos, table):
    _save(tmp_path / "masks", "garden", 1, 0, _mask(2))
    with pytest.raises(InputError, match="masks: says who is where, but not what they do; write a csv table"):
        convert(tmp_path / "masks", tmp_path / "out", videos, tool="png_objects")
    _save(tmp_path / "masks", "garden", 2, 0, np.ones((10, 40), bool))
    with pytest.raises(InputError, match="masks: the PNGs of garden have several sizes"):
        convert(tmp_path / "masks", tmp_path / "out", videos, tool="png_objects", table=table)
