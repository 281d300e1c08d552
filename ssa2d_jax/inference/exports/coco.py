"""COCO's JSON of instances, as CVAT ("COCO 1.0") and most readers of COCO take it: an image for each frame."""

import json
from pathlib import Path

from ssa2d_jax.data.export_formats import CONTRIBUTOR
from ssa2d_jax.inference.exports.clip import Clip, ClipTrack
from ssa2d_jax.inference.exports.options import ExportOptions

COCO_JSON = "coco.json"
_CVAT_SUFFIX = ".PNG"  # of the names that CVAT gives the frames of a video


def write_coco(clip: Clip, folder: Path, options: ExportOptions) -> list[str]:
    """Writes coco.json into `folder`: compressed run lengths, with `action` and `track_id` in `attributes`.

    `score` is the track's; annotations with one are known as predictions.
    The id of an image is the frame's number plus 1. Multi-label: an attribute for each action, true or false.
    """
    category = {name: number for number, name in enumerate(clip.actors, 1)}
    with open(folder / COCO_JSON, "w", encoding="utf-8") as file:
        info = {"description": clip.name, "contributor": CONTRIBUTOR}
        file.write('{"info": ' + json.dumps(info) + ', "licenses": [], "categories": ')
        file.write(json.dumps([{"id": i, "name": name, "supercategory": ""} for name, i in category.items()]))
        file.write(', "images": [')
        for frame in range(0, clip.length, options.step):
            name = clip.pictures[frame].name if clip.pictures else clip.picture_name(frame) + _CVAT_SUFFIX
            image = {"id": frame + 1, "file_name": name, "height": clip.height, "width": clip.width}
            file.write(("," if frame else "") + "\n" + json.dumps(image))
        file.write('\n], "annotations": [')
        count = 0
        for frame, shown in clip.by_frame(options.step):
            for track, i in shown:
                count += 1
                file.write(
                    ("," if count > 1 else "") + "\n" + json.dumps(_annotation(clip, count, frame, track, i, category))
                )
        file.write("\n]}\n")
    return []


def _annotation(
    clip: Clip, number: int, frame: int, track: ClipTrack, i: int, category: dict[str, int]
) -> dict[str, object]:
    mask, actions = track.masks[i], track.actions[i]
    done: dict[str, object] = {name: name in actions for name in clip.actions}
    if not clip.multilabel:
        done = {"action": actions[0]} if actions else {}
    return {
        "id": number,
        "image_id": frame + 1,
        "category_id": category[track.actor],
        "iscrowd": 0,
        "area": track.areas[i],
        "bbox": list(track.boxes[i]),
        "score": track.score,
        "segmentation": {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")},
        "attributes": {**done, "track_id": track.number, "occluded": False},
    }
