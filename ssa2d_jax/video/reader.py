"""Reads videos with PyAV: upright RGB frames one by one, with limits and clear errors. No framework here."""

import dataclasses
import re
import struct
from collections.abc import Container, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition
from PIL import Image, ImageOps

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural

MAX_PIXELS = 4096 * 2304
PICTURES = (".jpg", ".jpeg", ".png")
_PICTURES_RATE = Fraction(25)  # a second
_THREADS = 2
_SLACK = 0.5  # seconds; the last frame of a stream of variable rate may be shown for a while


@dataclasses.dataclass(frozen=True)
class Info:
    """What the container says of its first video stream; None where it doesn't say."""

    rate: Fraction | None  # frames a second, on average
    frames: int | None  # a hint: some containers count wrongly


@dataclasses.dataclass(frozen=True)
class Frame:
    """One decoded frame, turned upright: uint8 RGB [height, width, 3]; shown at pts * time_base seconds."""

    rgb: np.ndarray
    pts: int | None
    time_base: Fraction
    number: int  # in its video, from 0


def pictures_in(folder: Path) -> list[Path]:
    """The pictures (.jpg, .jpeg, .png) in a folder, a video's frames in order of their names: 2.png before 10.png."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith("."))
    parts = lambda path: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]
    return sorted((path for path in files if path.is_file()), key=parts)


def probe(path: str | Path) -> Info:
    """What the container at `path` says; InputError unless it has a video stream, or is a folder of pictures."""
    if Path(path).is_dir():
        return Info(rate=None, frames=len(pictures_in(Path(path))))
    with _open(path) as container:
        stream = _moving(container)
        return Info(rate=stream.average_rate, frames=stream.frames or None)


def read_frames(
    path: str | Path, *, max_pixels: int = MAX_PIXELS, threads: int = _THREADS, wanted: Container[int] | None = None
) -> Iterator[Frame]:
    """Every frame of the first video stream, in order of showing, at its own size, rotation applied; `threads` decode.

    Of a folder, its pictures (`pictures_in`), 25 a second.

    With `wanted`, only frames of these numbers (from 0) are given; the others are decoded and skipped, which takes less
    time.

    InputError for a file that is missing, empty, no video, or without a decodable frame; for a frame of more
    than `max_pixels` pixels; and, after the frames that could be read, for a video that breaks off. That is
    seen by a packet that is cut; in mp4 and mov by frames that the index places past the file's end; in
    Matroska and WebM by a track that should last half a second longer. Others (MPEG-TS, recordings that were
    never closed) don't say how long they are: cut between two packets, they seem to end there.
    """
    if Path(path).is_dir():
        yield from _read_pictures(Path(path), max_pixels, wanted)
        return
    number, end, rotation, matrix = 0, Fraction(0), None, None
    with _open(path) as container:
        stream = _moving(container)
        _check_pixels(path, 0, stream.height, stream.width, max_pixels)
        stream.codec_context.thread_count = threads
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise InputError(_broken(path, number, stream.frames, "data are missing"))
                for picture in packet.decode():
                    _check_pixels(path, number, picture.height, picture.width, max_pixels)
                    # Not of every frame: PyAV's side data keep their frame until Python's collector comes by.
                    if picture.rotation != rotation:
                        rotation, matrix = picture.rotation, _display_matrix(picture)
                    if wanted is None or number in wanted:
                        yield Frame(_upright(picture, matrix), picture.pts, picture.time_base, number)
                    number += 1
                    end = max(end, (picture.pts or 0) * picture.time_base)
        except (av.FFmpegError, OSError) as error:
            raise InputError(_broken(path, number, stream.frames, error)) from error
        if number and _ends_early(path, container, stream, end):
            raise InputError(_broken(path, number, stream.frames, "less than the file says it holds"))
    if number == 0:
        raise InputError(f"{path}: no frame could be decoded; is the file complete?")


def _read_pictures(folder: Path, max_pixels: int, wanted: Container[int] | None) -> Iterator[Frame]:
    files = pictures_in(folder)
    if not files:
        raise InputError(f"{folder}: no frame in this folder; looked for names that end in {', '.join(PICTURES)}")
    for number, file in enumerate(files):
        if wanted is not None and number not in wanted:
            continue
        try:
            with Image.open(file, formats=("JPEG", "PNG")) as picture:
                _check_pixels(file, number, picture.height, picture.width, max_pixels)
                if picture.mode.startswith(("I", "F")):
                    raise InputError(f"{file}: a picture of {picture.mode} values; needed are 8 bits a channel")
                rgb = np.array(ImageOps.exif_transpose(picture).convert("RGB"))
        except InputError:
            raise
        except Exception as error:  # whatever a damaged picture makes Pillow raise
            raise InputError(f"{file}: not a picture that can be read ({_reason(error)})") from error
        yield Frame(rgb, number, 1 / _PICTURES_RATE, number)


def _open(path: str | Path) -> av.container.InputContainer:
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    try:
        # A plain file only: nothing that a playlist inside it names is opened.
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"{path}: not a video that FFmpeg can read ({_reason(error)}); is it one, and complete?"
        ) from error
    if container.format.name in ("hls", "concat", "dash"):
        container.close()
        raise InputError(f"{path}: a playlist ({container.format.name}), not a video; give the video itself")
    if _moving(container) is None:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        container.close()
        raise InputError(f"{path}: no video stream in this file, only {kinds}")
    return container


def _moving(container: av.container.InputContainer) -> av.VideoStream | None:
    """The first video stream, leaving out the cover picture of a sound file."""
    streams = (one for one in container.streams.video if not one.disposition & Disposition.attached_pic)
    return next(streams, None)


def _ends_early(
    path: str | Path, container: av.container.InputContainer, stream: av.VideoStream, end: Fraction
) -> bool:
    """Whether the file lacks data that it announces, its last frame being shown at `end` seconds."""
    if "mp4" in container.format.name:
        entries = getattr(stream, "index_entries", ())  # PyAV older than 17 may not have it
        return any(entry.pos + entry.size > Path(path).stat().st_size for entry in entries)
    # The track's own duration; the container's may be that of the sound.
    clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if "matroska" not in container.format.name or not clock:
        return False
    announced = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    return announced - end > max(_SLACK, 3 / (stream.average_rate or 25))


def _display_matrix(picture: av.VideoFrame) -> bytes | None:
    """How the frame wants to be turned and mirrored: nine int32, None for not at all."""
    matrix = picture.side_data.get(SideData.DISPLAYMATRIX)
    return None if matrix is None else bytes(matrix)


def _upright(picture: av.VideoFrame, matrix: bytes | None) -> np.ndarray:
    """RGB as it is meant to be shown: turned and mirrored by the display matrix, in steps of a quarter turn."""
    rgb = picture.to_ndarray(format="rgb24")
    if matrix is None:
        return rgb
    # x' = a x + c y, y' = b x + d y
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    if abs(b) + abs(c) > abs(a) + abs(d):
        rgb, a, d = rgb.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _check_pixels(path: str | Path, number: int, height: int, width: int, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise InputError(
            f"{path}: frame {number} has {width}x{height} pixels, more than the limit of {max_pixels}; "
            "scale the video down (when predicting, config.predict.max_pixels is the limit)"
        )


def _broken(path: str | Path, number: int, announced: int, reason: object) -> str:
    read = f"{number} of {announced} frames" if announced else plural(number, "frame")
    return f"{path}: breaks off after {read} ({_reason(reason)}); is the file complete?"


def _reason(error: object) -> str:
    """What an error says, without its number, the path and the log that PyAV adds."""
    error = getattr(error, "strerror", None) or error
    return str(error).split("; last error log")[0].splitlines()[0][:200]
