import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import convert, make_video, read_labels, read_rows

# The example of https://www.vision.rwth-aachen.de/page/mots
EXAMPLE = (
    "52 1005 1 375 1242 WSV:2d;1O10000O10000O1O100O100O1O100O1000000000000000O100O102N5K00O1O1N2O110OO2O001O1NTga3"
)
TABLE = "instance,actor,action,first,last\n1001,car,driving,,\n2003,pedestrian,walking,0,1\n2003,,standing,2,\n"


def _mask(left, width=8):
    mask = np.zeros((30, 40), np.uint8)
    mask[4:20, left : left + width] = 1
    return mask


def _line(frame, number, mask, kind=None):
    counts = coco.encode(np.asfortranarray(mask))["counts"].decode()
    return f"{frame} {number} {kind or number // 1000} {mask.shape[0]} {mask.shape[1]} {counts}"


LINES = [_line(0, 1001, _mask(2)), _line(0, 2003, _mask(20)), _line(2, 2003, _mask(22)), _line(2, 10000, _mask(30))]


@pytest.fixture
def videos(tmp_path):
    make_video(tmp_path / "videos", "0002.mp4", 5)
    return tmp_path / "videos"


def _write(tmp_path, lines, name="instances_txt/0002.txt", table=TABLE):
    (tmp_path / "who.csv").write_text(table)
    path = tmp_path / "mots" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return {"source": tmp_path / "mots", "table": str(tmp_path / "who.csv")}


def test_instances_and_ignored_regions_are_read(tmp_path, videos):
    report = convert(output=tmp_path / "out", videos=videos, **_write(tmp_path, LINES))
    assert "tool: MOTS txt" in report and "videos: 1 (0002), with 2 tracks" in report
    assert [row[1:] for row in read_rows(tmp_path / "out")] == [
        ("1", "car", "driving", "0", "0"),
        ("2", "pedestrian", "walking", "0", "0"),
        ("2", "pedestrian", "standing", "2", "2"),
    ]
    labels = read_labels(tmp_path / "out", "0002")
    assert list(labels) == [0, 2]
    np.testing.assert_array_equal(labels[0], _mask(2) + 2 * _mask(20))
    np.testing.assert_array_equal(labels[2], 2 * _mask(22, 8) + 255 * _mask(30))


def test_the_example_of_the_format_is_drawn_as_pycocotools_does_beside_the_pictures(tmp_path):
    written = _write(tmp_path, [EXAMPLE], table="instance,action\n1005,driving\n")
    for frame in (51, 52):
        path = tmp_path / f"mots/image_02/0002/{frame:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (1242, 375)).save(path)
    convert(output=tmp_path / "out", **written)
    expected = coco.decode({"size": [375, 1242], "counts": EXAMPLE.split()[-1].encode()})
    assert expected.sum() == 283
    assert len(list((tmp_path / "out/videos/0002").iterdir())) == 2
    np.testing.assert_array_equal(read_labels(tmp_path / "out", "0002")[1], expected)


def test_classes_may_be_named_with_their_actions(tmp_path, videos):
    written = _write(tmp_path, LINES[:1])
    (tmp_path / "mots/labels.txt").write_text("car:parking\nperson:walking\n")
    convert(tmp_path / "mots", tmp_path / "out", videos)
    assert [row[2:4] for row in read_rows(tmp_path / "out")] == [("car", "parking")]
    assert written["source"] == tmp_path / "mots"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0 1001 1 30 40"], "line 2: is '0 1001 1 30 40'; expected time_frame id class_id img_height img_width rle"),
        ([_line(1, 7001, _mask(2))], "line 2: class_id 7 is of no class; known: 1 to 2 .car, pedestrian."),
        ([LINES[0]], "line 2: id 1001 is in frame 0 twice"),
        ([_line(1, 1001, np.ones((20, 40), np.uint8))], "0002.txt: its frames have several sizes"),
        ([_line(1, 1001, _mask(2)).replace(" 30 40 ", " 99999 99999 ")], "frame 1 has 99999x99999 pixels; at most"),
    ],
)
def test_lines_that_can_not_be_used_are_named(tmp_path, videos, lines, message):
    with pytest.raises(InputError, match=message):
        convert(output=tmp_path / "out", videos=videos, **_write(tmp_path, [LINES[0], *lines]))


def test_run_lengths_of_another_size_leave_out_their_frame(tmp_path, videos):
    wrong = _line(1, 1001, _mask(2))[:-2]
    report = convert(output=tmp_path / "out", videos=videos, **_write(tmp_path, [LINES[0], wrong]))
    assert list(read_labels(tmp_path / "out", "0002")) == [0]
    assert "frame 1 is not labelled: car 1001: its runs cover" in report or "its counts" in report


def test_other_text_files_are_no_mots(tmp_path, videos):
    (tmp_path / "mots").mkdir()
    (tmp_path / "mots/yolo.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "mots/mot.txt").write_text("1,1,912,484,97,109,0,7,1\n")
    with pytest.raises(InputError, match="no known export of a labelling tool"):
        convert(tmp_path / "mots", tmp_path / "out", videos)
