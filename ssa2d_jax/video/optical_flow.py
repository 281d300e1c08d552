"""Optical flow: estimated by OpenCV, stored as one byte a component. No framework in here.

Flow (u, v) is in pixels to the right and down from a frame to a later one. It is clipped at `BOUND`, as I3D's flow
stream was trained, and quantised to steps of BOUND / 127 = 0.157 pixels: inside the bound the error is at most 0.079
pixels, and no motion is exactly none. The network reads flow / BOUND, in [-1, 1].
"""

import collections
from typing import Any

import cv2
import numpy as np

METHODS = ("tvl1", "dis")
BOUND = 20.0  # pixels
_ZERO, _STEPS = 128, 127
_LEAST = 16  # pixels that DIS needs of either side


def packed(flow: np.ndarray) -> np.ndarray:
    """Flow in pixels, float [..., 2] -> uint8 of the same shape. What is not finite becomes no motion."""
    finite = np.nan_to_num(flow, nan=0.0, posinf=0.0, neginf=0.0)
    return np.rint(np.clip(finite / BOUND, -1, 1) * _STEPS + _ZERO).astype(np.uint8)


def unpacked(stored: Any) -> Any:
    """Packed flow as float (of numpy, jax or TensorFlow) -> the same in [-1, 1], 1 = `BOUND` pixels."""
    return (stored - float(_ZERO)) / float(_STEPS)


def flow_size(frame: tuple[int, int], height: int) -> tuple[int, int]:
    """(height, width) at which the flow of frames of that size is estimated: `height` high, 0 = as they are."""
    if height in (0, frame[0]):
        return frame
    return height, max(1, round(frame[1] * height / frame[0]))


def resized_flow(flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Packed flow uint8 [h, w, 2] of a whole frame, at another (height, width): vectors grow with the picture."""
    if flow.shape[:2] == size:
        return flow
    shrinks = size[0] < flow.shape[0] or size[1] < flow.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    pixels = BOUND * unpacked(flow.astype(np.float32))
    scale = np.array([size[1] / flow.shape[1], size[0] / flow.shape[0]], np.float32)
    return packed(cv2.resize(pixels, (size[1], size[0]), interpolation=way) * scale)


def grey(rgb: np.ndarray, height: int) -> np.ndarray:
    """uint8 RGB [H, W, 3] -> what flow is estimated from: grey uint8, `flow_size` large."""
    rows, columns = flow_size(rgb.shape[:2], height)
    if (rows, columns) != rgb.shape[:2]:
        shrinks = rows < rgb.shape[0]
        rgb = cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def estimate(first: np.ndarray, second: np.ndarray, method: str) -> np.ndarray:
    """Flow in pixels, float32 [H, W, 2], from one grey frame uint8 [H, W] to another, by one of `METHODS`.

    "tvl1" is Dual TV-L1, which I3D's flow weights were trained on; "dis" is the much faster Dense Inverse Search.
    """
    if method == "tvl1":
        return cv2.optflow.DualTVL1OpticalFlow_create().calc(first, second, None)
    rows, columns = first.shape
    room = ((0, max(0, _LEAST - rows)), (0, max(0, _LEAST - columns)))
    first, second = (np.pad(one, room, mode="edge") for one in (first, second))
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return search.calc(first, second, None)[:rows, :columns]


class FlowTrack:
    """Packed flow of a stream of frames: from each to the one `step` later, known when that one is added.

    The last `step` frames of a stream have none after them: they take the flow of the last that has, or none at all.
    """

    def __init__(self, method: str, step: int, height: int):
        self._method, self._step, self._height = method, step, height
        self._waiting: collections.deque[np.ndarray] = collections.deque()
        self._last: np.ndarray | None = None

    def add(self, rgb: np.ndarray) -> np.ndarray | None:
        """Takes a frame uint8 [H, W, 3] -> packed flow uint8 [h, w, 2] of the frame `step` before it, if there is."""
        now = grey(rgb, self._height)
        self._waiting.append(now)
        if len(self._waiting) <= self._step:
            return None
        self._last = packed(estimate(self._waiting.popleft(), now, self._method))
        return self._last

    def finish(self) -> list[np.ndarray]:
        """What is left at the end of the stream: packed flow of the last frames."""
        count = len(self._waiting)
        if self._last is None and count:
            self._last = packed(np.zeros((*self._waiting[0].shape, 2), np.float32))
        self._waiting.clear()
        return [self._last] * count
