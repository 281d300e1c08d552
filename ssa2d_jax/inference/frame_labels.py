"""From a frame's probabilities on the network's grid to label maps of the frame's size, and their statistics."""

import dataclasses
from collections.abc import Iterator
from typing import TypedDict

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, Integer, UInt8

from ssa2d_jax.data.label_space import IGNORE, KINDS, LabelSpace

_STRIP_PIXELS = 1 << 16  # decided together: 18 float32 planes of them stay near the processor's cache
_SMALLEST = np.finfo(np.float32).tiny


@dataclasses.dataclass(repr=False)
class FrameLabels:
    """Label maps by name, and statistics by kind of label (`KINDS`) and class.

    Attributes:
        maps: `actor`, `action` and `joint` [H, W]; multi-label: `actor`, the strongest `action`, and `actions`, all of
            them, bit-packed [H, W, ceil(A / 8)] (see `unpack_actions`).
        pixels: number of pixels of each class.
        confidence: sum of the confidence over these pixels: the probability of an actor or action class, the product
            of both probabilities for a pair.
    """

    maps: dict[str, UInt8[np.ndarray, "H W ..."]]
    pixels: dict[str, Int64[np.ndarray, " _"]]
    confidence: dict[str, Float64[np.ndarray, " _"]]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in self.maps.items())
        return f"<FrameLabels: {shapes}>"


class ClassStatistics(TypedDict):
    """A class in a video: frames that have it, its share of all pixels, mean confidence there (None: no pixel)."""

    frames: int
    share: float
    confidence: float | None


def frame_labels(
    grid: Float32[np.ndarray, "h w P"], height: int, width: int, space: LabelSpace, threshold: float
) -> FrameLabels:
    """Labels of [height, width] from probabilities on a coarser grid.

    With one action per pixel: the logarithms are interpolated linearly, which decides as training does, by
    interpolated logits. Labels are the argmax of actor and of action, independently, and the joint decision, the
    argmax over background and the valid pairs that were learned of log p(actor) + log p(action).

    Multi-label: the probabilities are interpolated linearly. `actor` is the most probable class, `actions` are the
    actions whose probability reaches `threshold`, and `action` is the most probable of these, from 1, or 0. Statistics
    are those of every actor, every action and every pair (joint class 1 + (actor - 1) * A + action - 1).

    Args:
        grid: probabilities of actor classes, action classes (and more, unused).
        height: of the frame in pixels.
        width: of the frame in pixels.
        space: the classes.
        threshold: multi-label: probability from which a pixel has an action.
    """
    if space.multilabel:
        return _multilabel_labels(grid, height, width, space, threshold)
    actors, actions = len(space.actors), len(space.actions)
    labels = _no_labels(space, height, width)
    logs = np.log(np.maximum(grid, _SMALLEST))  # zero would make every pair minus infinity, a draw
    for strip, planes in _interpolate_strips(logs, height, width, actors + actions):
        for kind, (classes, confidence) in _decide(planes, actors, space).items():
            labels.maps[kind][strip] = classes.reshape(-1, width)
            _count(labels, kind, classes, confidence)
    return labels


def unpack_actions(actions: UInt8[np.ndarray, "*shape bytes"], space: LabelSpace) -> Bool[np.ndarray, "*shape A"]:
    """Which actions each pixel has, from the `actions` map of `FrameLabels`."""
    return np.unpackbits(actions, axis=-1, count=space.heads[1]).astype(bool)


def map_shapes(space: LabelSpace, height: int, width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the label maps of a frame."""
    if not space.multilabel:
        return dict.fromkeys(KINDS, (height, width))
    return {"actor": (height, width), "action": (height, width), "actions": (height, width, -(-space.heads[1] // 8))}


def _no_labels(space: LabelSpace, height: int, width: int) -> FrameLabels:
    """Maps of undefined content, and statistics of no pixel."""
    classes = {kind: len(names) for kind, names in space.names.items()}
    return FrameLabels(
        {name: np.empty(shape, np.uint8) for name, shape in map_shapes(space, height, width).items()},
        {kind: np.zeros(number, np.int64) for kind, number in classes.items()},
        {kind: np.zeros(number) for kind, number in classes.items()},
    )


def _multilabel_labels(
    grid: Float32[np.ndarray, "h w P"], height: int, width: int, space: LabelSpace, threshold: float
) -> FrameLabels:
    """`frame_labels` of multi-label classes."""
    actors, actions = space.heads
    labels = _no_labels(space, height, width)
    maps = labels.maps
    for strip, planes in _interpolate_strips(grid, height, width, actors + actions):
        p_actor, p_action = planes[:actors], planes[actors:]
        actor, chosen = p_actor.argmax(0), p_action >= threshold  # [N], [A, N]
        best, any_action = p_action.argmax(0), np.any(chosen, axis=0)
        maps["actor"][strip] = actor.reshape(-1, width)
        maps["action"][strip] = np.where(any_action, best + 1, 0).reshape(-1, width)
        maps["actions"][strip] = np.packbits(chosen.T, axis=-1).reshape(-1, width, maps["actions"].shape[-1])
        p_best_actor = np.take_along_axis(p_actor, actor[None], 0)[0]
        p_no_action = 1 - p_action.max(0)
        background = np.zeros_like(actor)
        _count(labels, "actor", actor, p_best_actor)
        _count(labels, "action", background, p_no_action, ~any_action)
        _count(labels, "joint", background, np.maximum(p_actor[0], p_no_action), ~any_action | (actor == 0))
        for action in np.flatnonzero(chosen.any(1)):
            _count(labels, "action", background + action + 1, p_action[action], chosen[action])
            pair, is_pair = 1 + (actor - 1) * actions + action, chosen[action] & (actor > 0)
            _count(labels, "joint", pair, p_best_actor * p_action[action], is_pair)
    return labels


def _count(
    labels: FrameLabels,
    kind: str,
    classes: Integer[np.ndarray, " N"],
    confidence: Float[np.ndarray, " N"],
    where: Bool[np.ndarray, " N"] | slice = slice(None),
) -> None:
    """Adds pixels, all or those of `where`, to the statistics of their classes."""
    total, classes = len(labels.pixels[kind]), classes[where].astype(np.intp)  # bincount would convert them twice
    labels.pixels[kind] += np.bincount(classes, minlength=total)
    labels.confidence[kind] += np.bincount(classes, confidence[where], minlength=total)


def _interpolate_strips(
    grid: Float32[np.ndarray, "h w P"], height: int, width: int, channels: int
) -> Iterator[tuple[slice, Float32[np.ndarray, "channels N"]]]:
    """Interpolates the first channels linearly; yields strips of rows, and the values of their pixels."""
    coarse = np.ascontiguousarray(np.moveaxis(grid[..., :channels], 2, 0))
    if height * width <= _STRIP_PIXELS:
        yield slice(None), np.stack([cv2.resize(plane, (width, height)) for plane in coarse]).reshape(channels, -1)
        return
    wide = np.stack([cv2.resize(plane, (width, grid.shape[0])) for plane in coarse])  # [channels, h, W]
    cells = _row_cells(height, grid.shape[0])
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = slice(top, top + rows)
        yield strip, _interpolate_rows(wide, *(values[strip] for values in cells))


_RowCells = tuple[Int[np.ndarray, " H"], Int[np.ndarray, " H"], Float32[np.ndarray, " H"]]


def _row_cells(pixels: int, cells: int) -> _RowCells:
    """For each row of pixels: the cell above its centre, the cell below, and the share of the latter, [0, 1)."""
    position = np.clip((np.arange(pixels) + 0.5) * (cells / pixels) - 0.5, 0, cells - 1)
    above = position.astype(np.intp)
    return above, np.minimum(above + 1, cells - 1), (position - above).astype(np.float32)


def _interpolate_rows(
    wide: Float32[np.ndarray, "C h W"],
    above: Int[np.ndarray, " rows"],
    below: Int[np.ndarray, " rows"],
    share: Float32[np.ndarray, " rows"],
) -> Float32[np.ndarray, "C N"]:
    """Values between two rows of the grid, linearly."""
    rows = wide[:, below]
    upper = wide[:, above]
    rows -= upper
    rows *= share[:, None]
    rows += upper
    return rows.reshape(len(wide), -1)


_Decision = tuple[UInt8[np.ndarray, " N"], Float32[np.ndarray, " N"]]  # classes and their confidence


def _decide(logs: Float32[np.ndarray, "P N"], actors: int, space: LabelSpace) -> dict[str, _Decision]:
    """Classes and confidence of pixels by kind of label."""
    actor, log_actor = _largest(logs[:actors])
    action, log_action = _largest(logs[actors:])
    # Where the most probable actor and action form a pair that may be chosen, no other pair can score higher.
    joint, log_joint = np.take(space.choice_of, actor * np.intp(256) + action), log_actor + log_action
    invalid = np.flatnonzero(joint == IGNORE)
    if invalid.size:
        joint[invalid], log_joint[invalid] = _best_pair(logs[:, invalid], actors, space)
    sums = np.exp(logs, out=logs)  # between the grid's cells the probabilities no longer sum to 1
    actor_sum, action_sum = sums[:actors].sum(0), sums[actors:].sum(0)
    return {
        "actor": (actor, np.exp(log_actor) / actor_sum),
        "action": (action, np.exp(log_action) / action_sum),
        "joint": (joint, np.exp(log_joint) / (actor_sum * action_sum)),
    }


def _largest(planes: Float32[np.ndarray, "C N"]) -> _Decision:
    """The plane of the largest value, and that value."""
    label, best = np.zeros(planes.shape[1], np.uint8), planes[0].copy()
    for number, plane in enumerate(planes[1:], 1):
        np.copyto(label, number, where=plane > best)
        np.maximum(best, plane, out=best)
    return label, best


def _best_pair(logs: Float32[np.ndarray, "P N"], actors: int, space: LabelSpace) -> _Decision:
    """Running maximum over background and the pairs that may be chosen: 44 maps together would not fit."""
    label, best = np.zeros(logs.shape[1], np.uint8), logs[0] + logs[actors]
    for number in space.choices:
        score = logs[space.pair_actor[number]] + logs[actors + space.pair_action[number]]
        np.copyto(label, number, where=score > best)
        np.maximum(best, score, out=best)
    return label, best


class LabelStatistics:
    """Adds up the statistics of `FrameLabels` over a video."""

    def __init__(self) -> None:
        self.frames = self._all_pixels = 0
        self._frames_with: dict[str, Int64[np.ndarray, " _"]] = {}
        self._pixels: dict[str, Int64[np.ndarray, " _"]] = {}
        self._confidence: dict[str, Float64[np.ndarray, " _"]] = {}

    def add(self, labels: FrameLabels) -> None:
        """Adds one frame."""
        self.frames += 1
        self._all_pixels += labels.maps["actor"].size
        for kind in KINDS:
            pixels = labels.pixels[kind]
            self._frames_with[kind] = self._frames_with.get(kind, 0) + (pixels > 0)
            self._pixels[kind] = self._pixels.get(kind, 0) + pixels
            self._confidence[kind] = self._confidence.get(kind, 0) + labels.confidence[kind]

    def summary(self, space: LabelSpace) -> dict[str, dict[str, ClassStatistics]]:
        """Statistics by kind of label and class; multi-label: only of the pairs that occur."""
        rows = {kind: dict(zip(space.names[kind], self._rows(kind), strict=True)) for kind in KINDS}
        if space.multilabel:
            rows["joint"] = {name: row for name, row in rows["joint"].items() if row["frames"]}
        return rows

    def _rows(self, kind: str) -> list[ClassStatistics]:
        pixels, confidence = self._pixels[kind], self._confidence[kind]
        return [
            {
                "frames": int(self._frames_with[kind][number]),
                "share": float(pixels[number] / self._all_pixels),
                "confidence": float(confidence[number] / pixels[number]) if pixels[number] else None,
            }
            for number in range(len(pixels))
        ]
