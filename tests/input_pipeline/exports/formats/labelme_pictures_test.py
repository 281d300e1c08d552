import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import LABELME_SHAPE, convert, make_video, read_labels, read_rows


def _json(path, picture, shapes=(LABELME_SHAPE,), **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": picture, "imageHeight": 30,
               "imageWidth": 40, **fields}  # fmt: skip
    path.write_text(json.dumps(content))


def _picture(path, grey=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((30, 40, 3), grey, np.uint8)).save(path)


def _clip(folder, count, grey=0, **fields):
    for frame in range(count):
        _picture(folder / f"{frame:05}.png", grey)
        _json(folder / f"{frame:05}.json", f"{frame:05}.png", **fields)


def test_a_picture_of_another_folder_is_never_taken(tmp_path):
    _clip(tmp_path / "par/garden", 5, grey=200)
    _clip(tmp_path / "par/ice", 3, grey=10)
    (tmp_path / "par/ice/00002.png").unlink()
    report = convert(tmp_path / "par", tmp_path / "out")
    assert "note: ice: frames without a picture, so not labelled: 2" in report
    assert list(read_labels(tmp_path / "out", "ice")) == [0, 1]
    pictures = sorted((tmp_path / "out/videos/ice").iterdir())
    assert [np.asarray(Image.open(path)).max() for path in pictures] == [10, 10]


def test_a_folder_of_json_files_alone_is_not_the_video_of_another_folder(tmp_path):
    _clip(tmp_path / "par/garden", 3)
    _json(tmp_path / "par/ice/00001.json", "00001.png")
    with pytest.raises(InputError, match="the video ice is neither in the export nor in"):
        convert(tmp_path / "par", tmp_path / "out")
    for path in (tmp_path / "par/garden").glob("*.json"):
        path.unlink()
    with pytest.raises(InputError, match="the video ice is neither in the export nor in"):
        convert(tmp_path / "par", tmp_path / "out")


def test_pictures_in_another_folder_of_the_export_are_found_by_image_path(tmp_path):
    for frame in range(4):
        _picture(tmp_path / f"project/images/{frame:05}.png")
    for frame in (1, 3):
        _json(tmp_path / f"project/json/{frame:05}.json", f"..\\images\\{frame:05}.png")
    convert(tmp_path / "project", tmp_path / "out")
    assert list(read_labels(tmp_path / "out", "project")) == [1, 3]
    assert len(list((tmp_path / "out/videos/project").iterdir())) == 4


@pytest.mark.parametrize(
    ("json_folder", "picture_folder", "name"),
    [("json", "garden", "garden"), ("garden_json", "images", "garden_json"), ("json/a", "pictures/b", "b")],
)
def test_the_video_is_named_by_its_pictures_folder_or_that_of_the_json_files(
    tmp_path, json_folder, picture_folder, name
):
    up = "../" * (json_folder.count("/") + 1)
    _picture(tmp_path / f"project/{picture_folder}/00000.png")
    _json(tmp_path / f"project/{json_folder}/00000.json", f"{up}{picture_folder}/00000.png")
    convert(tmp_path / "project", tmp_path / "out")
    assert [row[0] for row in read_rows(tmp_path / "out")] == [name]


def test_pictures_outside_of_the_input_are_not_read_and_it_is_said(tmp_path):
    _picture(tmp_path / "project/images/00000.png")
    _json(tmp_path / "project/json/00000.json", "../images/00000.png")
    outside = r"json/00000.json names ../images/00000.png\); give the folder that holds both as --input"
    with pytest.raises(InputError, match=outside):
        convert(tmp_path / "project/json", tmp_path / "out")
    _json(tmp_path / "project/json/00000.json", str(tmp_path / "project/images/00000.png"))
    with pytest.raises(InputError, match="give the folder that holds both as --input"):
        convert(tmp_path / "project/json", tmp_path / "out")


def test_two_files_of_one_picture_are_named(tmp_path):
    _clip(tmp_path / "walk", 1)
    shutil.copyfile(tmp_path / "walk/00000.json", tmp_path / "walk/copy.json")
    with pytest.raises(InputError, match="the JSON files 00000.json and copy.json are of the same picture"):
        convert(tmp_path / "walk", tmp_path / "out")


def test_files_of_predict_name_their_video(tmp_path):
    for frame in range(2):
        _json(tmp_path / f"pred/labelme/frame_{frame:06}.json", f"frame_{frame:06}.jpg", video="my garden.mp4")
    make_video(tmp_path / "videos", "my garden.mp4", 4)
    make_video(tmp_path / "videos", "other.mp4", 4)
    report = convert(tmp_path / "pred", tmp_path / "out", tmp_path / "videos")
    assert "videos: 1 (my_garden), with 1 track" in report
    _json(tmp_path / "pred/labelme/frame_000001.json", "frame_000001.jpg", video="../../secret")
    with pytest.raises(InputError, match="the video pred is neither"):
        convert(tmp_path / "pred", tmp_path / "bad", tmp_path / "videos")


@pytest.mark.parametrize("content", [b"", b'{"version": "5.5.0", "shapes": [{"label": "do', b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, content):
    _clip(tmp_path / "walk", 3)
    (tmp_path / "walk/00001.json").write_bytes(content)
    message = r"walk/00001.json: not a JSON file in UTF-8 .*It may hold labels: export or save it again, or move it out"
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "walk", tmp_path / "out")


def test_json_files_of_other_programs_are_named(tmp_path):
    _clip(tmp_path / "walk", 2)
    (tmp_path / "walk/settings.json").write_text("{}")
    assert "note: no JSON files of labelme, so not used: settings.json" in convert(tmp_path / "walk", tmp_path / "out")
