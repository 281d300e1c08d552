"""From a frame's probabilities on the network's grid to label maps of its own size, and their tally."""

import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np

from ssa2d_jax.data.label_space import IGNORE, KINDS, LabelSpace

_STRIP_PIXELS = 1 << 16  # decided at a time: 18 float32 planes of them stay near the processor's cache
_SMALLEST = np.finfo(np.float32).tiny


@dataclasses.dataclass
class FrameLabels:
    """Label maps by name, and per kind of label (`KINDS`) and class its pixels and the sum of its confidence on them.

    The confidence of an actor or action class is its probability, that of a pair the product of both.
    """

    maps: dict[str, np.ndarray]  # uint8 [H, W], of packed sets [H, W, bytes]
    pixels: dict[str, np.ndarray]  # int64 [classes]
    confidence: dict[str, np.ndarray]  # float64 [classes]


def frame_labels(grid: np.ndarray, height: int, width: int, space: LabelSpace) -> FrameLabels:
    """Probabilities float32 [h, w, actor + action classes (+ more, unused)] -> labels of [height, width].

    Linear interpolation of the probabilities, then the argmax of actor and of action, each by itself, and
    the joint decision: the argmax over background and the valid pairs of log p(actor) + log p(action).
    """
    actors, actions = len(space.actors), len(space.actions)
    classes = {"actor": actors, "action": actions, "joint": len(space.joint)}
    result = FrameLabels(
        {kind: np.empty((height, width), np.uint8) for kind in KINDS},
        {kind: np.zeros(classes[kind], np.int64) for kind in KINDS},
        {kind: np.zeros(classes[kind]) for kind in KINDS},
    )
    for strip, planes in interpolated_strips(grid, height, width, actors + actions):
        for kind, (labels, confidence) in _decide(planes, actors, space).items():
            result.maps[kind][strip] = labels.reshape(-1, width)
            result.pixels[kind] += np.bincount(labels, minlength=classes[kind])
            result.confidence[kind] += np.bincount(labels, confidence, minlength=classes[kind])
    return result


def interpolated_strips(grid: np.ndarray, height: int, width: int, channels: int) -> Iterator[tuple[slice, np.ndarray]]:
    """The first channels of float32 [h, w, C], interpolated linearly: (rows, [channels, rows * width]) by strips."""
    coarse = np.ascontiguousarray(np.moveaxis(grid[..., :channels], 2, 0))
    wide = np.stack([cv2.resize(plane, (width, grid.shape[0])) for plane in coarse])  # [C, h, W]
    cells = _row_cells(height, grid.shape[0])
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = slice(top, top + rows)
        yield strip, _rows(wide, *(values[strip] for values in cells))


def _row_cells(pixels: int, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per row of pixels: the cell above its centre, the one below, and the share of the latter, [0, 1)."""
    position = np.clip((np.arange(pixels) + 0.5) * (cells / pixels) - 0.5, 0, cells - 1)
    above = position.astype(np.intp)
    return above, np.minimum(above + 1, cells - 1), (position - above).astype(np.float32)


def _rows(wide: np.ndarray, above: np.ndarray, below: np.ndarray, share: np.ndarray) -> np.ndarray:
    """[C, h, W] between its rows, linearly -> [C, rows * W]."""
    rows = wide[:, below]
    upper = wide[:, above]
    rows -= upper
    rows *= share[:, None]
    rows += upper
    return rows.reshape(len(wide), -1)


def _decide(planes: np.ndarray, actors: int, space: LabelSpace) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Planes [C, N] -> per kind labels uint8 [N] and their confidence float32 [N]."""
    actor, p_actor = _largest(planes[:actors])
    action, p_action = _largest(planes[actors:])
    # Where the most probable actor and action form a valid pair, no other pair can score higher.
    joint, p_joint = np.take(space.joint_of, actor * np.intp(256) + action), p_actor * p_action
    invalid = np.flatnonzero(joint == IGNORE)
    if invalid.size:
        joint[invalid], p_joint[invalid] = _best_pair(planes[:, invalid], actors, space)
    return {"actor": (actor, p_actor), "action": (action, p_action), "joint": (joint, p_joint)}


def _largest(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    label, best = np.zeros(planes.shape[1], np.uint8), planes[0].copy()
    for number, plane in enumerate(planes[1:], 1):
        np.copyto(label, number, where=plane > best)
        np.maximum(best, plane, out=best)
    return label, best


def _best_pair(planes: np.ndarray, actors: int, space: LabelSpace) -> tuple[np.ndarray, np.ndarray]:
    """Running maximum over background and the valid pairs: 44 maps at once would not fit."""
    logs = np.log(np.maximum(planes, _SMALLEST))  # zero would make every pair minus infinity, a draw
    label, best = np.zeros(planes.shape[1], np.uint8), logs[0] + logs[actors]
    for number in range(1, len(space.joint)):
        score = logs[space.pair_actor[number]] + logs[actors + space.pair_action[number]]
        np.copyto(label, number, where=score > best)
        np.maximum(best, score, out=best)
    return label, np.exp(best)


class LabelStatistics:
    """Adds up `FrameLabels` over a video."""

    def __init__(self):
        self.frames = self._all_pixels = 0
        self._with_class, self._pixels, self._confidence = {}, {}, {}

    def add(self, labels: FrameLabels) -> None:
        """Counts one frame."""
        self.frames += 1
        self._all_pixels += labels.maps["actor"].size
        for kind in KINDS:
            pixels = labels.pixels[kind]
            self._with_class[kind] = self._with_class.get(kind, 0) + (pixels > 0)
            self._pixels[kind] = self._pixels.get(kind, 0) + pixels
            self._confidence[kind] = self._confidence.get(kind, 0) + labels.confidence[kind]

    def summary(self, space: LabelSpace) -> dict[str, dict[str, dict]]:
        """Per kind and class: frames with it, share of all pixels, mean confidence there (None: no pixel).

        Where any actor may do any action, only the pairs that were found are listed.
        """
        rows = {kind: dict(zip(space.names[kind], self._rows(kind), strict=True)) for kind in KINDS}
        if space.multilabel:
            rows["joint"] = {name: row for name, row in rows["joint"].items() if row["frames"]}
        return rows

    def _rows(self, kind: str) -> list[dict]:
        pixels, confidence = self._pixels[kind], self._confidence[kind]
        return [
            {
                "frames": int(self._with_class[kind][number]),
                "share": float(pixels[number] / self._all_pixels),
                "confidence": float(confidence[number] / pixels[number]) if pixels[number] else None,
            }
            for number in range(len(pixels))
        ]
