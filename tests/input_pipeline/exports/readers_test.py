import copy
import json
import random
import re
import zipfile

import pytest

from input_pipeline.exports.files.archive import open_archive
from input_pipeline.exports.labelled import ReadOptions
from input_pipeline.exports.readers import READERS, find_formats, read_export
from input_pipeline.exports.writing.label_maps import draw_frames
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, SIZE

FORMATS = {
    "cvat/video.xml": "cvat",
    "cvat/images.xml": "cvat",
    "datumaro/cvat.xml": "cvat",
    "datumaro/coco": "coco",
    "datumaro/coco_masks": "coco",
    "datumaro/coco_panoptic": "panoptic",
    "datumaro/mots_png": "mots",
    "datumaro/kitti_segmentation": "kitti",
    "datumaro/voc_segmentation": "segmentation_mask",
    "labelme/walk": "labelme",
    "label_studio/pictures.json": "label_studio",
    "label_studio/pictures_min.json": "label_studio",
    "label_studio/video.json": "label_studio",
}
JSON = ("datumaro/coco/instances_default.json", "datumaro/coco_masks/instances_default.json", "labelme/walk/00000.json",
        "label_studio/pictures.json", "label_studio/pictures_min.json", "label_studio/video.json")  # fmt: skip
STRANGE = [None, True, -1, 0, 1.5, 1e300, "", "x", [], [1], [[]], {}, {"a": 1}, float("nan"), 10**12, "../../x"]
STRANGE_TEXTS = ["", "x", "-1", "1e999", "nan", "99999999999", "999999999", "1,2", "0", "5", ";", "\u0661"]


@pytest.mark.parametrize(("name", "tool"), FORMATS.items())
def test_every_recorded_export_is_recognised_as_one_format(name, tool):
    assert list(find_formats(open_archive(DATA / name))) == [tool]


def test_an_export_that_may_be_of_two_tools_is_not_guessed(tmp_path):
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as file:
        file.write(DATA / "cvat/video.xml", "annotations.xml")
        file.write(DATA / JSON[0], "annotations/instances_default.json")
    archive = open_archive(tmp_path / "both.zip")
    with pytest.raises(InputError, match=r"may be of several formats: cvat .*; coco .*config.convert.tool="):
        read_export(archive, ReadOptions())
    assert read_export(archive, ReadOptions(tool="coco")).tool == READERS["coco"].title.split(",")[0]


def _paths(value, path=()):
    """The places of all values in a JSON document."""
    yield path
    keys = value if isinstance(value, dict) else range(min(len(value), 4)) if isinstance(value, list) else ()
    for key in keys:
        yield from _paths(value[key], (*path, key))


def _read_all(path):
    """Reads an export and draws all frames; only an InputError may come out of it."""
    try:
        for video in read_export(open_archive(path), ReadOptions()).videos:
            for _ in draw_frames(video, video.frames(), video.size or SIZE, []):
                pass
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", JSON)
def test_strange_values_in_json_are_errors_with_a_message(tmp_path, name):
    choose = random.Random(0)
    whole = json.loads((DATA / name).read_text())
    messages = set()
    for _ in range(60):
        content = copy.deepcopy(whole)
        *parents, last = choose.choice([path for path in _paths(whole) if path])
        place = content
        for key in parents:
            place = place[key]
        place[last] = choose.choice(STRANGE)
        (tmp_path / "export.json").write_text(json.dumps(content))
        messages.add(_read_all(tmp_path / "export.json"))
    assert len(messages) > 5


@pytest.mark.parametrize("name", ["video", "images", "project", "pictures"])
def test_strange_values_in_xml_are_errors_with_a_message(tmp_path, name):
    choose = random.Random(0)
    whole = (DATA / f"cvat/{name}.xml").read_text()
    places = [*re.finditer(r'="([^"]*)"', whole), *re.finditer(r">([^<>]*)</", whole)]
    messages = set()
    for _ in range(60):
        place = choose.choice(places)
        text = whole[: place.start(1)] + choose.choice(STRANGE_TEXTS) + whole[place.end(1) :]
        (tmp_path / "export.xml").write_text(text)
        messages.add(_read_all(tmp_path / "export.xml"))
    assert len(messages) > 5
