"""An instance in one frame (`Region`), over time (`Track`), and what it does when (`Segment`)."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TypedDict, cast

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from pycocotools import mask as coco

from ssa2d_jax.data.box import Box
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.text import plural

SMOOTH = 8  # frames over which an action's probabilities are averaged


class RunLengths(TypedDict):
    """A mask of a whole frame in COCO's compressed run lengths, for `pycocotools.mask`."""

    size: list[int]
    counts: bytes


@dataclasses.dataclass(frozen=True, repr=False)
class Region:
    """One connected region of an actor class in a frame.

    Attributes:
        actor: class.
        box: the smallest that holds the region.
        mask: the region's pixels in its box.
        area: number of pixels.
        confidence: mean probability of the actor class.
        actions: mean probability of every action class; the background comes first, except in a multi-label space.
    """

    actor: int
    box: Box
    mask: Bool[np.ndarray, "height width"]
    area: int
    confidence: float
    actions: Float32[np.ndarray, " A"]

    def __repr__(self) -> str:
        left, top, width, height = self.box
        where = f"{self.area} pixels in {width}x{height} at ({left}, {top})"
        return f"<Region of actor class {self.actor}: {where}, confidence {self.confidence:.2f}>"


@dataclasses.dataclass(frozen=True)
class Segment:
    """An action of a track from frame `first` to frame `last`, both included."""

    action: int
    first: int
    last: int
    confidence: float


@dataclasses.dataclass(repr=False)
class Track:
    """An instance over time. `frames` are the numbers of the frames that show it; each list has an entry per frame."""

    number: int
    actor: int
    size: tuple[int, int]  # height, width of the video's frames
    threshold: float  # multi-label: the instance does the actions of this probability or more
    frames: list[int] = dataclasses.field(default_factory=list)
    seconds: list[float | None] = dataclasses.field(default_factory=list)  # when a frame is shown; None: unknown
    boxes: list[Box] = dataclasses.field(default_factory=list)
    areas: list[int] = dataclasses.field(default_factory=list)
    masks: list[RunLengths] = dataclasses.field(default_factory=list)
    confidences: list[float] = dataclasses.field(default_factory=list)
    actions: list[Float32[np.ndarray, " A"]] = dataclasses.field(default_factory=list)  # mean probabilities by class
    actor_name: str = ""

    def __repr__(self) -> str:
        name = self.actor_name or f"actor class {self.actor}"
        if not self.frames:
            return f"<Track {self.number}: {name}, no frame>"
        where = f"{plural(len(self.frames), 'frame')} from {self.frames[0]} to {self.frames[-1]}"
        return f"<Track {self.number}: {name}, {where}, confidence {self.confidence:.2f}>"

    def add(self, frame: int, seconds: float | None, region: Region) -> None:
        """Appends the region that shows the instance in frame `frame`."""
        self.frames.append(frame)
        self.seconds.append(seconds)
        self.boxes.append(region.box)
        self.areas.append(region.area)
        self.masks.append(_run_lengths(region, self.size))
        self.confidences.append(region.confidence)
        self.actions.append(region.actions)

    @property
    def confidence(self) -> float:
        """Mean probability of the actor class over the track's frames."""
        return float(np.mean(self.confidences))

    def mask(self, i: int) -> Bool[np.ndarray, "H W"]:
        """The mask in the `i`-th of the track's frames."""
        # The stubs want pycocotools' own private type.
        return coco.decode(self.masks[i]).astype(bool)  # type: ignore[arg-type]

    def frame_actions(self, space: LabelSpace, smooth: int = SMOOTH) -> list[int]:
        """The class of the strongest action in each frame; probabilities are averaged over `smooth` frames.

        Multi-label: 0 if no action reaches the threshold.
        """
        return _strongest(_moving_average(self.actions, smooth), self.actor, space, self.threshold)

    def latest_action(self, space: LabelSpace, smooth: int = SMOOTH) -> int:
        """The class of the strongest action over the last `smooth` frames."""
        mean = np.mean(self.actions[-smooth:], axis=0, keepdims=True)
        return _strongest(mean, self.actor, space, self.threshold)[0]

    def describe(self, space: LabelSpace, smooth: int = SMOOTH) -> str:
        """The track in words: "dog 1: running, frames 30 to 75"."""
        segments = self.segments(space, smooth)
        actions = "; ".join(f"{space.actions[part.action]}, frames {part.first} to {part.last}" for part in segments)
        return f"{space.actors[self.actor]} {self.number}: {actions or 'no action'}"

    def segments(self, space: LabelSpace, smooth: int = SMOOTH) -> list[Segment]:
        """What the instance does when, from probabilities that are averaged over `smooth` frames; by first frame.

        It is the strongest action; multi-label: all that reach the threshold.
        """
        smoothed = _moving_average(self.actions, smooth)
        if space.multilabel:
            classes = np.arange(1, smoothed.shape[-1] + 1)
            segments = self._segments_of(smoothed >= self.threshold, classes, np.pad(smoothed, ((0, 0), (1, 0))))
        else:
            best = _possible(smoothed, self.actor, space).argmax(-1)
            segments = self._segments_of(best[:, None] == np.unique(best), np.unique(best), smoothed)
        return sorted(segments, key=lambda segment: (segment.first, segment.action))

    def _segments_of(
        self,
        active: Bool[np.ndarray, "frames actions"],
        classes: Int[np.ndarray, " actions"],
        smoothed: Float[np.ndarray, "frames classes"],
    ) -> Iterator[Segment]:
        """Yields a segment for every run of frames in which an action is active."""
        for column, action in zip(active.T, classes, strict=True):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(np.int8), [0]])))
            for start, end in edges.reshape(-1, 2):
                confidence = float(smoothed[start:end, action].mean())
                yield Segment(int(action), self.frames[start], self.frames[end - 1], confidence)


Instances = list[tuple[Track, Region]]  # the tracks that a frame shows, each with its region


def _run_lengths(region: Region, size: tuple[int, int]) -> RunLengths:
    """The region's mask on the whole frame."""
    frame_mask = np.zeros(size, np.uint8, order="F")
    x, y, width, height = region.box
    frame_mask[y : y + height, x : x + width] = region.mask
    return cast(RunLengths, coco.encode(frame_mask))


def _moving_average(actions: Sequence[Float32[np.ndarray, " A"]], smooth: int) -> Float[np.ndarray, "frames A"]:
    """Probabilities averaged over the `smooth` frames around each frame; over fewer at both ends."""
    values = np.stack(actions).astype(np.float64)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    frames = np.arange(len(values))
    first = np.maximum(frames - (smooth - 1) // 2, 0)
    end = np.minimum(frames + smooth // 2 + 1, len(values))
    return (sums[end] - sums[first]) / (end - first)[:, None]


def _possible(
    actions: Float[np.ndarray, "frames A"], actor: int, space: LabelSpace
) -> Float[np.ndarray, "frames classes"]:
    """Probabilities by action class; -1 for the background and for actions that this actor cannot do, or never did.

    Multi-label: every actor can do all actions, and the background's column is added.
    """
    if space.multilabel:
        return np.pad(actions, ((0, 0), (1, 0)), constant_values=-1)
    valid = np.zeros(len(space.actions), bool)
    pairs = [space.pairs[number - 1] for number in space.choices]
    if all(pair_actor != actor for pair_actor, _ in pairs):  # the training clips did not show this actor
        pairs = list(space.pairs)
    valid[[action for pair_actor, action in pairs if pair_actor == actor]] = True
    return np.where(valid, actions, -1)


def _strongest(actions: Float[np.ndarray, "frames A"], actor: int, space: LabelSpace, threshold: float) -> list[int]:
    """The class of the strongest action in each row; multi-label: 0 if none reaches `threshold`."""
    possible = _possible(actions, actor, space)
    best = possible.argmax(-1)
    if space.multilabel:
        best = np.where(possible.max(-1) >= threshold, best, 0)
    return [int(action) for action in best]
