"""Reads videos with PyAV: upright RGB frames one by one, with limits and clear errors. No framework here."""

import contextlib
import dataclasses
import re
import struct
from collections.abc import Container, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from jaxtyping import UInt8
from PIL import Image, ImageOps

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.pictures import PICTURES, list_pictures

MAX_PIXELS = 4096 * 2304
_PICTURES_RATE = Fraction(25)  # frames per second
_THREADS = 2
_SLACK = 0.5  # seconds; the last frame of a stream of variable rate may be shown for a while


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What the container says about its first video stream; None where it says nothing."""

    rate: Fraction | None  # frames per second, on average
    frames: int | None  # a hint: some containers count wrongly


@dataclasses.dataclass(frozen=True)
class Frame:
    """One decoded frame, turned upright. It is shown at `pts` * `time_base` seconds."""

    rgb: UInt8[np.ndarray, "H W 3"]
    pts: int | None
    time_base: Fraction
    number: int  # in its video, from 0


def probe(path: str | Path) -> VideoInfo:
    """What the container at `path` (or the folder of pictures) says; InputError if it has no video stream."""
    if Path(path).is_dir():
        return VideoInfo(rate=None, frames=len(list_pictures(Path(path))))
    with _open(path) as (_, stream):
        return VideoInfo(rate=stream.average_rate, frames=stream.frames or None)


def read_frames(
    path: str | Path, *, max_pixels: int = MAX_PIXELS, threads: int = _THREADS, numbers: Container[int] | None = None
) -> Iterator[Frame]:
    """Yields the frames of the first video stream in display order, at their own size, rotation applied.

    A folder is read as its pictures (`list_pictures`), 25 per second.

    Args:
        path: a video file or a folder of pictures.
        max_pixels: the largest allowed size of a frame, height * width.
        threads: the number of decoder threads.
        numbers: frame numbers (from 0) to yield; the others are decoded and skipped, which takes less time.

    Raises:
        InputError: the file is missing, empty, not a video, or has no frame that can be decoded; a frame has more
            than `max_pixels` pixels; or, after the readable frames, the video breaks off. Signs of that are an
            incomplete packet; in mp4 and mov, frames that the index places past the file's end; in Matroska and WebM,
            a track that should last half a second longer. Other files (MPEG-TS, recordings that were never closed)
            don't say how long they are: cut between two packets, they seem to end there.
    """
    if Path(path).is_dir():
        yield from _read_pictures(Path(path), max_pixels, numbers)
        return
    with _open(path) as (container, stream):
        check_pixels(f"{path}: frame 0", stream.height, stream.width, max_pixels)
        stream.codec_context.thread_count = threads
        decoder = _Decoder(path, container, stream)
        with decoder.translate_errors():
            for picture in decoder.pictures():
                check_pixels(f"{path}: frame {decoder.done}", picture.height, picture.width, max_pixels)
                yield from decoder.convert(picture, numbers)
        decoder.check_end()
    if decoder.done == 0:
        raise InputError(f"{path}: no frame could be decoded; is the file complete?")


class _Decoder:
    """Decodes the video stream of an open file. `done` counts the frames; `end` is when the last one is shown."""

    def __init__(self, path: str | Path, container: InputContainer, stream: av.VideoStream) -> None:
        self.done, self.end = 0, Fraction(0)  # seconds
        self._path, self._container, self._stream = path, container, stream
        self._rotation: int | None = None
        self._matrix: bytes | None = None

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Yields every frame as PyAV decodes it."""
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt:
                raise self._breaks_off("data are missing")
            yield from packet.decode()

    def convert(self, picture: av.VideoFrame, numbers: Container[int] | None) -> Iterator[Frame]:
        """Counts `picture` and yields it as a Frame if its number is in `numbers`."""
        time_base = picture.time_base
        assert time_base is not None  # only frames that weren't decoded have none
        # Not from every frame: PyAV's side data keep their frame until Python's garbage collector runs.
        if picture.rotation != self._rotation:
            self._rotation, self._matrix = picture.rotation, _display_matrix(picture)
        if numbers is None or self.done in numbers:
            yield Frame(_upright(picture, self._matrix), picture.pts, time_base, self.done)
        self.done += 1
        self.end = max(self.end, (picture.pts or 0) * time_base)

    def check_end(self) -> None:
        """Raises InputError if frames are missing that the file announces."""
        if self.done and _ends_early(self._path, self._container, self._stream, self.end):
            raise self._breaks_off("less than the file says it holds")

    @contextlib.contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turns FFmpeg's errors into an InputError that says how far the video could be read."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise self._breaks_off(error) from error

    def _breaks_off(self, reason: object) -> InputError:
        announced = self._stream.frames
        read = f"{self.done} of {announced} frames" if announced else plural(self.done, "frame")
        return InputError(f"{self._path}: breaks off after {read} ({_reason(reason)}); is the file complete?")


def _read_pictures(folder: Path, max_pixels: int, numbers: Container[int] | None) -> Iterator[Frame]:
    files = list_pictures(folder)
    if not files:
        raise InputError(f"{folder}: no frame in this folder; frames need names that end in {', '.join(PICTURES)}")
    for number, file in enumerate(files):
        if numbers is None or number in numbers:
            yield Frame(_read_picture(file, number, max_pixels), number, 1 / _PICTURES_RATE, number)


def _read_picture(file: Path, number: int, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    try:
        with Image.open(file, formats=("JPEG", "PNG")) as picture:
            check_pixels(f"{file}: frame {number}", picture.height, picture.width, max_pixels)
            if picture.mode.startswith(("I", "F")):
                raise InputError(f"{file}: a picture with {picture.mode} values; 8 bits per channel are needed")
            return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except InputError:
        raise
    except Exception as error:  # a damaged picture can make Pillow raise anything
        raise InputError(f"{file}: not a picture that can be read ({_reason(error)})") from error


@contextlib.contextmanager
def _open(path: str | Path) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """The open container and its video stream; raises InputError if there is none."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    try:
        # Only a plain file: nothing that a playlist inside it names is opened.
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"{path}: not a video that FFmpeg can read ({_reason(error)}); is it a complete video file?"
        ) from error
    with container:
        yield container, _video_stream(path, container)


def _video_stream(path: Path, container: InputContainer) -> av.VideoStream:
    """The first video stream that isn't the cover picture of a sound file."""
    if container.format.name in ("hls", "concat", "dash"):
        raise InputError(f"{path}: a playlist ({container.format.name}), not a video; give the video itself")
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise InputError(f"{path}: no video stream in this file, only {kinds}")


def _ends_early(path: str | Path, container: InputContainer, stream: av.VideoStream, end: Fraction) -> bool:
    """Whether the file lacks data that it announces; its last frame is shown at `end` seconds."""
    if "mp4" in container.format.name:
        entries = getattr(stream, "index_entries", ())  # PyAV older than 17 may not have it
        return any(entry.pos + entry.size > Path(path).stat().st_size for entry in entries)
    # The track's own duration: the container's may be that of the sound.
    clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if "matroska" not in container.format.name or not clock:
        return False
    announced = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    return announced - end > max(_SLACK, 3 / (stream.average_rate or 25))


def _display_matrix(picture: av.VideoFrame) -> bytes | None:
    """How to turn and mirror the frame: nine int32; None if it is upright."""
    # PyAV's stubs know these keys in __getitem__ only.
    matrix = picture.side_data.get(SideData.DISPLAYMATRIX)  # type: ignore[call-overload]
    return None if matrix is None else bytes(matrix)


def _upright(picture: av.VideoFrame, matrix: bytes | None) -> UInt8[np.ndarray, "H W 3"]:
    """The frame as RGB, turned and mirrored by the display matrix in steps of a quarter turn."""
    rgb = picture.to_ndarray(format="rgb24")
    if matrix is None:
        return rgb
    # x' = a x + c y, y' = b x + d y
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    if abs(b) + abs(c) > abs(a) + abs(d):
        rgb, a, d = rgb.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def check_pixels(frame: str, height: int, width: int, max_pixels: int) -> None:
    """Raises InputError if a frame has more than `max_pixels` pixels; `frame` is its name in the message."""
    if height * width > max_pixels:
        raise InputError(
            f"{frame} has {width}x{height} pixels, more than the limit of {max_pixels}; "
            "scale it down (when predicting, config.predict.max_pixels is the limit)"
        )


def _reason(error: object) -> str:
    """An error's text without its number, the path and the log that PyAV adds."""
    text = getattr(error, "strerror", None) or error
    return str(text).split("; last error log")[0].splitlines()[0][:200]
