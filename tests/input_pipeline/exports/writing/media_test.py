import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import read_frames
from tests.fixtures.encoded_video import encode, noise
from tests.fixtures.exports import DATA, LABELME_SHAPE, SIZE, convert, make_video, read_labels, read_rows

HEIGHT, WIDTH = SIZE


def _moving(i):
    """Frame i: noise, which is unlike that of any other frame."""
    return np.repeat(np.repeat(noise(i, HEIGHT // 5, WIDTH // 5), 5, 0), 5, 1)


def _video(folder, name="garden.mp4", frames=40, of=lambda i: i):
    folder.mkdir(exist_ok=True)
    return encode(folder / name, [_moving(of(i)) for i in range(frames)])


def _label(folder, number, rgb=None, name="{:05}", **fields):
    """Writes the JSON file of a picture, and the picture if its pixels are given."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = name.format(number)
    content = {"version": "5.5.0", "flags": {}, "shapes": [LABELME_SHAPE], "imagePath": f"{stem}.jpg",
               "imageHeight": HEIGHT, "imageWidth": WIDTH, **fields}  # fmt: skip
    (folder / f"{stem}.json").write_text(json.dumps(content))
    if rgb is not None:
        Image.fromarray(rgb).save(folder / f"{stem}.jpg", quality=95)


def _frames(path):
    return [frame.rgb for frame in read_frames(path)]


@pytest.mark.parametrize(("counted_from", "text"), [(0, "from 0"), (1, "from 1")])
def test_pictures_show_whether_their_numbers_count_from_0_or_from_1(tmp_path, counted_from, text):
    frames = _frames(_video(tmp_path / "videos"))
    for frame in (3, 11, 20, 30):
        _label(tmp_path / "garden", frame + counted_from, frames[frame])
    report = convert(tmp_path / "garden", tmp_path / "out", tmp_path / "videos")
    assert f"4 pictures of garden in the export equal the frames of {tmp_path}/videos/garden.mp4" in report
    assert f"with their numbers, counted {text}" in report and "are taken for" not in report
    assert list(read_labels(tmp_path / "out", "garden")) == [3, 11, 20, 30]


def test_pictures_that_are_other_frames_of_the_video_are_refused(tmp_path):
    frames = _frames(_video(tmp_path / "videos", of=lambda i: i // 2))  # twice the frame rate
    for frame in (3, 9, 14):
        _label(tmp_path / "garden", frame, frames[2 * frame])
    message = r"are not its frames 3, 9, 14 \(from 0; .* most like them are its frames 6, 18, 28, .* Another frame rate"
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "garden", tmp_path / "out", tmp_path / "videos")
    report = convert(tmp_path / "garden", tmp_path / "out")  # without the video
    assert list(read_labels(tmp_path / "out", "garden")) == [0, 1, 2] and "taken for neighbouring frames" in report


def test_pictures_of_another_video_are_refused(tmp_path):
    _video(tmp_path / "videos")
    for frame in (3, 9):
        _label(tmp_path / "garden", frame, _moving(1000 + frame))
    with pytest.raises(
        InputError, match="2 pictures of garden in the export were compared with .*garden.mp4: they are"
    ):
        convert(tmp_path / "garden", tmp_path / "out", tmp_path / "videos")


def test_pictures_that_do_not_move_leave_it_open_where_numbers_begin(tmp_path):
    frames = _frames(_video(tmp_path / "videos", of=lambda i: 0))
    for frame in (1, 5):
        _label(tmp_path / "garden", frame, frames[frame])
    report = convert(tmp_path / "garden", tmp_path / "out", tmp_path / "videos")
    assert "garden.mp4 with their numbers as others near them" in report
    assert "the first is 1: if ffmpeg counted from 1, give --config.convert.first_frame=-1" in report


def test_first_frame_and_frame_step_are_compared_too(tmp_path):
    frames = _frames(_video(tmp_path / "videos"))
    for number in (1, 2, 3):
        _label(tmp_path / "garden", number, frames[10 * number - 10])
    with pytest.raises(InputError, match="are not its frames 1, 2, 3 "):
        convert(tmp_path / "garden", tmp_path / "out", tmp_path / "videos")
    convert(tmp_path / "garden", tmp_path / "out", tmp_path / "videos", first_frame=-10, frame_step=10)
    assert list(read_labels(tmp_path / "out", "garden")) == [0, 10, 20]


def test_the_exports_own_pictures_come_before_a_video_of_another_name(tmp_path):
    _video(tmp_path / "videos", "kitchen.mp4")
    for frame in range(4):
        _label(tmp_path / "export/garden", frame, _moving(frame))
    report = convert(tmp_path / "export", tmp_path / "out", tmp_path / "videos")
    warning = f"warning: {tmp_path}/videos/kitchen.mp4 is not used: it is not called garden, whose pictures are in the"
    assert report.startswith(warning)
    assert len(list((tmp_path / "out/videos/garden").iterdir())) == 4


@pytest.mark.parametrize("fits", [True, False])
def test_the_only_video_is_that_of_an_export_without_a_name_if_its_pictures_are_frames_of_it(tmp_path, fits):
    frames = _frames(_video(tmp_path / "videos", "kitchen.mp4"))
    for frame in (2, 9, 13):
        _label(tmp_path / "labels_1", frame, frames[frame] if fits else _moving(500 + frame))
    report = convert(tmp_path / "labels_1", tmp_path / "out", tmp_path / "videos")
    if fits:
        assert "the export names no video; it is called kitchen" in report and "warning" not in report
        assert list(read_labels(tmp_path / "out", "kitchen")) == [2, 9, 13]
    else:
        assert f"warning: {tmp_path}/videos/kitchen.mp4 is not used, but the pictures in the export: " in report
        assert list(read_labels(tmp_path / "out", "labels_1")) == [0, 1, 2]


def test_a_video_of_another_name_is_a_warning(tmp_path):
    make_video(tmp_path / "videos", "other.mp4", 20)
    report = convert(DATA / "cvat/video.xml", tmp_path / "out", tmp_path / "videos")
    warning = (
        f"warning: the labels of park (1) are taken for those of {tmp_path}/videos/other.mp4, the only video there"
    )
    assert warning in report
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as file:
        file.write(DATA / "cvat/video.xml", "annotations.xml")
        file.write(tmp_path / "videos/other.mp4", "other.mp4")
    assert "warning: the labels of park (1) are taken for" in convert(tmp_path / "export.zip", tmp_path / "zipped")


def test_an_export_may_have_pictures_of_one_video_and_the_folder_the_other_video(tmp_path):
    _video(tmp_path / "videos", "kitchen.mp4")
    for frame in range(3):
        _label(tmp_path / "export/garden", frame, _moving(frame))
        _label(tmp_path / "export/kitchen", frame)
    convert(tmp_path / "export", tmp_path / "out", tmp_path / "videos")
    assert sorted(path.name for path in (tmp_path / "out/videos").iterdir()) == ["garden", "kitchen.mp4"]
    assert {row[0] for row in read_rows(tmp_path / "out")} == {"garden", "kitchen"}


def test_pictures_of_coco_are_never_those_of_another_folder(tmp_path):
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 5, 5], "attributes": {"action": "running"}}
    image = {"id": 1, "file_name": "ice/00002.jpg", "height": HEIGHT, "width": WIDTH}
    content = {"images": [image], "categories": [{"id": 1, "name": "dog"}], "annotations": [annotation]}
    (tmp_path / "par/garden").mkdir(parents=True)
    (tmp_path / "par/coco.json").write_text(json.dumps(content))
    for frame in range(4):
        Image.fromarray(_moving(frame)).save(tmp_path / f"par/garden/{frame:05}.jpg")
    with pytest.raises(InputError, match="the video ice is neither in the export nor in"):
        convert(tmp_path / "par", tmp_path / "out")
    image["file_name"] = "/home/me/data/images/00002.jpg"  # a folder of another machine that names no video
    (tmp_path / "par/coco.json").write_text(json.dumps(content))
    shutil.move(tmp_path / "par/garden", tmp_path / "par/images")
    report = convert(tmp_path / "par", tmp_path / "out")
    assert "labelled frames: 1;" in report


def test_a_picture_that_may_be_one_of_two_is_refused(tmp_path):
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 5, 5], "attributes": {"action": "running"}}
    image = {"id": 1, "file_name": "00002.jpg", "height": HEIGHT, "width": WIDTH}
    content = {"images": [image], "categories": [{"id": 1, "name": "dog"}], "annotations": [annotation]}
    for folder in ("garden", "ice"):
        (tmp_path / "par" / folder).mkdir(parents=True)
        Image.fromarray(_moving(2)).save(tmp_path / f"par/{folder}/00002.jpg")
    (tmp_path / "par/coco.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match="a picture of par may be garden/00002.jpg, ice/00002.jpg; keep the pictures of"
    ):
        convert(tmp_path / "par", tmp_path / "out")


def test_a_video_that_is_not_there_says_how_to_name_it_or_to_give_it_alone(tmp_path):
    (tmp_path / "videos").mkdir()
    with zipfile.ZipFile(tmp_path / "job.zip", "w") as file:
        file.writestr("task/annotations.xml", (DATA / "cvat/video.xml").read_text())
    with pytest.raises(
        InputError, match=r"Call the video park \(1\), as the export does, or put it alone into the fold"
    ):
        convert(tmp_path / "job.zip", tmp_path / "out", tmp_path / "videos")
