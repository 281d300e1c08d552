import json

import numpy as np
from pycocotools import mask as coco

from input_pipeline.releases.youtube_vis import read_videos
from ssa2d_jax.data.label_space import VIDOR
from ssa2d_jax.inference.exports.clip import read_clip
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.inference.exports.youtube_vis import write_youtube_vis
from tests.fixtures import export_clip


def write(folder, space=export_clip.SPACE):
    write_youtube_vis(read_clip(export_clip.write_tracks(folder, space)), folder, ExportOptions())
    return json.loads((folder / "youtube_vis.json").read_text())


def test_every_list_has_an_entry_for_every_frame(tmp_path):
    content = write(tmp_path)
    (video,) = content["videos"]
    assert video["length"] == 24 and video["file_names"] == [f"clip/{i:05d}.jpg" for i in range(24)]
    assert [category["name"] for category in content["categories"]] == list(export_clip.ACTORS)
    for entry, (number, masks) in zip(content["annotations"], export_clip.masks().items(), strict=True):
        assert entry["id"] == number and entry["category_id"] == [1, 4, 300].index(number) + 1
        for frame in range(24):
            values = [entry[name][frame] for name in ("segmentations", "bboxes", "areas", "action")]
            if frame not in masks:
                assert values == [None] * 4
                continue
            segmentation, box, area, action = values
            assert (coco.decode(segmentation).astype(bool) == masks[frame]).all() and area == masks[frame].sum()
            assert box == coco.toBbox(segmentation).tolist()
            assert action == export_clip.ACTIONS[export_clip.action_of(number, frame) - 1]
        assert {len(entry[name]) for name in ("segmentations", "bboxes", "areas", "action")} == {24}


def test_the_own_reader_takes_it(tmp_path):
    write(tmp_path, export_clip.PLAIN_SPACE)
    video = read_videos(tmp_path / "youtube_vis.json")["clip"]
    rows = [(row.actor, row.action, row.first, row.last) for row in video.rows]
    assert rows == [
        ("dog", "running", 0, 12), ("dog", "eating", 13, 23), ("cat", "flying", 0, 23), ("bird", "eating", 20, 23),
    ]  # fmt: skip
    assert [frame.number for frame in video.frames] == list(range(24))
    drawn = video.frames[9].draw()  # only the second track is in view
    assert (drawn > 0).sum() == export_clip.masks()[4][9].sum() and len(np.unique(drawn)) == 2


def test_several_actions_have_first_and_last_frames(tmp_path):
    first, *_ = write(tmp_path, VIDOR)["annotations"]
    names = [VIDOR.actions[i] for i in (1, 5, 2)]
    assert "action" not in first
    assert first["actions"] == [
        {"action": names[0], "first": 0, "last": 12},
        {"action": names[1], "first": 12, "last": 23},
        {"action": names[2], "first": 13, "last": 23},
    ]
