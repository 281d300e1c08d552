import pytest

from input_pipeline.exports.files.picture_names import group_pictures, name_of
from ssa2d_jax.utils.errors import InputError


@pytest.mark.parametrize(
    ("names", "videos"),
    [
        (["00000.jpg", "00001.jpg"], {"export": [0, 1]}),
        (["images/frame_000004.PNG", "images/frame_000002.PNG"], {"export": [2, 4]}),
        (["walk/00001.jpg", "run/00001.jpg"], {"walk": [1], "run": [1]}),
        (["walk2_00001.jpg", "run_00001.jpg", "walk2_00009.jpg"], {"run": [1], "walk2": [1, 9]}),
        (["garden/labelme/frame_1.jpg"], {"garden": [1]}),
        (["train/frame_1.png", "test/frame_1.png"], {"export": [1], "export-2": [1]}),
    ],
)
def test_pictures_are_grouped_by_folder_and_name(names, videos):
    groups = group_pictures(names, "x", "export")
    assert {name: list(pictures) for name, pictures in groups.items()} == videos
    assert {picture for pictures in groups.values() for picture in pictures.values()} == set(names)


@pytest.mark.parametrize(
    ("export", "name"),
    [("garden.zip", "garden"), ("garden/coco.json", "garden"), ("garden/labelme/", "garden"),
     ("garden/annotations/instances_default.json", "garden"), ("walk/", "walk"), ("labels.zip", "labels"),
     ("garden/walk.json", "walk")],
)  # fmt: skip
def test_a_video_without_a_name_is_called_as_its_export(tmp_path, export, name):
    path = tmp_path / export
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if export.endswith("/") else path.touch()
    assert name_of(path) == name


def test_pictures_without_numbers_are_no_video():
    with pytest.raises(InputError, match=r"x: the picture 'dog.jpg' has no frame number in its name"):
        group_pictures(["cat.jpg", "dog.jpg"][1:], "x", "export")


def test_two_pictures_of_one_number_are_an_error():
    with pytest.raises(InputError, match="'a_01.jpg' and 'a_1.jpg' have the same frame number"):
        group_pictures(["a_1.jpg", "a_01.jpg"], "x", "export")
