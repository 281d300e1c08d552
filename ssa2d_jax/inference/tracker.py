"""From label maps to instances: who does what, from which frame to which, and where.

A reading of the pixel labels that the paper doesn't make: SSA2D says of every pixel which actor it is, not which of two
dogs. Connected regions of one actor class are instances; regions of neighbouring frames that overlap are the same
one. So actors that touch become one track while they do, and one that is hidden for longer than `Tracker.gap` frames
comes back under another number. No track goes on over a cut (cuts.py).
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco
from scipy.optimize import linear_sum_assignment

from ssa2d_jax.data.label_space import LabelSpace

SMOOTH = 8  # frames over which an action's probabilities are averaged
LEAST_SHARE = 0.0005  # of the frame's pixels: a smaller region is no instance
LEAST_FRAMES = 4
_LEAST_OVERLAP = 0.1  # intersection over union from which two frames' regions may be one instance


@dataclasses.dataclass(frozen=True)
class Region:
    """One connected region of an actor class in a frame.

    box      x, y, width, height in pixels
    mask     bool [height, width], of the box
    actor    class; `confidence`: its mean probability there
    actions  mean probability of every action class there, float32; background first, unless several go together
    """

    actor: int
    box: tuple[int, int, int, int]
    mask: np.ndarray
    area: int
    confidence: float
    actions: np.ndarray


@dataclasses.dataclass(frozen=True)
class Segment:
    """An action of a track, from frame `first` to frame `last`, both counted in."""

    action: int
    first: int
    last: int
    confidence: float


@dataclasses.dataclass
class Track:
    """An instance over time: `frames` are the numbers of those that show it, and the lists have an entry for each."""

    number: int
    actor: int
    size: tuple[int, int]  # height, width of the video's frames
    frames: list[int] = dataclasses.field(default_factory=list)
    seconds: list[float | None] = dataclasses.field(default_factory=list)  # when it is shown, None: not known
    boxes: list[tuple[int, int, int, int]] = dataclasses.field(default_factory=list)
    areas: list[int] = dataclasses.field(default_factory=list)
    masks: list[dict[str, Any]] = dataclasses.field(default_factory=list)  # COCO's run lengths, of the whole frame
    confidences: list[float] = dataclasses.field(default_factory=list)
    actions: list[np.ndarray] = dataclasses.field(default_factory=list)  # mean probabilities by class

    def add(self, frame: int, seconds: float | None, region: Region) -> None:
        """Takes the region that shows it in frame `frame`."""
        self.frames.append(frame)
        self.seconds.append(seconds)
        self.boxes.append(region.box)
        self.areas.append(region.area)
        self.masks.append(_run_lengths(region, self.size))
        self.confidences.append(region.confidence)
        self.actions.append(region.actions)

    @property
    def confidence(self) -> float:
        """Mean probability of its actor class over its frames."""
        return float(np.mean(self.confidences))

    def mask(self, i: int) -> np.ndarray:
        """Its mask in the `i`-th of its frames, bool [H, W]."""
        return coco.decode(self.masks[i]).astype(bool)

    def frame_actions(self, space: LabelSpace, smooth: int = SMOOTH, threshold: float = 0.5) -> list[int]:
        """The strongest action in each of its frames, a class; probabilities are averaged over `smooth` frames.

        Where several may go together, 0 if none reaches `threshold`.
        """
        return _strongest(_smoothed(self.actions, smooth), self.actor, space, threshold)

    def latest_action(self, space: LabelSpace, smooth: int = SMOOTH, threshold: float = 0.5) -> int:
        """The same over the last `smooth` frames so far."""
        mean = np.mean(self.actions[-smooth:], axis=0, keepdims=True)
        return _strongest(mean, self.actor, space, threshold)[0]

    def describe(self, space: LabelSpace, smooth: int = SMOOTH, threshold: float = 0.5) -> str:
        """In words: "dog 1: running, frames 30 to 75"."""
        segments = self.segments(space, smooth, threshold)
        doing = "; ".join(f"{space.actions[one.action]}, frames {one.first} to {one.last}" for one in segments)
        return f"{space.actors[self.actor]} {self.number}: {doing or 'nothing'}"

    def segments(self, space: LabelSpace, smooth: int = SMOOTH, threshold: float = 0.5) -> list[Segment]:
        """What it does, and when: probabilities, averaged over `smooth` frames, say the action.

        One action at a time, the strongest; where several may go together, those that reach `threshold`.
        """
        smoothed = _smoothed(self.actions, smooth)
        if not space.multilabel:
            best = _allowed(smoothed, self.actor, space).argmax(-1)
            return sorted(self._runs(best[:, None] == np.unique(best), np.unique(best), smoothed), key=_start)
        classes = np.arange(1, smoothed.shape[-1] + 1)
        return sorted(self._runs(smoothed >= threshold, classes, np.pad(smoothed, ((0, 0), (1, 0)))), key=_start)

    def _runs(self, doing: np.ndarray, classes: Sequence[int], smoothed: np.ndarray) -> Iterator[Segment]:
        """Segments of each class from doing, bool [frames, classes]."""
        for column, action in zip(doing.T, classes, strict=True):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(np.int8), [0]])))
            for start, end in edges.reshape(-1, 2):
                confidence = float(smoothed[start:end, action].mean())
                yield Segment(int(action), self.frames[start], self.frames[end - 1], confidence)


class Tracker:
    """Links the regions of one frame after another; holds the tracks that are still open, and no frame.

    gap     a track that no region has shown for more than this many frames is over
    least   a track of fewer frames is dropped: flicker of the labels
    least_confidence    so is one whose mean confidence is lower, which is known when it is over
    """

    def __init__(self, space: LabelSpace, *, gap: int = 8, least: int = LEAST_FRAMES, least_confidence: float = 0.0):
        self.space, self.gap, self.least, self.least_confidence = space, gap, least, least_confidence
        self._open: list[tuple[Track, Region, int]] = []  # with its last region and frame
        self._number = 0

    def add(
        self,
        frame: int,
        actor: np.ndarray,
        probabilities: np.ndarray,
        seconds: float | None = None,
        *,
        cut: bool = False,
    ) -> tuple[list[tuple[Track, Region]], list[Track]]:
        """Takes a frame: actor classes uint8 [H, W], probabilities [h, w, C] on the network's grid, its time, and
        whether a new shot begins with it, which ends all tracks.

        -> (tracks that it shows, each with its region; tracks that are over, oldest first).
        """
        over = self._close(None if cut else frame - self.gap - 1)
        found = regions(actor, probabilities, self.space)
        shown: dict[int, Track] = {}
        for kind in {region.actor for region in found}:
            old = [i for i, (track, _, _) in enumerate(self._open) if track.actor == kind]
            new = [i for i, region in enumerate(found) if region.actor == kind]
            overlaps = np.zeros((len(old), len(new)))
            for row, column in np.ndindex(overlaps.shape):
                overlaps[row, column] = _overlap(self._open[old[row]][1], found[new[column]])
            for row, column in zip(*linear_sum_assignment(-overlaps), strict=True):
                if overlaps[row, column] >= _LEAST_OVERLAP:
                    shown[new[column]] = self._open[old[row]][0]
        for i, region in enumerate(found):
            if i not in shown:
                self._number += 1
                shown[i] = Track(self._number, region.actor, actor.shape)
            shown[i].add(frame, seconds, region)
        going_on = {id(shown[i]): (shown[i], found[i], frame) for i in shown}
        others = [entry for entry in self._open if id(entry[0]) not in going_on]
        self._open = sorted([*others, *going_on.values()], key=lambda entry: entry[0].number)
        return [(shown[i], found[i]) for i in sorted(shown)], over

    def add_result(self, result: Any) -> tuple[list[tuple[Track, Region]], list[Track]]:
        """The same of a frame's `FrameResult`."""
        return self.add(result.index, result.actor, result.probabilities, result.seconds, cut=result.cut)

    def finish(self) -> list[Track]:
        """The tracks that were still open at the end."""
        return self._close(None)

    def _close(self, before: int | None) -> list[Track]:
        over = [track for track, _, last in self._open if before is None or last < before]
        self._open = [entry for entry in self._open if before is not None and entry[2] >= before]
        return [one for one in over if len(one.frames) >= self.least and one.confidence >= self.least_confidence]


def track(frames: Iterable[Any], space: LabelSpace, **options: Any) -> list[Track]:
    """All tracks in `frames` (`FrameResult`s of one video, in order), by their first frame. `options`: `Tracker`'s."""
    tracker, done = Tracker(space, **options), []
    for frame in frames:
        done += tracker.add_result(frame)[1]
    return sorted(done + tracker.finish(), key=lambda one: one.number)


def regions(actor: np.ndarray, probabilities: np.ndarray, space: LabelSpace) -> list[Region]:
    """Connected regions of every actor class in uint8 [H, W], without the smallest; by class, then from the top.

    `probabilities` float32 [h, w, C]: actor classes, action classes (and more), on a grid of any size.
    """
    found, (height, width) = [], actor.shape
    least = LEAST_SHARE * actor.size
    counts = np.bincount(actor.ravel(), minlength=len(space.actors))[: len(space.actors)]
    for kind in np.flatnonzero(counts >= least):
        if kind == 0:
            continue
        count, numbers, stats, _ = cv2.connectedComponentsWithStats((actor == kind).astype(np.uint8), connectivity=8)
        for i in range(1, count):
            x, y, wide, tall, area = (int(value) for value in stats[i])
            if area < least:
                continue
            mask = numbers[y : y + tall, x : x + wide] == i
            mean = _mean_over(mask, (x, y, wide, tall), (height, width), probabilities)
            actors, actions = mean[: len(space.actors)], mean[len(space.actors) :][: space.heads[1]]
            found.append(Region(int(kind), (x, y, wide, tall), mask, area, float(actors[kind]), actions))
    return found


def _mean_over(
    mask: np.ndarray, box: tuple[int, int, int, int], size: tuple[int, int], probabilities: np.ndarray
) -> np.ndarray:
    """Mean of probabilities [h, w, C] over a region: every cell weighs as much as it holds of the region's pixels."""
    rows, columns = np.nonzero(mask)
    grid_rows = (rows + box[1]) * probabilities.shape[0] // size[0]
    grid_columns = (columns + box[0]) * probabilities.shape[1] // size[1]
    cells, weights = np.unique(grid_rows * probabilities.shape[1] + grid_columns, return_counts=True)
    flat = probabilities.reshape(-1, probabilities.shape[-1])
    return (weights.astype(np.float32) / len(rows)) @ flat[cells]


def _overlap(one: Region, other: Region) -> float:
    """Intersection over union of two regions' masks."""
    left, top = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    right = min(one.box[0] + one.box[2], other.box[0] + other.box[2])
    bottom = min(one.box[1] + one.box[3], other.box[1] + other.box[3])
    if right <= left or bottom <= top:
        return 0.0
    parts = [region.mask[top - region.box[1] : bottom - region.box[1], left - region.box[0] : right - region.box[0]]
             for region in (one, other)]  # fmt: skip
    shared = int(np.count_nonzero(parts[0] & parts[1]))
    return shared / (one.area + other.area - shared)


def _run_lengths(region: Region, size: tuple[int, int]) -> dict[str, Any]:
    whole = np.zeros(size, np.uint8, order="F")
    x, y, wide, tall = region.box
    whole[y : y + tall, x : x + wide] = region.mask
    return coco.encode(whole)


def _smoothed(actions: Sequence[np.ndarray], smooth: int) -> np.ndarray:
    """Probabilities [frames, classes], each averaged over the `smooth` frames around it (fewer at the ends)."""
    values = np.stack(actions).astype(np.float64)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    frames = np.arange(len(values))
    first = np.maximum(frames - (smooth - 1) // 2, 0)
    end = np.minimum(frames + smooth // 2 + 1, len(values))
    return (sums[end] - sums[first]) / (end - first)[:, None]


def _allowed(actions: np.ndarray, actor: int, space: LabelSpace) -> np.ndarray:
    """`actions` with what this actor can't do, and the background, at -1; one action at a time only."""
    if space.multilabel:
        return np.pad(actions, ((0, 0), (1, 0)), constant_values=-1)
    valid = np.zeros(len(space.actions), bool)
    valid[[action for one, action in space.pairs if one == actor]] = True
    return np.where(valid, actions, -1)


def _strongest(actions: np.ndarray, actor: int, space: LabelSpace, threshold: float) -> list[int]:
    """The strongest action of each row, a class; 0 where several may go together and none reaches `threshold`."""
    allowed = _allowed(actions, actor, space)
    best = allowed.argmax(-1)
    if space.multilabel:
        best = np.where(allowed.max(-1) >= threshold, best, 0)
    return [int(one) for one in best]


def _start(segment: Segment) -> tuple[int, int]:
    return segment.first, segment.action
