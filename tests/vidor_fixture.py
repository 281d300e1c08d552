"""Writes small releases in VidOR's layout; frames are those of a2d_fixture, which say their number."""

import json

import a2d_fixture

from input_pipeline import sprites_release
from input_pipeline.vidor_release import FOLDERS

SIZE = a2d_fixture.SIZE


def box(tid, xmin, ymin, xmax, ymax):
    return {"tid": tid, "bbox": {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}, "generated": 0}


def relation(subject, predicate, other, begin, end):
    return {"subject_tid": subject, "object_tid": other, "predicate": predicate, "begin_fid": begin, "end_fid": end}


def annotation(video_id, count=24, relations=None, **changes):
    """A dog (tid 2) that goes right by a pixel a frame, and a ball (tid 5) that lies; the dog chases and watches it."""
    return {
        "version": "1", "video_id": video_id, "video_hash": "", "video_path": f"0000/{video_id}.mp4",
        "frame_count": count, "fps": 12.0, "height": SIZE[0], "width": SIZE[1],
        "subject/objects": [{"tid": 2, "category": "dog"}, {"tid": 5, "category": "ball/sports_ball"}],
        "trajectories": [[box(2, n, 4, n + 16, 20), box(5, 30, 24, 38, 32)] for n in range(count)],
        "relation_instances": relations or [
            relation(2, "chase", 5, 0, count), relation(2, "watch", 5, 0, count), relation(2, "bite", 5, 0, 2),
        ],
    } | changes  # fmt: skip


def write_annotation(release, split, content):
    folder = release / "annotation" / FOLDERS[split] / "0000"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{content['video_id']}.json"
    path.write_text(json.dumps(content))
    return path


def write_video(release, video_id, count=24, size=SIZE):
    folder = release / "video/0000"
    folder.mkdir(parents=True, exist_ok=True)
    sprites_release.write_clip(folder / f"{video_id}.mp4", a2d_fixture.frames(count, size))


def write_release(release, train=4, test=2):
    """Train videos 100, 101, ..., test videos 200, ...: 24 frames each, `annotation` as it is."""
    for split, ids in (("train", range(100, 100 + train)), ("test", range(200, 200 + test))):
        for video_id in map(str, ids):
            write_annotation(release, split, annotation(video_id))
            write_video(release, video_id)
    return release
