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
from ssa2d_jax.utils.files import is_address, local_path
from ssa2d_jax.utils.progress import log
from ssa2d_jax.video.frame import MAX_PIXELS, Frame, check_pixels
from ssa2d_jax.video.picture_reader import PICTURES_RATE, read_picture
from ssa2d_jax.video.reader import probe, read_frames

_CAMERA = re.compile(r"[0-9]{1,3}")
_CLOCK = Fraction(1, 90_000)  # seconds, the time base of a camera's frames

# A file's path or address, a camera's number, pictures as one array or one by one, files of pictures.
FrameInput = (
    str
    | Path
    | int
    | UInt8[np.ndarray, "T H W C"]
    | UInt8[np.ndarray, "T H W"]
    | Iterable[UInt8[np.ndarray, "_ _ _"] | UInt8[np.ndarray, "_ _"]]
    | Iterable[str]
    | Iterable[Path]
)


class FrameSource:
    """Frames of one size in display order, to be read once.

    Attributes:
        name: the name used in messages.
        rate: frames per second on average, None if unknown.
        frames: the number of frames, None if unknown.
        height, width: the size of every frame.
        time_base: seconds per tick of the frames' pts.
        pixel_aspect: the width of a pixel as shown, divided by its height.
        error: why the frames ended too early, else None.
        remarks: what was decided about the video, for people; grows while it is read.
    """

    def __init__(
        self,
        name: str,
        frames: Iterator[Frame],
        *,
        rate: Fraction | None,
        count: int | None,
        pixel_aspect: Fraction = Fraction(1),
        remarks: list[str] | None = None,
    ) -> None:
        self.name, self.rate, self.frames, self.pixel_aspect = name, rate, count, pixel_aspect
        self.error: InputError | None = None
        self.remarks = [] if remarks is None else remarks
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


def open_frames(
    frames: FrameInput, max_pixels: int = MAX_PIXELS, *, video_stream: int | None = None, strict: bool = False
) -> FrameSource:
    """Opens a file, an address, a camera, an array or pictures one by one.

    Args:
        frames: a path (also as file:///...) or an address (http, rtsp, ...); a camera's number, an int or text of
            digits; pictures uint8 [T, H, W, 3], RGB with a fourth channel, which is left out, or grey [T, H, W], as one
            array or one by one; files of pictures one by one.
        max_pixels: the largest allowed size of a frame, height * width.
        video_stream: the number of the stream in a file; None: the one that players show.
        strict: ends a video at the first damaged place.

    Raises:
        InputError: `frames` is something else, has no frame, or has a frame of more than `max_pixels` pixels.
    """
    if isinstance(frames, int) and frames < 0:
        raise InputError(f"camera {frames}: cameras have numbers from 0 on")
    if isinstance(frames, int) or (isinstance(frames, str) and _CAMERA.fullmatch(frames) and not Path(frames).exists()):
        return _open_camera(int(frames), max_pixels)
    if isinstance(frames, str | Path):
        return _open_video(frames if is_address(frames) else local_path(frames), max_pixels, video_stream, strict)
    return _open_pictures(frames, max_pixels)


def _open_video(path: str | Path, max_pixels: int, video_stream: int | None, strict: bool) -> FrameSource:
    remarks: list[str] = []

    def notify(remark: str) -> None:
        remarks.append(remark)
        log(remark)

    info = probe(path, stream=video_stream)
    return FrameSource(
        str(path),
        read_frames(path, max_pixels=max_pixels, stream=video_stream, strict=strict, notify=notify),
        rate=info.rate,
        count=info.total,
        pixel_aspect=info.pixel_aspect,
        remarks=remarks,
    )


def _open_pictures(frames: object, max_pixels: int) -> FrameSource:
    if not isinstance(frames, Iterable):
        raise InputError(f"frames are {type(frames).__name__}; give a path, a camera's number, or RGB pictures")
    shape: tuple[int, ...] = getattr(frames, "shape", ())
    if len(shape) == 3 and shape[-1] in (3, 4) and shape[0] > shape[-1]:
        raise InputError(f"frames are one picture {list(shape)}; as a clip of one frame: frames[None]")
    if len(shape) == 3 and shape[0] in (3, 4):
        raise InputError(
            f"frames are {list(shape)}: one picture with channels first, or grey frames? Write "
            "frames.transpose(1, 2, 0)[None], or frames[..., None]"
        )
    count = len(frames) if isinstance(frames, Sized) else None
    if count == 0:
        raise InputError("there are no frames; give at least one")
    return FrameSource("frames", _read_pictures(frames, max_pixels), rate=None, count=count)


def _read_pictures(frames: Iterable[object], max_pixels: int) -> Iterator[Frame]:
    for number, picture in enumerate(frames):
        if isinstance(picture, str | Path):
            rgb = read_picture(local_path(picture), number, max_pixels)
        else:
            rgb = _as_rgb(picture, number, max_pixels)
        yield Frame(rgb, number, 1 / PICTURES_RATE, number)


def _as_rgb(picture: object, number: int, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    if getattr(picture, "mode", "RGB") in ("P", "1", "CMYK", "LA", "PA", "YCbCr", "LAB", "HSV"):
        picture = picture.convert("RGB")  # type: ignore[attr-defined]  # of Pillow: its numbers aren't colours of RGB
    array = np.array(picture)  # a copy: the caller may refill the picture while the frame waits for its labels
    grey = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 1)
    if array.dtype != np.uint8 or 0 in array.shape or not (grey or (array.ndim == 3 and array.shape[-1] in (3, 4))):
        wrong = f"frame {number} is {array.dtype} {list(array.shape)}; pictures uint8 [H, W, 3] are needed, RGB"
        raise InputError("; ".join([wrong, *_remedies(array)]))
    check_pixels(f"frame {number}", array.shape[0], array.shape[1], max_pixels)
    if grey:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=-1)
    return np.ascontiguousarray(array[..., :3])


def _remedies(picture: Shaped[np.ndarray, "..."]) -> Iterator[str]:
    """Yields what would make such pictures usable, as far as shape and type tell."""
    if picture.ndim == 3 and picture.shape[-1] not in (1, 3, 4) and picture.shape[0] in (1, 3, 4):
        yield "channels come last: frames.transpose(0, 2, 3, 1), of a tensor frames.permute(0, 2, 3, 1)"
    if picture.dtype.kind == "f":
        in_one = picture.size > 0 and picture.min() >= 0 and picture.max() <= 1
        yield f"as bytes: {'(255 * frames)' if in_one else 'frames'}.round().clip(0, 255).astype(np.uint8)"
    elif picture.dtype == bool:
        yield "as bytes: 255 * frames.astype(np.uint8)"
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
