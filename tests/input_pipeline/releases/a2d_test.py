"""Every trap of A2D's files, with numbers; every bad file is named."""

import h5py
import numpy as np
import pytest

from input_pipeline.releases import a2d
from input_pipeline.releases.a2d import Row
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import a2d_release as fixture


def classes(regions):
    """[H, W] code by way of map and table, 255 where ignored."""
    codes = 10 * regions.actor + np.argmax(regions.actions, axis=1)
    return np.r_[0, np.where(regions.ignore, 255, codes)][regions.map]


def error_of(read, *args):
    with pytest.raises(InputError) as error:
        read(*args)
    return str(error.value)


def videoset(folder, text):
    (folder / "videoset.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


ROW = "{},11,0:00,0:01,320,480,60,3,{}\n"


def test_split_is_the_last_column(tmp_path):
    text = ROW.format("-a_B.1", 0) + "\n" + "b,11,x,y,320,480,60,1,0,,1\n" + ROW.format(" c ", " 1 ")
    rows = a2d.read_videoset(videoset(tmp_path, text))
    assert rows == [Row("-a_B.1", "train"), Row("b", "test"), Row("c", "test")]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_header_is_tolerated_once(tmp_path, mark):
    header = "VID,label,start_time,end_time,height,width,number_frames,number_annotated_frames,split\n"
    text = mark + (header + ROW.format("a", 0)).encode()
    assert a2d.read_videoset(videoset(tmp_path, text)) == [Row("a", "train")]
    assert "row 2: split is 'split'" in error_of(a2d.read_videoset, videoset(tmp_path, ROW.format("a", 0) + header))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ROW.format("a", 2), "row 1: split is '2'; allowed: 0 (train) or 1 (test)"),
        (ROW.format("a", 0) + ROW.format("b", ""), "row 2: split is ''"),
        (ROW.format("a", 0) + "b,11,0\n", "row 2: has 3 columns, expected 9"),
        ("a\n", "row 1: has 1 column, expected 9"),
        (ROW.format("a", 0) + ROW.format("a", 1), "row 2: video 'a' is listed twice"),
        (ROW.format("../a", 0), "row 1: '../a' is not a plain video name"),
        (ROW.format("/etc/a", 0), "row 1: '/etc/a' is not"),
        (ROW.format("a\\b", 0), "is not a plain video name"),
        (ROW.format("..", 0), "row 1: '..' is not"),
        (ROW.format("", 0), "row 1: '' is not"),
        ("", "lists no video"),
        (b"\xff\xfe\x00a", "not a csv file"),
    ],
)
def test_bad_rows_are_named(tmp_path, text, expected):
    message = error_of(a2d.read_videoset, videoset(tmp_path, text))
    assert str(tmp_path / "videoset.csv") in message and expected in message


def test_missing_folder_or_csv(tmp_path):
    assert f"{tmp_path / 'none'}: no such folder" in error_of(a2d.read_videoset, tmp_path / "none")
    assert f"{tmp_path / 'videoset.csv'}: no such file" in error_of(a2d.read_videoset, tmp_path)


def test_labelled_frames_come_from_the_folder(tmp_path):
    folder = tmp_path / "Annotations/mat/a"
    folder.mkdir(parents=True)
    for name in ("00040.mat", "00007.h5", "00100.mat", "notes.txt", "x.mat"):
        (folder / name).touch()
    assert a2d.annotations(tmp_path, "a") == {
        7: folder / "00007.h5", 40: folder / "00040.mat", 100: folder / "00100.mat"
    }  # fmt: skip
    assert "has no annotation" in error_of(a2d.annotations, tmp_path, "b")
    (folder / "00007.mat").touch()
    assert "00007.mat: 00007.h5 is a label of frame 7, too" in error_of(a2d.annotations, tmp_path, "a")
    (folder / "00007.mat").unlink()
    (folder / "00000.mat").touch()
    assert "frame numbers start at 1" in error_of(a2d.annotations, tmp_path, "a")


def test_fingerprint_follows_list_clips_and_annotations(tmp_path):
    fixture.write_videoset(tmp_path, {"a": 0})
    fixture.write_video(tmp_path, "a", labelled=(3,))
    marks = [a2d.fingerprint(tmp_path)]
    assert a2d.fingerprint(tmp_path) == marks[0] and len(marks[0]) == 8
    fixture.write_mat(fixture.mat_path(tmp_path, "a", 5), fixture.label(5))
    marks.append(a2d.fingerprint(tmp_path))
    fixture.write_videoset(tmp_path, {"a": 1})
    marks.append(a2d.fingerprint(tmp_path))
    (tmp_path / "clips320H/a.mp4").write_bytes(b"mended")
    marks.append(a2d.fingerprint(tmp_path))
    assert len(set(marks)) == 4


def test_transposed_arrays_and_several_instances(tmp_path):
    codes = np.zeros((4, 6), np.uint8)
    codes[0, 0:2], codes[0, 3:5], codes[3, 5] = 11, 11, 75
    masks = np.stack([codes == 75, (codes == 11) & (np.arange(6) < 2), (codes == 11) & (np.arange(6) > 2)])
    read = a2d.read_annotation(fixture.write_mat(tmp_path / "a.mat", codes, masks))
    np.testing.assert_array_equal(classes(read), codes)
    assert read.map.shape == (4, 6) and read.map.dtype == np.uint16
    assert sorted(read.codes) == [11, 11, 75]
    assert read.map[0, 0] == read.map[0, 1] != read.map[0, 3] == read.map[0, 4]  # two adults stay two regions
    assert read.actor.tolist() == (read.codes // 10).tolist() and read.actions.shape == (3, 10)


def test_one_instance_is_stored_without_its_axis(tmp_path):
    codes = np.zeros((4, 6), np.uint8)
    codes[1, 2:5] = 29
    path = fixture.write_mat(tmp_path / "a.mat", codes, [codes > 0], instance=np.arange(5.0))
    with h5py.File(path) as file:
        assert file["reMask"].shape == (6, 4)
    read = a2d.read_annotation(path)
    np.testing.assert_array_equal(classes(read), codes)
    assert read.codes.tolist() == [29]


def test_the_pixel_map_decides_where_masks_disagree(tmp_path):
    codes = np.array([[11, 11, 0], [34, 34, 0]])
    masks = np.array([[[1, 0, 1], [1, 0, 0]], [[0, 0, 0], [0, 0, 1]]])  # half of each, and some background
    read = a2d.read_annotation(fixture.write_mat(tmp_path / "a.mat", codes, masks))
    np.testing.assert_array_equal(classes(read), codes)
    assert sorted(read.codes) == [11, 11, 34, 34]


@pytest.mark.parametrize("masks", [None, np.ones((2, 5, 5))])
def test_without_usable_masks(tmp_path, masks):
    codes = np.array([[11, 0, 34]])
    read = a2d.read_annotation(fixture.write_mat(tmp_path / "a.h5", codes, masks))
    np.testing.assert_array_equal(classes(read), codes)
    assert read.codes.tolist() == [11, 34]


def test_codes_outside_the_pairs_are_ignored(tmp_path):
    codes = np.array([[0, 14, 23, 80], [5, 10, 255, 11], [-3, 14, 79, 30]], np.int16)
    read = a2d.read_annotation(fixture.write_mat(tmp_path / "a.mat", codes))
    np.testing.assert_array_equal(classes(read), [[0, 255, 255, 255], [255, 255, 255, 11], [255, 255, 79, 255]])
    assert sorted(read.codes[read.ignore]) == [-3, 5, 10, 14, 23, 30, 80, 255]
    assert not read.actions[read.ignore].any() and not read.actor[read.ignore].any()


def test_all_43_pairs_and_floating_codes(tmp_path):
    codes = np.array([[10 * a + b for a, b in a2d.A2D.pairs]], np.float64)
    read = a2d.read_annotation(fixture.write_mat(tmp_path / "a.mat", codes))
    assert codes.shape == (1, 43)
    np.testing.assert_array_equal(classes(read), codes)
    assert not read.ignore.any() and read.map.min() == 1


def test_nothing_but_background(tmp_path):
    read = a2d.read_annotation(fixture.write_mat(tmp_path / "a.mat", np.zeros((3, 4))))
    assert not read.map.any() and read.actor.shape == (0,) and read.actions.shape == (0, 10)


@pytest.mark.parametrize(
    ("codes", "others", "expected"),
    [
        (None, {"reMask": np.ones((6, 4))}, "has no reS_id, only ['reMask']"),
        (np.ones((2, 3, 4)), {}, "reS_id has shape (4, 3, 2); expected (width, height)"),
        (np.ones((0, 4)), {}, "reS_id has shape (4, 0)"),
        (np.full((2, 2), 1.5), {}, "values that are not whole numbers"),
        (np.full((2, 2), np.nan), {}, "values that are not whole numbers"),
        (np.full((2, 2), b"11"), {}, "; expected whole numbers"),
        (None, {"reS_id": h5py.ExternalLink("other.mat", "reS_id")}, "has no reS_id"),
        (None, {"reS_id/deeper": np.ones((2, 2))}, "has no reS_id"),
    ],
)
def test_bad_annotations_are_named(tmp_path, codes, others, expected):
    fixture.write_mat(tmp_path / "other.mat", np.ones((2, 2)))
    path = fixture.write_mat(tmp_path / "a.mat", codes, **others)
    message = error_of(a2d.read_annotation, path)
    assert str(path) in message and expected in message


def test_too_large_an_annotation_is_not_read(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("reS_id", (100_000, 100_000), np.uint8, chunks=True)  # 10 GB that fill no disk
    assert "at most 9437184 pixels" in error_of(a2d.read_annotation, tmp_path / "a.mat")


def test_not_hdf5(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(600, b" "))
    assert f"{tmp_path / 'a.mat'}: not a readable MATLAB v7.3" in error_of(a2d.read_annotation, tmp_path / "a.mat")
    content = fixture.write_mat(tmp_path / "b.mat", np.ones((100, 100))).read_bytes()
    (tmp_path / "b.mat").write_bytes(content[: len(content) // 2])
    assert "not a readable MATLAB" in error_of(a2d.read_annotation, tmp_path / "b.mat")


def test_labels_stored_in_another_file_are_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(48)))
    with h5py.File(tmp_path / "external.mat", "w") as file:
        file.create_dataset("reS_id", (8, 6), "uint8", external=[(str(secret), 0, 48)])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["codes"] = np.zeros((8, 6), np.uint8)
    layout = h5py.VirtualLayout((8, 6), "uint8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "codes", (8, 6))
    with h5py.File(tmp_path / "virtual.mat", "w") as file:
        file.create_virtual_dataset("reS_id", layout)
    for name in ("external.mat", "virtual.mat"):
        assert f"{name}: has no reS_id" in error_of(a2d.read_annotation, tmp_path / name)


def test_absurdly_many_instances_are_refused_before_they_are_read(tmp_path):
    with h5py.File(tmp_path / "00001.mat", "w") as file:
        file["reS_id"] = np.full((8, 6), 11, np.uint8)
        file.create_dataset("reMask", (1_000_000, 8, 6), "uint8", chunks=(1000, 8, 6), compression="gzip")
    assert "reMask has 1000000 instances; at most 255" in error_of(a2d.read_annotation, tmp_path / "00001.mat")
    with h5py.File(tmp_path / "00002.mat", "w") as file:
        file["reS_id"] = np.full((8, 6), 11, np.uint8)
        file["reMask"] = np.full((2, 8, 6), b"1")
    assert "reMask is |S1; expected numbers" in error_of(a2d.read_annotation, tmp_path / "00002.mat")
