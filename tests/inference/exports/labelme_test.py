import base64
import json

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from ssa2d_jax.inference.exports.clip import read_clip
from ssa2d_jax.inference.exports.labelme import write_labelme
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import export_clip


def write(folder, options=ExportOptions(), pictures=None):  # noqa: B008
    remarks = write_labelme(read_clip(export_clip.write_tracks(folder), pictures), folder, folder, options)
    return {path.stem: json.loads(path.read_text()) for path in (folder / "labelme").iterdir()}, remarks


def mask_of(shape):
    mask = np.zeros((60, 80), bool)
    (x, y), (right, bottom) = shape["points"]
    data = np.frombuffer(base64.b64decode(shape["mask"]), np.uint8)
    mask[y : bottom + 1, x : right + 1] = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    return mask


def test_every_mask_and_name_is_in_the_files(tmp_path):
    files, remarks = write(tmp_path)
    expected = {(track, frame): mask for track, frames in export_clip.masks().items() for frame, mask in frames.items()}
    assert sorted(files) == [f"frame_{frame:06d}" for frame in range(24)]
    for name, content in files.items():
        assert content["imagePath"] == f"{name}.jpg" and content["imageData"] is None
        assert content["video"] == read_clip(tmp_path / "tracks.json").name
        assert (content["imageHeight"], content["imageWidth"], content["flags"]) == (60, 80, {})
        for shape in content["shapes"]:
            track, frame = shape["group_id"], int(name.removeprefix("frame_"))
            assert shape["shape_type"] == "mask" and (mask_of(shape) == expected.pop((track, frame))).all()
            assert shape["label"] == export_clip.ACTORS[[1, 4, 300].index(track)]
            action = export_clip.ACTIONS[export_clip.action_of(track, frame) - 1]
            assert shape["flags"] == {other: other == action for other in export_clip.ACTIONS}
    assert expected == {}
    assert remarks == ["24 files", "the frames' pictures are not written (--config.predict.export_pictures=True)"]


def test_polygons_are_filled_as_labelme_fills_them(tmp_path):
    files, remarks = write(tmp_path, ExportOptions(shapes="polygons"))
    masks = export_clip.masks()
    for name, content in files.items():
        for shape in content["shapes"]:
            mask = masks[shape["group_id"]][int(name.removeprefix("frame_"))]
            picture = Image.new("L", (80, 60))
            ImageDraw.Draw(picture).polygon([tuple(point) for point in shape["points"]], outline=1, fill=1)
            filled = np.asarray(picture) > 0
            iou = (filled & mask).sum() / (filled | mask).sum()
            assert shape["mask"] is None and len(shape["points"]) >= 3
            assert iou >= (0.8 if shape["group_id"] == 1 else 0.95)  # the first is a ring
    assert "21 polygons have an IoU below 0.9 with the mask" in remarks


def test_a_step_and_pictures_of_a_folder(tmp_path):
    pictures = [tmp_path / "frames" / f"é {i}.png" for i in range(24)]
    files, remarks = write(tmp_path / "out", ExportOptions(step=9), pictures)
    assert sorted(files) == ["é 0", "é 18", "é 9"] and remarks == ["3 files"]
    assert files["é 9"]["imagePath"] == "../../frames/é 9.png"
    pictures[5] = tmp_path / "frames" / "é 6.jpg"
    with pytest.raises(InputError, match="two pictures differ only in their suffix"):
        write(tmp_path / "other", pictures=pictures)


def _overlapping(folder, second):
    """A tracks.json of one frame with a disk of radius 12 at 20, 20, and a second track."""
    disk = np.zeros((60, 80), np.uint8)
    cv2.circle(disk, (20, 20), 12, 1, -1)
    annotations = []
    for number, mask in ((1, second), (2, disk)):
        rle = coco.encode(np.asfortranarray(mask))
        annotations.append(
            {"id": number, "category": "dog", "frames": [0], "actions": [{"action": "running", "first": 0, "last": 0}],
             "segmentations": [{"size": [60, 80], "counts": rle["counts"].decode()}]}
        )  # fmt: skip
    video = {"id": 1, "file_name": "a.mp4", "height": 60, "width": 80, "length": 1}
    content = {"annotations": annotations, "videos": [video], "categories": [{"id": 1, "name": "dog"}]}
    (folder / "tracks.json").write_text(json.dumps(content))
    return read_clip(folder / "tracks.json")


def test_masks_under_others_are_counted(tmp_path):
    inside, apart = np.zeros((2, 60, 80), np.uint8)
    inside[15:18, 15:18] = apart[50:55, 50:55] = 1
    remarks = write_labelme(_overlapping(tmp_path, inside), tmp_path, tmp_path, ExportOptions())
    line = "in labelme 1 mask of tracks lie under others: shapes that come later in a file are on top there"
    assert line in remarks
    assert len(write_labelme(_overlapping(tmp_path, apart), tmp_path, tmp_path, ExportOptions())) == 2


def test_a_track_in_a_hole_of_another_is_on_top_of_its_polygon(tmp_path):
    ring = np.zeros((60, 80), np.uint8)
    cv2.circle(ring, (20, 20), 17, 1, -1)
    cv2.circle(ring, (20, 20), 13, 0, -1)
    remarks = write_labelme(_overlapping(tmp_path, ring), tmp_path, tmp_path, ExportOptions(shapes="polygons"))
    shapes = json.loads((tmp_path / "labelme/frame_000000.json").read_text())["shapes"]
    assert [shape["group_id"] for shape in shapes] == [1, 2]
    assert not any("lie under others" in remark for remark in remarks)
    crossing = np.zeros((60, 80), np.uint8)
    crossing[8:33, 18:22] = 1  # a strip over the disk, 25 high: the disk's box is as high and wider, so below it
    remarks = write_labelme(_overlapping(tmp_path, crossing), tmp_path, tmp_path, ExportOptions(shapes="polygons"))
    assert any("more than 10% of 1 mask" in remark for remark in remarks)
