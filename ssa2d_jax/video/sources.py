"""Where frames come from, whatever it is: a video file, a camera, an array, an iterator of pictures."""

import itertools
import re
import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import MAX_PIXELS, Frame, probe, read_frames

_RATE = Fraction(25)  # of frames that come without a time
_CAMERA = re.compile(r"[0-9]{1,3}")
_CLOCK = Fraction(1, 90_000)  # seconds, of a camera's frames


class Source:
    """Frames of one size, in order of showing; goes once through them.

    name        to call it by
    rate        frames a second on average, a Fraction, or None where it isn't known
    frames      how many there will be, None where it isn't known
    height, width, time_base    of the frames (time_base: seconds a tick of their pts)
    error       an InputError, once frames ended before they should have
    """

    def __init__(self, name: str, frames: Iterator[Frame], *, rate: Fraction | None, count: int | None):
        self.name, self.rate, self.frames = name, rate, count
        self.error: InputError | None = None
        self.stopped = False
        self._iterator = frames
        first = next(frames, None)
        if first is None:
            raise InputError(f"{name}: there are no frames; give one at least")
        self._first, self._begun = first, False
        self.height, self.width = self._first.rgb.shape[:2]
        self.time_base = self._first.time_base

    def stop(self) -> None:
        """Ends the frames before the next one; may be called from a signal handler or another thread."""
        self.stopped = True

    def __iter__(self) -> Iterator[Frame]:
        if self._begun:
            raise ValueError(f"{self.name}: its frames were gone through already; open it anew")
        self._begun = True
        yield self._first
        number = 0
        while not self.stopped:
            try:
                frame = next(self._iterator, None)
                if frame is None:
                    return
                number += 1
                self._check_size(number, frame)
            except InputError as error:
                self.error = error
                return
            yield frame

    def _check_size(self, number: int, frame: Frame) -> None:
        if frame.rgb.shape[:2] != (self.height, self.width):
            sizes = "{1}x{0}, the first {3}x{2}".format(*frame.rgb.shape[:2], self.height, self.width)
            raise InputError(f"{self.name}: frame {number} is {sizes} pixels; all frames need one size")


def open_source(frames: Any, max_pixels: int = MAX_PIXELS) -> Source:
    """A `Source` of `frames`: a file's path; a camera's number (int, or a text of digits); uint8 RGB [T, H, W, 3]; an
    iterable of uint8 RGB [H, W, 3].

    InputError for what is none of these, holds no frame, or has frames of more than `max_pixels` pixels.
    """
    if isinstance(frames, int) or (isinstance(frames, str) and _CAMERA.fullmatch(frames) and not Path(frames).exists()):
        return _camera(int(frames), max_pixels)
    if isinstance(frames, str | Path):
        path = Path(frames)
        info = probe(path)
        return Source(str(path), read_frames(path, max_pixels=max_pixels), rate=info.rate, count=info.frames)
    if not isinstance(frames, Iterable):
        raise InputError(f"frames are {type(frames).__name__}; give a path, a camera's number, or RGB pictures")
    count = len(frames) if hasattr(frames, "__len__") else None
    if count == 0:
        raise InputError("there are no frames; give one at least")
    return Source("frames", _pictures(frames, max_pixels), rate=None, count=count)


def _pictures(frames: Iterable[Any], max_pixels: int) -> Iterator[Frame]:
    for number, picture in enumerate(frames):
        rgb = np.array(picture)  # a copy: it waits for its labels while the caller may fill it anew
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[-1] != 3 or 0 in rgb.shape:
            raise InputError(
                f"frame {number} is {rgb.dtype} {list(rgb.shape)}; RGB pictures uint8 [H, W, 3] are needed"
            )
        _check_pixels(f"frame {number}", rgb, max_pixels)
        yield Frame(rgb, number, 1 / _RATE, number)


def _camera(number: int, max_pixels: int) -> Source:
    name = f"camera {number}"
    logs = cv2.utils.logging
    before = logs.setLogLevel(logs.LOG_LEVEL_SILENT)  # it warns of what is said below
    try:
        capture = cv2.VideoCapture(number)
    except cv2.error as error:
        raise InputError(f"{name} can't be opened ({str(error).strip()[:100]})") from error
    finally:
        logs.setLogLevel(before)
    if not capture.isOpened():
        raise InputError(f"{name} can't be opened; is it plugged in, and does no other program use it?")

    def frames() -> Iterator[Frame]:
        start = time.monotonic()
        try:
            for index in itertools.count():
                read, bgr = capture.read()
                if not read:
                    raise InputError(f"{name} gives no more frames; was it unplugged?")
                _check_pixels(name, bgr, max_pixels)
                ticks = int((time.monotonic() - start) / _CLOCK)
                yield Frame(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), ticks, _CLOCK, index)
        finally:
            capture.release()

    return Source(name, frames(), rate=None, count=None)


def _check_pixels(name: str, picture: np.ndarray, max_pixels: int) -> None:
    height, width = picture.shape[:2]
    if height * width > max_pixels:
        raise InputError(f"{name} has {width}x{height} pixels, more than the limit of {max_pixels}; scale it down")
