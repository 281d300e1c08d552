"""YouTube-VIS's JSON: a track has an entry, null or run lengths, for every frame of the video."""

import json
from pathlib import Path

from ssa2d_jax.inference.exports.clip import Clip, ClipTrack
from ssa2d_jax.inference.exports.options import ExportOptions

YOUTUBE_VIS_JSON = "youtube_vis.json"


def write_youtube_vis(clip: Clip, folder: Path, options: ExportOptions) -> list[str]:
    """Writes youtube_vis.json into `folder`.

    `action` has a text or null for every frame. A multi-label clip has `actions` in its place, as tracks.json has them:
    [{"action", "first", "last"}, ...]. `score` is the track's.
    """
    video_name = Path(clip.name).stem if clip.pictures is None else clip.name
    names = [path.name for path in clip.pictures] if clip.pictures else [f"{i:05d}.jpg" for i in range(clip.length)]
    category = {name: number for number, name in enumerate(clip.actors, 1)}
    with open(folder / YOUTUBE_VIS_JSON, "w", encoding="utf-8") as file:
        video: dict[str, object] = {"id": 1, "height": clip.height, "width": clip.width, "length": clip.length}
        video["file_names"] = [f"{video_name}/{name}" for name in names]
        file.write('{"info": {"description": ' + json.dumps(clip.name) + '}, "videos": [')
        file.write(json.dumps(video) + '], "categories": ')
        file.write(json.dumps([{"id": i, "name": name, "supercategory": ""} for name, i in category.items()]))
        file.write(', "annotations": [')
        for number, track in enumerate(clip):
            file.write(("," if number else "") + "\n" + json.dumps(_annotation(clip, track, category)))
        file.write("\n]}\n")
    return []


def _annotation(clip: Clip, track: ClipTrack, category: dict[str, int]) -> dict[str, object]:
    masks = [{"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")} for mask in track.masks]
    whole = lambda values: _whole(values, track.frames, clip.length)
    entry: dict[str, object] = {
        "id": track.number,
        "video_id": 1,
        "category_id": category[track.actor],
        "iscrowd": 0,
        "height": clip.height,
        "width": clip.width,
        "score": track.score,
        "segmentations": whole(masks),
        "bboxes": whole([list(box) for box in track.boxes]),
        "areas": whole(track.areas),
    }
    if clip.multilabel:
        return {**entry, "actions": _segments(track)}
    return {**entry, "action": whole([actions[0] if actions else None for actions in track.actions])}


def _whole(values: object, frames: object, length: int) -> list[object]:
    """A list for all frames, null where the track has none."""
    by_frame = dict(zip(frames, values, strict=True))  # type: ignore[call-overload]
    return [by_frame.get(frame) for frame in range(length)]


def _segments(track: ClipTrack) -> list[dict[str, object]]:
    """From when to when the track does what; a frame that hides it ends nothing."""
    segments: list[dict[str, object]] = []
    running: dict[str, dict[str, object]] = {}
    for frame, actions in zip(track.frames, track.actions, strict=True):
        running = {name: segment for name, segment in running.items() if name in actions}
        for name in actions:
            if name not in running:
                running[name] = {"action": name, "first": frame, "last": frame}
                segments.append(running[name])
            running[name]["last"] = frame
    return segments
