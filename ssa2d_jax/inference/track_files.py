"""tracks.json and tracks.csv: an entry a track, a row a track and frame; written as tracks end."""

import contextlib
import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.tracker import SMOOTH, Track

NAMES = ("tracks.json", "tracks.csv")
COLUMNS = ("track", "actor", "frame", "seconds", "x", "y", "width", "height", "area", "action", "confidence")


class TrackFiles:
    """Writes `NAMES` into `folder`; a context manager.

    tracks.json is in the manner of YouTube-VIS: `categories` are the actor classes, `annotations` the tracks, with
    `segmentations` (COCO's compressed run lengths, for pycocotools.mask), `bboxes` (x, y, width, height in pixels) and
    `areas`. Unlike there, these lists have an entry for each of the track's `frames` (numbers from 0) alone, not one
    for every frame of the video: a long video would be nulls above all. `actions` are what the track does, with first
    and last frame.
    """

    def __init__(
        self, folder: Path, space: LabelSpace, *, threshold: float, video: dict[str, Any], smooth: int = SMOOTH
    ):
        self._space, self._smooth, self._threshold, self._video = space, smooth, threshold, video
        self._folder, self._open = folder, contextlib.ExitStack()
        self.count = 0

    def __enter__(self) -> "TrackFiles":
        self._json = self._open.enter_context(open(self._folder / NAMES[0], "w", encoding="utf-8"))
        table = self._open.enter_context(open(self._folder / NAMES[1], "w", encoding="utf-8", newline=""))
        self._rows = csv.writer(table)
        self._rows.writerow(COLUMNS)
        self._json.write('{"annotations": [')
        return self

    def __exit__(self, *_: Any) -> None:
        self._open.close()

    def add(self, over: Iterable[Track]) -> None:
        """Writes tracks that are over."""
        for track in over:
            self._add(track)

    def _add(self, track: Track) -> None:
        space = self._space
        segments = track.segments(space, self._smooth, self._threshold)
        entry = {
            "id": track.number,
            "video_id": 1,
            "category_id": track.actor,
            "category": space.actors[track.actor],
            "score": round(track.confidence, 4),
            "iscrowd": 0,
            "height": track.size[0],
            "width": track.size[1],
            "frames": track.frames,
            "actions": [
                {
                    "action": space.actions[one.action],
                    "first": one.first,
                    "last": one.last,
                    "score": round(one.confidence, 4),
                }
                for one in segments
            ],
            "bboxes": track.boxes,
            "areas": track.areas,
            "segmentations": [
                {"size": list(one["size"]), "counts": one["counts"].decode("ascii")} for one in track.masks
            ],
        }
        self._json.write(("," if self.count else "") + "\n" + json.dumps(entry))
        actions = track.frame_actions(space, self._smooth, self._threshold)
        for i, frame in enumerate(track.frames):
            time = "" if track.seconds[i] is None else f"{track.seconds[i]:.3f}"
            row = (
                *track.boxes[i],
                track.areas[i],
                space.actions[actions[i]] if actions[i] else "",
                f"{track.confidences[i]:.4f}",
            )
            self._rows.writerow((track.number, space.actors[track.actor], frame, time, *row))
        self.count += 1

    def end(self, frames: int) -> None:
        """Writes what comes last; the video had `frames` frames."""
        rest = {
            "videos": [{"id": 1, "length": frames, **self._video}],
            "categories": [{"id": i, "name": name} for i, name in enumerate(self._space.actors) if i],
        }
        self._json.write("\n], " + json.dumps(rest)[1:] + "\n")
