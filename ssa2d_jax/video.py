"""Reads videos with PyAV: upright RGB frames one by one, with limits and clear errors. No framework here."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ssa2d_jax.batch import InputError

MAX_PIXELS = 4096 * 2304
_THREADS = 2


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


def probe(path: str | Path) -> Info:
    """What the container at `path` says; InputError unless it is a file with a video stream."""
    with _open(path) as container:
        stream = container.streams.video[0]
        return Info(rate=stream.average_rate, frames=stream.frames or None)


def read_frames(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[Frame]:
    """Every frame of the first video stream, in order of showing, at its own size, rotation applied.

    InputError for a file that is missing, empty, no video, or without a decodable frame; for a frame of more
    than `max_pixels` pixels; and, after the frames that could be read, for a video that breaks off.
    """
    number = 0
    with _open(path) as container:
        stream = container.streams.video[0]
        _check_pixels(path, 0, stream.height, stream.width, max_pixels)
        stream.codec_context.thread_count = _THREADS
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise InputError(_broken(path, number, stream.frames, "data are missing"))
                for picture in packet.decode():
                    _check_pixels(path, number, picture.height, picture.width, max_pixels)
                    yield Frame(_upright(picture), picture.pts, picture.time_base)
                    number += 1
        except (av.FFmpegError, OSError) as error:
            raise InputError(_broken(path, number, stream.frames, str(error))) from error
        if number and _ends_early(path, container, stream):
            raise InputError(_broken(path, number, stream.frames, "the file ends before its index does"))
    if number == 0:
        raise InputError(f"{path}: no frame could be decoded; is the file complete?")


def _open(path: str | Path) -> av.container.InputContainer:
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    try:
        # A plain file only: nothing that a playlist inside it names is opened.
        container = av.open(
            str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not a video that FFmpeg can read ({_reason(error)})") from error
    if container.format.name in ("hls", "concat", "dash"):
        container.close()
        raise InputError(f"{path}: a playlist ({container.format.name}), not a video; give the video itself")
    if not container.streams.video:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        container.close()
        raise InputError(f"{path}: no video stream in this file, only {kinds}")
    return container


def _ends_early(path: str | Path, container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Whether an mp4 lacks data that its index names: cut between two frames, it decodes without an error."""
    if "mp4" not in container.format.name:
        return False
    entries = getattr(stream, "index_entries", ())  # PyAV older than 17 may not have it
    return any(entry.pos + entry.size > Path(path).stat().st_size for entry in entries)


def _upright(picture: av.VideoFrame) -> np.ndarray:
    quarter_turns = round(picture.rotation / 90)  # counter-clockwise, as np.rot90 counts
    rgb = picture.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns % 4 else rgb


def _check_pixels(path: str | Path, number: int, height: int, width: int, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise InputError(
            f"{path}: frame {number} has {width}x{height} pixels, more than the limit of {max_pixels}; "
            "scale the video down, or raise the limit (config.predict.max_pixels)"
        )


def _broken(path: str | Path, number: int, announced: int, reason: str) -> str:
    total = f" of {announced}" if announced else ""
    return f"{path}: breaks off after {number}{total} frames ({_reason(reason)}); is the file complete?"


def _reason(error: object) -> str:
    return str(error).split("; last error log")[0].splitlines()[0][:200]
