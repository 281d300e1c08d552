"""The data of folder_fixture.py as JSON: YouTube-VIS's with an action, or tracks.json as predict writes it."""

import json
import shutil

import folder_fixture
from folder_fixture import INSTANCES, LABELLED, SIZE
from pycocotools import mask as coco

COUNT = 20
CATEGORIES = {3: "worker", 7: "fork lift", 9: "crane"}  # nobody draws a crane
ACTORS = {1: 3, 2: 7, 3: 7}  # instance -> category
ACTIONS = {("a", 1): "lifting", ("b", 1): "walking", ("c", 1): "lifting", ("c", 3): "driving", ("d", 1): "walking"}
CHANGES = 10  # the frame from which the fork lift of video a, which drives before, waits


def run_lengths(mask, compressed):
    """`mask`, bool [H, W], as COCO has it."""
    told = coco.encode(mask.astype("uint8", order="F"))
    if compressed:
        return {"size": list(told["size"]), "counts": told["counts"].decode()}
    counts, before = [0], False
    for value in mask.T.ravel().tolist():
        if value != before:
            counts.append(0)
        counts[-1] += 1
        before = value
    return {"size": list(mask.shape), "counts": counts}


def vis(names, pictures, compressed=True):
    """YouTube-VIS's JSON of videos, whose frames are pictures or not: a mask or null for every frame."""
    annotations = []
    for video, name in enumerate(names, 1):
        for instance in (255, *INSTANCES[name]):
            masks = [None] * COUNT
            for number in LABELLED:
                masks[number] = run_lengths(folder_fixture.instances(name, number) == instance, compressed)
            changing = ["driving"] * CHANGES + ["waiting"] * (COUNT - CHANGES)
            what = {"action": ACTIONS.get((name, instance), changing)} if instance < 255 else {"iscrowd": 1}
            annotations.append(
                {"id": len(annotations), "video_id": video, "category_id": ACTORS.get(instance, 9)}
                | {"segmentations": masks, **what}
            )
    frames = lambda name: [f"{name}/{i:05d}.jpg" for i in range(COUNT)]
    kinds = lambda name: {"file_names": frames(name)} if pictures else {"file_name": f"{name}.mp4"}
    size = {"height": SIZE[0], "width": SIZE[1], "length": COUNT}
    return {
        "videos": [{"id": i, **size, **kinds(name)} for i, name in enumerate(names, 1)],
        "categories": [{"id": i, "name": name} for i, name in CATEGORIES.items()],
        "annotations": annotations,
    }


def tracks(name):
    """The same of one video, in the form of tracks.json."""
    told = vis([name], pictures=False)
    for one in told["annotations"]:
        one["segmentations"] = [one["segmentations"][number] for number in LABELLED]
        one["frames"] = list(LABELLED)
        action = one.pop("action", [])
        if isinstance(action, str):
            one["actions"] = [{"action": action, "first": LABELLED[0], "last": LABELLED[-1], "score": 0.5}]
        elif action:
            ends = (("driving", 0, CHANGES - 1), ("waiting", CHANGES, COUNT - 1))
            one["actions"] = [{"action": what, "first": first, "last": last} for what, first, last in ends]
    return told


def write_release(root, form, davis=False):
    """The folder of folder_fixture.py with JSON, "split", "one" or "tracks", in the place of its table and PNGs."""
    folder_fixture.write_folder(root, davis=davis, count=COUNT)
    (root / "labels.csv").unlink()
    shutil.rmtree(root / ("Annotations" if davis else "labels"))
    names = list(INSTANCES)
    if form == "tracks":
        for name in names:
            (root / "labels" / name).mkdir(parents=True)
            (root / "labels" / name / "tracks.json").write_text(json.dumps(tracks(name)))
    elif form == "one":
        (root / "instances.json").write_text(json.dumps(vis(names, davis, compressed=False)))
    else:
        (root / "train.json").write_text(json.dumps(vis(names[:3], davis)))
        (root / "test.json").write_text(json.dumps(vis(names[3:], davis)))
    return root
