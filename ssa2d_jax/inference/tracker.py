"""From label maps to instances: who does what, from which frame to which, and where.

This is a reading of the pixel labels that the paper does not make: SSA2D says which actor a pixel shows, not which of
two dogs. A connected region of one actor class is an instance; regions of neighbouring frames that overlap belong to
the same instance. So actors that touch are one track while they touch, and an actor that is hidden for more than
`max_gap` frames returns under another number. No track continues across a cut (video/shot_boundaries.py).
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from ssa2d_jax.data.box import Box
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.tracks import Instances, Region, Track

MAX_GAP, MIN_FRAMES = 8, 4  # frames
MIN_AREA = 0.0005  # of the frame's pixels
_MIN_OVERLAP = 0.1  # intersection over union from which regions of two frames may be one instance


@runtime_checkable
class TrackableFrame(Protocol):
    """What the tracker reads of a `FrameResult`."""

    @property
    def index(self) -> int: ...
    @property
    def actor(self) -> UInt8[np.ndarray, "H W"]: ...
    @property
    def probabilities(self) -> Float32[np.ndarray, "h w P"]: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def cut(self) -> bool: ...


@dataclasses.dataclass
class _OpenTrack:
    """A track that may continue, with its last region and the frame that showed it."""

    track: Track
    region: Region
    frame: int


class Tracker:
    """Links the regions of one frame to those before; holds the tracks that are still open, and no frame."""

    def __init__(
        self,
        space: LabelSpace,
        *,
        threshold: float,
        max_gap: int = MAX_GAP,
        min_frames: int = MIN_FRAMES,
        min_confidence: float = 0.0,
        min_area: float = MIN_AREA,
    ) -> None:
        """Starts without tracks.

        Args:
            space: the classes.
            threshold: multi-label: an instance does the actions of this probability or more.
            max_gap: a track ends when no region has continued it for more than this many frames.
            min_frames: a track of fewer frames is dropped; it comes from flickering labels.
            min_confidence: a track of a lower mean confidence is dropped when it ends.
            min_area: a region with a smaller share of the frame's pixels is no instance.
        """
        self.space, self.threshold, self.max_gap = space, threshold, max_gap
        self.min_frames, self.min_confidence, self.min_area = min_frames, min_confidence, min_area
        self._open: list[_OpenTrack] = []  # by number
        self._last_number = 0

    def add(
        self,
        frame: int,
        actor: UInt8[np.ndarray, "H W"],
        probabilities: Float32[np.ndarray, "h w P"],
        seconds: float | None = None,
        *,
        cut: bool = False,
    ) -> tuple[Instances, list[Track]]:
        """Links the regions of the next frame.

        Args:
            frame: its number.
            actor: actor classes.
            probabilities: of actor classes, action classes (and more, unused), on a grid of any size.
            seconds: when the frame is shown.
            cut: whether a new shot begins with the frame; all tracks end before it.

        Returns:
            The tracks that the frame shows, each with its region, and the tracks that have ended, oldest first.
        """
        ended = self._close(None if cut else frame - self.max_gap - 1)
        regions = find_regions(actor, probabilities, self.space, self.min_area)
        continued = self._match(regions)
        instances = []
        for i, region in enumerate(regions):
            if i in continued:
                continued[i].region, continued[i].frame = region, frame
            track = continued[i].track if i in continued else self._start(frame, region, actor.shape)
            track.add(frame, seconds, region)
            instances.append((track, region))
        return instances, ended

    def add_result(self, result: TrackableFrame) -> tuple[Instances, list[Track]]:
        """`add` for a frame's `FrameResult`."""
        return self.add(result.index, result.actor, result.probabilities, result.seconds, cut=result.cut)

    def finish(self) -> list[Track]:
        """Ends the tracks that are still open and returns them."""
        return self._close(None)

    def _match(self, regions: Sequence[Region]) -> dict[int, _OpenTrack]:
        """The open track that each region continues, by the region's place: the assignment of largest overlap."""
        matches: dict[int, _OpenTrack] = {}
        for actor in {region.actor for region in regions}:
            old = [entry for entry in self._open if entry.track.actor == actor]
            new = [i for i, region in enumerate(regions) if region.actor == actor]
            overlaps = np.zeros((len(old), len(new)))
            for row, column in np.ndindex(overlaps.shape):
                overlaps[row, column] = _overlap(old[row].region, regions[new[column]])
            for row, column in _largest_sum(overlaps):
                if overlaps[row, column] >= _MIN_OVERLAP:
                    matches[new[column]] = old[row]
        return matches

    def _start(self, frame: int, region: Region, size: tuple[int, ...]) -> Track:
        """Opens a track, still without an entry, for a region that continues none."""
        self._last_number += 1
        track = Track(self._last_number, region.actor, (size[0], size[1]), self.threshold)
        track.actor_name = self.space.actors[region.actor]
        self._open.append(_OpenTrack(track, region, frame))
        return track

    def _close(self, before: int | None) -> list[Track]:
        """Ends the tracks that no frame from `before` on has shown, or all; returns those that are not dropped."""
        ended = [entry.track for entry in self._open if before is None or entry.frame < before]
        self._open = [entry for entry in self._open if before is not None and entry.frame >= before]
        return [
            track for track in ended if len(track.frames) >= self.min_frames and track.confidence >= self.min_confidence
        ]


def _largest_sum(overlaps: Float64[np.ndarray, "old new"]) -> list[tuple[int, int]]:
    """The pairs of row and column whose sum is largest, each row and column at most once; pairs of 0 may be missing."""
    rows, columns = np.nonzero(overlaps)
    if len(set(rows)) < len(rows) or len(set(columns)) < len(columns):
        from scipy.optimize import linear_sum_assignment  # half a second, which most videos don't need

        rows, columns = linear_sum_assignment(-overlaps)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def find_tracks(frames: Iterable[TrackableFrame], tracker: Tracker) -> list[Track]:
    """All tracks of the `FrameResult`s of one video, in order of their first frame."""
    tracks: list[Track] = []
    for frame in frames:
        tracks += tracker.add_result(frame)[1]
    return sorted(tracks + tracker.finish(), key=lambda track: track.number)


def find_regions(
    actor: UInt8[np.ndarray, "H W"],
    probabilities: Float32[np.ndarray, "h w P"],
    space: LabelSpace,
    min_area: float = MIN_AREA,
) -> list[Region]:
    """Connected regions of every actor class that cover at least the share `min_area` of the frame.

    They are ordered by class, then from the top.
    """
    regions = []
    least = max(1, math.ceil(min_area * actor.size - 1e-6))  # pixels; less a rounding error
    counts = np.bincount(actor.ravel(), minlength=len(space.actors))[: len(space.actors)]
    for number in np.flatnonzero(counts >= least):
        if number == 0:
            continue
        count, labels, stats, _ = cv2.connectedComponentsWithStats((actor == number).astype(np.uint8), connectivity=8)
        for i in range(1, count):
            x, y, width, height, area = (int(value) for value in stats[i])
            if area < least:
                continue
            box = (x, y, width, height)
            mask = labels[y : y + height, x : x + width] == i
            mean = _region_mean(mask, box, (actor.shape[0], actor.shape[1]), probabilities)
            actors, actions = mean[: len(space.actors)], mean[len(space.actors) :][: space.heads[1]]
            regions.append(Region(int(number), box, mask, area, float(actors[number]), actions))
    return regions


def _region_mean(
    mask: Bool[np.ndarray, "height width"],
    box: Box,
    size: tuple[int, int],
    probabilities: Float32[np.ndarray, "h w P"],
) -> Float32[np.ndarray, " P"]:
    """Mean probabilities over a region of a frame of `size`; a grid cell's weight is its share of the pixels."""
    rows, columns = np.nonzero(mask)
    grid_rows = (rows + box[1]) * probabilities.shape[0] // size[0]
    grid_columns = (columns + box[0]) * probabilities.shape[1] // size[1]
    cells, weights = np.unique(grid_rows * probabilities.shape[1] + grid_columns, return_counts=True)
    flat = probabilities.reshape(-1, probabilities.shape[-1])
    return (weights.astype(np.float32) / len(rows)) @ flat[cells]


def _overlap(first: Region, second: Region) -> float:
    """Intersection over union of the masks of two regions."""
    left, top = max(first.box[0], second.box[0]), max(first.box[1], second.box[1])
    right = min(first.box[0] + first.box[2], second.box[0] + second.box[2])
    bottom = min(first.box[1] + first.box[3], second.box[1] + second.box[3])
    if right <= left or bottom <= top:
        return 0.0
    parts = [
        region.mask[top - region.box[1] : bottom - region.box[1], left - region.box[0] : right - region.box[0]]
        for region in (first, second)
    ]
    shared = int(np.count_nonzero(parts[0] & parts[1]))
    return shared / (first.area + second.area - shared)
