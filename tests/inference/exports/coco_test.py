import json

from pycocotools import mask as masks
from pycocotools.coco import COCO

from ssa2d_jax.data.label_space import VIDOR
from ssa2d_jax.inference.exports.clip import read_clip
from ssa2d_jax.inference.exports.coco import write_coco
from ssa2d_jax.inference.exports.options import ExportOptions
from tests.fixtures import export_clip


def test_every_mask_and_name_comes_back(tmp_path):
    clip = read_clip(export_clip.write_tracks(tmp_path))
    write_coco(clip, tmp_path, ExportOptions())
    coco = COCO(str(tmp_path / "coco.json"))
    expected = {(track, frame): mask for track, frames in export_clip.masks().items() for frame, mask in frames.items()}
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == [
        f"frame_{frame:06d}.PNG"
        for frame in range(24)  # as CVAT names the frames of a video
    ]
    for entry in coco.loadAnns(coco.getAnnIds()):
        frame, track = entry["image_id"] - 1, entry["attributes"]["track_id"]
        mask = expected.pop((track, frame))
        assert (coco.annToMask(entry).astype(bool) == mask).all()
        assert entry["area"] == mask.sum() and entry["iscrowd"] == 0
        assert entry["bbox"] == masks.toBbox(entry["segmentation"]).tolist()
        (category,) = coco.loadCats(entry["category_id"])
        assert category["name"] == export_clip.ACTORS[[1, 4, 300].index(track)]
        action = export_clip.ACTIONS[export_clip.action_of(track, frame) - 1]
        assert entry["attributes"] == {"action": action, "track_id": track, "occluded": False}
    assert expected == {}


def test_a_step_several_actions_and_names_of_pictures(tmp_path):
    pictures = [tmp_path / f"a b{i}.jpg" for i in range(24)]
    clip = read_clip(export_clip.write_tracks(tmp_path, VIDOR), pictures)
    write_coco(clip, tmp_path, ExportOptions(step=12))
    content = json.loads((tmp_path / "coco.json").read_text())
    assert [(image["id"], image["file_name"]) for image in content["images"]] == [(1, "a b0.jpg"), (13, "a b12.jpg")]
    attributes = {
        (entry["image_id"], entry["attributes"]["track_id"]): entry["attributes"] for entry in content["annotations"]
    }
    assert sorted(attributes) == [(1, 1), (1, 4), (13, 1), (13, 4)]
    done = {name for name, value in attributes[13, 1].items() if value is True}
    assert done == {VIDOR.actions[1], VIDOR.actions[5]} and attributes[13, 1][VIDOR.actions[2]] is False
