import json
import shutil

import numpy as np
import pytest

from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, convert, make_video, read_labels, read_rows


@pytest.fixture
def export(tmp_path):
    shutil.copytree(DATA / "datumaro/coco_panoptic", tmp_path / "export")
    make_video(tmp_path / "videos", "any.mp4", 10)
    return tmp_path / "export"


def _change(export, change):
    path = next(export.rglob("*.json"))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_segments_attributes_and_tracks_are_read(tmp_path, export):
    report = convert(export, tmp_path / "out", tmp_path / "videos")
    assert "tool: COCO panoptic" in report and "the attribute 'activity'" in report
    labels = read_labels(tmp_path / "out", "any")
    for frame, expected in json.loads((DATA / "datumaro/instances.json").read_text()).items():
        np.testing.assert_array_equal(labels[int(frame)], expected)
    assert [row[2:] for row in read_rows(tmp_path / "out")] == [
        ("dog", "running", "4", "6"), ("dog", "eating", "8", "8"), ("bird", "flying", "4", "8")
    ]  # fmt: skip


def test_a_crowd_is_ignored(tmp_path, export):
    _change(export, lambda content: content["annotations"][0]["segments_info"][0].update(iscrowd=1))
    convert(export, tmp_path / "out", tmp_path / "videos")
    assert 255 in read_labels(tmp_path / "out", "any")[4] and 255 not in read_labels(tmp_path / "out", "any")[6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["annotations"][0]["segments_info"].pop(), "has the colour of id 2, which"),
        (lambda content: content["categories"].pop(), "category_id is 2, which no category has"),
        (lambda content: content["annotations"][0].update(file_name="../secret.png"), "0 files are called secret.png"),
        (lambda content: content["annotations"][0].update(segments_info=[{"id": "x"}]), "id is 'x'; expected a whole"),
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path, export, change, message):
    _change(export, change)
    with pytest.raises(InputError, match=message):
        convert(export, tmp_path / "out", tmp_path / "videos")
