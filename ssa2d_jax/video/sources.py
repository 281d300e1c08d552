"""Where frames come from: a video file, a camera, an array, an iterable of pictures."""

import itertools
import re
import time
from collections.abc import Iterable, Iterator, Sized
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import MAX_PIXELS, Frame, check_pixels, probe, read_frames

_RATE = Fraction(25)  # frames per second, for frames without a time
_CAMERA = re.compile(r"[0-9]{1,3}")
_CLOCK = Fraction(1, 90_000)  # seconds, the time base of a camera's frames

# A file's path, a camera's number, RGB pictures as one array or one by one.
FrameInput = str | Path | int | UInt8[np.ndarray, "T H W 3"] | Iterable[UInt8[np.ndarray, "_ _ 3"]]


class FrameSource:
    """Frames of one size in display order, to be read once.

    Attributes:
        name: the name used in messages.
        rate: frames per second on average, None if unknown.
        frames: the number of frames, None if unknown.
        height, width: the size of every frame.
        time_base: seconds per tick of the frames' pts.
        error: why the frames ended too early, else None.
    """

    def __init__(self, name: str, frames: Iterator[Frame], *, rate: Fraction | None, count: int | None) -> None:
        self.name, self.rate, self.frames = name, rate, count
        self.error: InputError | None = None
        self.stopped = False
        self._iterator = frames
        first = next(frames, None)
        if first is None:
            raise InputError(f"{name}: there are no frames; give at least one")
        self._first, self._started = first, False
        self.height, self.width = first.rgb.shape[:2]
        self.time_base = first.time_base

    def stop(self) -> None:
        """Ends the frames before the next one; a signal handler or another thread may call it."""
        self.stopped = True

    def __iter__(self) -> Iterator[Frame]:
        if self._started:
            raise ValueError(f"{self.name}: its frames were read already; open it again")
        self._started = True
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
        height, width = frame.rgb.shape[:2]
        if (height, width) != (self.height, self.width):
            raise InputError(
                f"{self.name}: frame {number} is {width}x{height}, the first {self.width}x{self.height} pixels; "
                "all frames must have one size"
            )


def open_frames(frames: FrameInput, max_pixels: int = MAX_PIXELS) -> FrameSource:
    """Opens a file's path, a camera's number (an int, or text of digits), an array or an iterable of RGB pictures.

    Raises:
        InputError: `frames` is something else, has no frame, or has a frame of more than `max_pixels` pixels.
    """
    if isinstance(frames, int) or (isinstance(frames, str) and _CAMERA.fullmatch(frames) and not Path(frames).exists()):
        return _open_camera(int(frames), max_pixels)
    if isinstance(frames, str | Path):
        path = Path(frames)
        info = probe(path)
        return FrameSource(str(path), read_frames(path, max_pixels=max_pixels), rate=info.rate, count=info.frames)
    return _open_pictures(frames, max_pixels)


def _open_pictures(frames: object, max_pixels: int) -> FrameSource:
    if not isinstance(frames, Iterable):
        raise InputError(f"frames are {type(frames).__name__}; give a path, a camera's number, or RGB pictures")
    count = len(frames) if isinstance(frames, Sized) else None
    if count == 0:
        raise InputError("there are no frames; give at least one")
    return FrameSource("frames", _read_pictures(frames, max_pixels), rate=None, count=count)


def _read_pictures(frames: Iterable[object], max_pixels: int) -> Iterator[Frame]:
    for number, picture in enumerate(frames):
        rgb = np.array(picture)  # a copy: the caller may refill the picture while the frame waits for its labels
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[-1] != 3 or 0 in rgb.shape:
            wrong = f"frame {number} is {rgb.dtype} {list(rgb.shape)}; RGB pictures uint8 [H, W, 3] are needed"
            raise InputError("; ".join([wrong, *_remedies(rgb)]))
        check_pixels(f"frame {number}", rgb.shape[0], rgb.shape[1], max_pixels)
        yield Frame(rgb, number, 1 / _RATE, number)


def _remedies(picture: Shaped[np.ndarray, "..."]) -> Iterator[str]:
    """Yields what would make such pictures usable, as far as shape and type tell."""
    if picture.ndim == 2:
        yield "for grey pictures: np.repeat(frames[..., None], 3, axis=-1)"
    elif picture.ndim == 3 and picture.shape[-1] != 3 and picture.shape[0] == 3:
        yield "channels come last: frames.transpose(0, 2, 3, 1), of a tensor frames.permute(0, 2, 3, 1)"
    elif picture.ndim == 3 and picture.shape[-1] == 4:
        yield "without the fourth channel: frames[..., :3]"
    if picture.dtype.kind == "f":
        in_one = picture.size > 0 and picture.min() >= 0 and picture.max() <= 1
        yield f"as bytes: {'(255 * frames)' if in_one else 'frames'}.round().clip(0, 255).astype(np.uint8)"
    elif picture.dtype != np.uint8:
        yield "as bytes, if the values go from 0 to 255: frames.astype(np.uint8)"


def _open_camera(number: int, max_pixels: int) -> FrameSource:
    name = f"camera {number}"
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # OpenCV's warnings repeat the messages below
    try:
        capture = cv2.VideoCapture(number)
    except cv2.error as error:
        raise InputError(f"{name} can't be opened ({str(error).strip()[:100]})") from error
    finally:
        logging.setLogLevel(level)
    if not capture.isOpened():
        raise InputError(f"{name} can't be opened; is it plugged in, and does no other program use it?")
    return FrameSource(name, _read_camera(capture, name, max_pixels), rate=None, count=None)


def _read_camera(capture: cv2.VideoCapture, name: str, max_pixels: int) -> Iterator[Frame]:
    start = time.monotonic()
    try:
        for number in itertools.count():
            success, bgr = capture.read()
            if not success:
                raise InputError(f"{name} gives no more frames; was it unplugged?")
            check_pixels(f"{name}: frame {number}", bgr.shape[0], bgr.shape[1], max_pixels)
            ticks = int((time.monotonic() - start) / _CLOCK)
            yield Frame(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), ticks, _CLOCK, number)
    finally:
        capture.release()
