"""Optical flow: estimated by OpenCV, stored as one byte per component. No framework in here.

Flow (u, v) is the motion in pixels to the right and down from a frame to a later one. It is clipped at `BOUND`, as for
the training of I3D's flow stream, and quantised to steps of BOUND / 127 = 0.157 pixels: inside the bound the error is
at most 0.079 pixels, and zero motion is stored exactly. The network reads flow / BOUND, in [-1, 1].
"""

import collections
from typing import Any, TypeVar

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from ssa2d_jax.utils.images import resize

METHODS = ("tvl1", "dis")
BOUND = 20.0  # pixels
_ZERO, _STEPS = 128, 127
_SMALLEST_SIDE = 16  # pixels; DIS needs at least that

Array = TypeVar("Array", bound=Any)  # of numpy, jax or TensorFlow


def pack(flow: Float[np.ndarray, "*shape 2"]) -> UInt8[np.ndarray, "*shape 2"]:
    """Flow in pixels as bytes. Values that aren't finite become zero motion."""
    finite = np.nan_to_num(flow, nan=0.0, posinf=0.0, neginf=0.0)
    return np.rint(np.clip(finite / BOUND, -1, 1) * _STEPS + _ZERO).astype(np.uint8)


def unpack(packed: Array) -> Array:
    """Packed flow, given as floats, in [-1, 1]: 1 = `BOUND` pixels."""
    return (packed - float(_ZERO)) / float(_STEPS)


def flow_size(frame: tuple[int, int], height: int) -> tuple[int, int]:
    """The (height, width) at which flow of frames of that size is estimated: `height` high, 0 = the frames' own."""
    if height in (0, frame[0]):
        return frame
    return height, max(1, round(frame[1] * height / frame[0]))


def resize_flow(flow: UInt8[np.ndarray, "h w 2"], size: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 2"]:
    """Packed flow of a whole frame at another (height, width); the vectors scale with the picture.

    Resized as for training (`decode_flow` in input_pipeline/transforms.py): linear interpolation, over a wider range
    along an axis that shrinks.
    """
    if flow.shape[:2] == size:
        return flow
    rows, columns = (_resize_weights(old, new) for old, new in zip(flow.shape[:2], size, strict=True))
    along_rows = np.tensordot(rows, BOUND * unpack(flow.astype(np.float32)), axes=(1, 0))
    resized = np.tensordot(columns, along_rows, axes=(1, 1)).transpose(1, 0, 2)
    return pack(resized * np.array([size[1] / flow.shape[1], size[0] / flow.shape[0]], np.float32))


def _resize_weights(old: int, new: int) -> Float32[np.ndarray, "{new} {old}"]:
    """The matrix that resizes an axis of `old` pixels to `new`."""
    centre = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    distance = np.abs(centre[:, None] - np.arange(old))
    weights = np.maximum(0, 1 - distance / max(old / new, 1))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def to_grey(rgb: UInt8[np.ndarray, "H W 3"], height: int) -> UInt8[np.ndarray, "h w"]:
    """The grey picture that flow is estimated from, in the size that `flow_size` gives."""
    return cv2.cvtColor(resize(rgb, flow_size(rgb.shape[:2], height)), cv2.COLOR_RGB2GRAY)


def estimate(
    first: UInt8[np.ndarray, "H W"], second: UInt8[np.ndarray, "H W"], method: str
) -> Float32[np.ndarray, "H W 2"]:
    """Flow in pixels from one grey frame to another.

    `method` is one of `METHODS`: "tvl1" is Dual TV-L1, which I3D's flow weights were trained on; "dis" is the much
    faster Dense Inverse Search.
    """
    if method == "tvl1":
        return _calculate(cv2.optflow.DualTVL1OpticalFlow.create(), first, second)
    height, width = first.shape
    padding = ((0, max(0, _SMALLEST_SIDE - height)), (0, max(0, _SMALLEST_SIDE - width)))
    first, second = (np.pad(frame, padding, mode="edge") for frame in (first, second))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return _calculate(search, first, second)[:height, :width]


def _calculate(
    algorithm: cv2.DenseOpticalFlow, first: UInt8[np.ndarray, "H W"], second: UInt8[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W 2"]:
    # Without an initial flow, which OpenCV's stubs don't allow.
    return algorithm.calc(first, second, None)  # type: ignore[call-overload]


class FlowTrack:
    """Packed flow of a stream of frames, from each frame to the one `step` frames later.

    A frame's flow is known when the later frame is added. The last `step` frames have no later one: they get the last
    flow that is known, or zero motion if there is none.
    """

    def __init__(self, method: str, step: int, height: int) -> None:
        self._method, self._step, self._height = method, step, height
        self._waiting: collections.deque[np.ndarray] = collections.deque()
        self._last: np.ndarray | None = None

    def add(self, rgb: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "h w 2"] | None:
        """Takes a frame and returns the packed flow of the frame `step` before it, None for the first frames."""
        latest = to_grey(rgb, self._height)
        self._waiting.append(latest)
        if len(self._waiting) <= self._step:
            return None
        self._last = pack(estimate(self._waiting.popleft(), latest, self._method))
        return self._last

    def finish(self) -> list[UInt8[np.ndarray, "h w 2"]]:
        """The packed flow of the last frames, at the end of the stream."""
        if not self._waiting:
            return []
        last = pack(np.zeros((*self._waiting[0].shape, 2), np.float32)) if self._last is None else self._last
        flows = [last] * len(self._waiting)
        self._waiting.clear()
        return flows
