"""tracks.json and tracks.csv: an entry per track, a row per track and frame; written as tracks end."""

import contextlib
import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.tracks import SMOOTH, Segment, Track

TRACKS_JSON, TRACKS_CSV = "tracks.json", "tracks.csv"
COLUMNS = ("track", "actor", "frame", "seconds", "x", "y", "width", "height", "area", "action", "confidence")


class TrackFiles:
    """Writes tracks.json and tracks.csv; a context manager.

    tracks.json resembles YouTube-VIS: `categories` are the actor classes, `annotations` the tracks, with
    `segmentations` (COCO's compressed run lengths, for pycocotools.mask), `bboxes` (x, y, width, height in pixels) and
    `areas`. Unlike YouTube-VIS, these lists have entries for the track's own `frames` (numbers from 0) only: with one
    for every frame, most of a long video's entries would be null. A track's `actions` are what it does, with first and
    last frame; those at the end of the file are the names of all classes, and `multilabel` says whether a track may do
    several at once. Each track is one line, so that the file can be read a track at a time (exports/clip.py).
    """

    def __init__(
        self, folder: Path, space: LabelSpace, *, video: Mapping[str, str | int], smooth: int = SMOOTH
    ) -> None:
        """Prepares the files.

        Args:
            folder: where they go.
            space: the classes.
            video: what tracks.json says about the video besides its length.
            smooth: frames over which an action's probabilities are averaged.
        """
        self._space, self._smooth, self._video = space, smooth, video
        self._folder, self._files = folder, contextlib.ExitStack()
        self.count = 0  # tracks so far

    def __enter__(self) -> "TrackFiles":
        self._json = self._files.enter_context(open(self._folder / TRACKS_JSON, "w", encoding="utf-8"))
        table = self._files.enter_context(open(self._folder / TRACKS_CSV, "w", encoding="utf-8", newline=""))
        self._rows = csv.writer(table)
        self._rows.writerow(COLUMNS)
        self._json.write('{"annotations": [')
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def add(self, tracks: Iterable[Track]) -> None:
        """Writes tracks that have ended."""
        for track in tracks:
            segments = track.segments(self._space, self._smooth)
            entry = json.dumps(_json_entry(track, segments, self._space))
            self._json.write(("," if self.count else "") + "\n" + entry)
            self._write_rows(track)
            self.count += 1

    def _write_rows(self, track: Track) -> None:
        space = self._space
        actions = track.frame_actions(space, self._smooth)
        for i, frame in enumerate(track.frames):
            seconds = track.seconds[i]
            row = (
                track.number,
                space.actors[track.actor],
                frame,
                "" if seconds is None else f"{seconds:.3f}",
                *track.boxes[i],
                track.areas[i],
                space.actions[actions[i]] if actions[i] else "",
                f"{track.confidences[i]:.4f}",
            )
            self._rows.writerow(row)

    def end(self, frames: int) -> None:
        """Writes the end of tracks.json; `frames` is the number of the video's frames."""
        rest = {
            "videos": [{"id": 1, "length": frames, **self._video}],
            "categories": [{"id": i, "name": name} for i, name in enumerate(self._space.actors) if i],
            "actions": list(self._space.actions[1:]),
            "multilabel": self._space.multilabel,
        }
        self._json.write("\n], " + json.dumps(rest)[1:] + "\n")


def _json_entry(track: Track, segments: Iterable[Segment], space: LabelSpace) -> dict[str, Any]:
    """A track's entry in `annotations`."""
    return {
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
                "action": space.actions[segment.action],
                "first": segment.first,
                "last": segment.last,
                "score": round(segment.confidence, 4),
            }
            for segment in segments
        ],
        "bboxes": track.boxes,
        "areas": track.areas,
        "segmentations": [
            {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")} for mask in track.masks
        ],
    }
