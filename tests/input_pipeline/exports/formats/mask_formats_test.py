import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, convert, make_video, read_labels, read_rows

BY_ACTOR = "actor,action,first,last\ndog,running,0,6\ndog,eating,7,\nbird,flying,,\n"


@pytest.fixture
def videos(tmp_path):
    make_video(tmp_path / "videos", "any.mp4", 10)
    return tmp_path / "videos"


def _table(tmp_path, text):
    (tmp_path / "who.csv").write_text(text)
    return str(tmp_path / "who.csv")


def _save(path, values, palette=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(values))
    if palette:
        picture.putpalette(palette)
    picture.save(path)


def _numbers():
    values = np.zeros((30, 40), np.uint8)
    values[2:8, 2:8], values[10:20, 10:20], values[22:24] = 1, 2, 255
    return values


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("mots_png", "MOTS PNG"),
        ("kitti_segmentation", "KITTI segmentation"),
        ("voc_segmentation", "Segmentation mask 1.1"),
    ],
)
def test_what_datumaro_and_so_cvat_writes_is_read(tmp_path, videos, name, title):
    table = _table(tmp_path, BY_ACTOR)
    report = convert(DATA / "datumaro" / name, tmp_path / "out", videos, table=table)
    assert f"tool: {title}" in report and f"action: the table {table}" in report
    labels = read_labels(tmp_path / "out", "any")
    numbers = {actor: int(number) for _, number, actor, *_ in read_rows(tmp_path / "out")}
    for frame, expected in json.loads((DATA / "datumaro/instances.json").read_text()).items():
        for actor, number in (("dog", 1), ("bird", 2)):
            np.testing.assert_array_equal(labels[int(frame)] == numbers[actor], np.array(expected) == number)
    assert sorted(row[2:] for row in read_rows(tmp_path / "out")) == [
        ("bird", "flying", "4", "8"), ("dog", "eating", "8", "8"), ("dog", "running", "4", "6")
    ]  # fmt: skip


def test_masks_in_the_export_are_not_taken_for_its_pictures(tmp_path):
    with pytest.raises(InputError, match="the video mots_png is neither in the export nor in"):
        convert(DATA / "datumaro/mots_png", tmp_path / "out", table=_table(tmp_path, BY_ACTOR))
    shutil.copytree(DATA / "datumaro/mots_png", tmp_path / "walk")
    for frame in (4, 5, 6, 7, 8):
        _save(tmp_path / f"walk/default/images/frame_{frame:06}.jpg", np.full((30, 40, 3), frame, np.uint8))
    convert(tmp_path / "walk", tmp_path / "out", table=_table(tmp_path, BY_ACTOR))
    assert list(read_labels(tmp_path / "out", "walk")) == [0, 1, 2]
    assert {path.suffix for path in (tmp_path / "out/videos/walk").iterdir()} == {".jpg"}


def test_the_mots_challenge_has_its_own_classes_and_ignored_regions(tmp_path, videos):
    values = _numbers().astype(np.uint16)
    values[values == 1], values[values == 2], values[values == 255] = 1007, 2001, 10000
    _save(tmp_path / "mots/instances/0002/000003.png", values)
    table = _table(tmp_path, "instance,action\n1007,driving\n2001,walking\n")
    convert(tmp_path / "mots", tmp_path / "out", videos, table=table)
    assert [row[:4] for row in read_rows(tmp_path / "out")] == [
        ("0002", "1", "car", "driving"), ("0002", "2", "pedestrian", "walking")
    ]  # fmt: skip
    np.testing.assert_array_equal(read_labels(tmp_path / "out", "0002")[3], _numbers())
    values[0, 0] = 7001
    _save(tmp_path / "mots/instances/0002/000003.png", values)
    with pytest.raises(InputError, match=r"3.png: the value 7001 is of no class; known: 1 to 2 \(car, pedestrian\)"):
        convert(tmp_path / "mots", tmp_path / "other", videos, table=table)
    values[0, 0] = 7
    _save(tmp_path / "mots/instances/0002/000003.png", values)
    with pytest.raises(InputError, match=r"3.png: the value 7 is of no class; known: 1 to 2"):
        convert(tmp_path / "mots", tmp_path / "other", videos, table=table)


def test_kitti_step_has_class_and_number_in_its_colours(tmp_path, videos):
    numbers = _numbers()
    colours = np.zeros((30, 40, 3), np.uint8)
    colours[numbers == 0] = 7, 0, 0  # road, which has no instances
    colours[numbers == 1], colours[numbers == 2], colours[numbers == 255] = (13, 0, 5), (11, 1, 2), (255, 0, 0)
    _save(tmp_path / "step/panoptic_maps/val/0006/000000.png", colours)
    table = _table(tmp_path, "instance,actor,action\n13005,car,driving\n11258,person,walking\n")
    convert(tmp_path / "step", tmp_path / "out", videos, table=table)
    label = read_labels(tmp_path / "out", "0006")[0]
    numbers_of = {row[2]: int(row[1]) for row in read_rows(tmp_path / "out")}
    np.testing.assert_array_equal(label == numbers_of["car"], numbers == 1)
    np.testing.assert_array_equal(label == numbers_of["person"], numbers == 2)
    np.testing.assert_array_equal(label == 255, numbers == 255)


def test_segmentation_masks_may_name_classes_with_actions_and_colours(tmp_path, videos):
    numbers = _numbers()
    numbers[numbers == 255] = 0
    kinds, objects = np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40, 3), np.uint8)
    kinds[numbers == 1], kinds[numbers == 2] = (250, 50, 83), (51, 221, 255)
    objects[numbers == 1], objects[numbers == 2] = (128, 0, 0), (0, 128, 0)
    _save(tmp_path / "masks/SegmentationClass/frame_000002.png", kinds)
    _save(tmp_path / "masks/SegmentationObject/frame_000002.png", objects)
    (tmp_path / "masks/labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ndog:running:250,50,83::\nbird:flying:51,221,255::\n"
    )
    convert(tmp_path / "masks", tmp_path / "out", videos)
    assert [row[2:] for row in read_rows(tmp_path / "out")] == [
        ("dog", "running", "2", "2"), ("bird", "flying", "2", "2")
    ]  # fmt: skip
    np.testing.assert_array_equal(read_labels(tmp_path / "out", "any")[2], numbers)
    (tmp_path / "masks/labelmap.txt").write_text("dog:running:250,50,83::\n")
    with pytest.raises(InputError, match="has an object in the colour 51, 221, 255, which labelmap.txt does not name"):
        convert(tmp_path / "masks", tmp_path / "other", videos)
    (tmp_path / "masks/labelmap.txt").write_text("dog\n")
    with pytest.raises(InputError, match="line 'dog' is not name:red,green,blue"):
        convert(tmp_path / "masks", tmp_path / "other", videos)


def test_palette_pngs_of_video_segmentation_are_read_with_a_table(tmp_path, videos):
    for frame in (0, 1, 5):
        _save(tmp_path / f"masks/any/{frame:05}.png", _numbers(), palette=[7] * 768)
    rows = "any,1,dog,running,0,1\nany,2,bird,flying,,\nany,9,cat,jumping,,\n"
    table = _table(tmp_path, f"video,instance,actor,action,first,last\n{rows}")
    report = convert(tmp_path / "masks", tmp_path / "out", videos, table=table)
    assert [row[2:] for row in read_rows(tmp_path / "out")] == [
        ("dog", "running", "0", "1"), ("bird", "flying", "0", "5")
    ]  # fmt: skip
    labels = read_labels(tmp_path / "out", "any")
    np.testing.assert_array_equal(labels[0], _numbers())
    assert np.unique(labels[5]).tolist() == [0, 2, 255]  # what the first object does in frame 5 isn't said
    assert "ignored where the action isn't known: any: object 1 in 1 frame" in report
    assert f"rows of the table about which nothing was found: {table}, line 4" in report


def test_pictures_and_masks_of_a_workspace_are_told_apart(tmp_path):
    for frame in range(3):
        _save(tmp_path / f"walk/masks/{frame:07}.png", _numbers(), palette=[7] * 768)
        _save(tmp_path / f"walk/images/{frame:07}.jpg", np.full((30, 40, 3), frame, np.uint8))
    table = _table(tmp_path, "instance,actor,action\n1,dog,running\n2,bird,flying\n")
    convert(tmp_path / "walk", tmp_path / "out", table=table)
    assert len(read_rows(tmp_path / "out")) == 2


def test_what_can_not_be_read_is_named(tmp_path, videos):
    _save(tmp_path / "a/any/00000.png", _numbers())
    with pytest.raises(InputError, match="not what they do; write a csv table with the columns video, instance"):
        convert(tmp_path / "a", tmp_path / "out", videos)
    with pytest.raises(InputError, match="instance 1 of any, frame 0: has an action, but no actor"):
        convert(tmp_path / "a", tmp_path / "out", videos, table=_table(tmp_path, "instance,action\n1,running\n"))


def test_a_zip_of_masks_is_read(tmp_path, videos):
    _save(tmp_path / "masks/00002.png", _numbers())
    with zipfile.ZipFile(tmp_path / "any.zip", "w") as file:
        file.write(tmp_path / "masks/00002.png", "masks/00002.png")
    convert(
        tmp_path / "any.zip", tmp_path / "out", videos, table=_table(tmp_path, "instance,actor,action\n1,dog,running\n")
    )
    np.testing.assert_array_equal(read_labels(tmp_path / "out", "masks")[2] == 1, _numbers() == 1)


def test_a_damaged_png_and_a_table_about_other_instances_are_named(tmp_path, videos):
    _save(tmp_path / "masks/any/00000.png", _numbers())
    table = _table(tmp_path, "video,instance,actor,action\nany.mp4,1,dog,running\n")
    with pytest.raises(
        InputError, match=r"no row of .*csv says what one of its instances does, as instance 1 of 'any'"
    ):
        convert(tmp_path / "masks", tmp_path / "out", videos, table=table)
    (tmp_path / "masks/any/00001.png").write_bytes(b"\x89PNG damaged")
    with pytest.raises(InputError, match=r"any/00001.png: not a PNG that can be read"):
        convert(
            tmp_path / "masks", tmp_path / "out", videos, table=_table(tmp_path, "instance,actor,action\n1,dog,eats\n")
        )


def test_formats_without_tracks_say_so(tmp_path, videos):
    report = convert(DATA / "datumaro/kitti_segmentation", tmp_path / "out", videos, table=_table(tmp_path, BY_ACTOR))
    assert "note: objects are numbered anew in each frame: numbers do not follow an object" in report
    report = convert(DATA / "datumaro/mots_png", tmp_path / "mots", videos, table=_table(tmp_path, BY_ACTOR))
    assert "numbered anew" not in report


def test_masks_in_colour_are_named(tmp_path, videos):
    _save(tmp_path / "masks/any/00000.png", _numbers())
    _save(tmp_path / "masks/any/00001.png", np.stack([_numbers()] * 3, -1))
    table = _table(tmp_path, "instance,actor,action\n1,dog,running\n")
    report = convert(tmp_path / "masks", tmp_path / "out", videos, table=table)
    assert "note: 1 PNG in colour, so not read as labels: any/00001.png" in report
    assert list(read_labels(tmp_path / "out", "any")) == [0]
