import os
import shutil

import pytest

from input_pipeline.exports.convert import ConvertOptions
from input_pipeline.exports.direct import convert_once, is_export
from input_pipeline.exports.writing.media import MediaOptions
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, make_video, read_rows


@pytest.fixture
def options(tmp_path):
    make_video(tmp_path / "videos", "park (1).mp4", 20)
    return ConvertOptions(media=MediaOptions(tmp_path / "videos"))


def test_an_export_is_converted_once_and_again_when_it_has_changed(tmp_path, options):
    source = tmp_path / "annotations.xml"
    shutil.copyfile(DATA / "cvat/video.xml", source)
    folder, understood = convert_once(source, tmp_path / "cache", options)
    assert "tool: CVAT for video 1.1" in understood and understood[-1] == f"converted: {folder}"
    (folder / "mark").touch()
    again, same = convert_once(source, tmp_path / "cache", options)
    assert (again, same) == (folder, understood) and (folder / "mark").exists()
    source.write_text(source.read_text().replace("running", "walking"))
    os.utime(source, ns=(1, 1))
    changed, _ = convert_once(source, tmp_path / "cache", options)
    assert changed != folder and {row[3] for row in read_rows(changed)} == {"walking", "eating", "flying", "sitting"}


def test_a_folder_of_your_own_data_is_left_as_it_is(tmp_path, options):
    folder, _ = convert_once(DATA / "cvat/video.xml", tmp_path / "cache", options)
    assert convert_once(folder, tmp_path / "cache", options) == (folder, [])
    shutil.copyfile(DATA / "cvat/video.xml", folder / "annotations.xml")  # kept beside what was made of it
    assert not is_export(folder)


def test_an_export_that_is_not_clear_is_refused_and_nothing_is_kept(tmp_path, options):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="no known export"):
        convert_once(tmp_path / "notes.txt", tmp_path / "cache", options)
    assert [path.name for path in (tmp_path / "cache/converted").iterdir()] == [".lock"]
    assert not is_export(tmp_path / "videos") and is_export(DATA / "labelme/walk")


def test_an_export_is_converted_again_when_a_video_or_picture_has_changed(tmp_path):
    source = tmp_path / "annotations.xml"
    shutil.copyfile(DATA / "cvat/video.xml", source)
    video = make_video(tmp_path, "park (1).mp4", 20)
    first, _ = convert_once(source, tmp_path / "cache", ConvertOptions())
    assert convert_once(source, tmp_path / "cache", ConvertOptions())[0] == first
    os.utime(video, ns=(1, 1))
    assert convert_once(source, tmp_path / "cache", ConvertOptions())[0] != first

    pictures = tmp_path / "pictures/park (1)"
    pictures.mkdir(parents=True)
    for frame in range(20):
        shutil.copyfile(DATA / "labelme/walk/00000.jpg", pictures / f"{frame:05}.jpg")
    options = ConvertOptions(media=MediaOptions(tmp_path / "pictures"))
    first, _ = convert_once(source, tmp_path / "cache", options)
    os.utime(pictures / "00003.jpg", ns=(1, 1))
    assert convert_once(source, tmp_path / "cache", options)[0] != first
