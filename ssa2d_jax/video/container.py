"""Opens video files and network addresses, and chooses the video stream that players show."""

import contextlib
import os
import re
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_address, local_path
from ssa2d_jax.video.frame import reason_text

Notify = Callable[[str], None]  # takes a remark about a video, for people
# Of files in a folder that are taken for videos.
VIDEO_SUFFIXES = (
    ".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".asf", ".flv",
    ".3gp", ".3g2", ".ogv", ".ogg", ".vob", ".mxf", ".dv", ".y4m", ".h264", ".264", ".h265", ".hevc", ".ivf", ".gif",
    ".apng",
)  # fmt: skip

_SLACK = 0.5  # seconds; the last frame of a stream of variable rate may be shown for a while
_TIMEOUT = 15.0  # seconds without data, after which a network address is given up
_NETWORK = "http,https,tcp,udp,tls,crypto,rtp,srtp,rtsp,rtsps,rtmp,rtmps,srt,httpproxy"
_LISTS = ("hls", "concat", "dash")
_PICTURE_STREAMS = (Disposition.attached_pic, Disposition.timed_thumbnails, Disposition.still_image)
# Titles and the like in another encoding than UTF-8; from PyAV 19 on they do no harm anyway.
_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
_MOST_RATE = 1000  # frames per second that are plausible
_MOST_BOXES = 100_000  # of an mp4 file that are looked at


@contextlib.contextmanager
def open_container(path: str | Path) -> Iterator[InputContainer]:
    """The open container. A file may not name other files or addresses, an address may not name files.

    Raises:
        InputError: nothing that FFmpeg can read is there.
    """
    try:
        if is_address(path):
            options = {"protocol_whitelist": _NETWORK}
            container = av.open(str(path), options=options, timeout=_TIMEOUT, **_METADATA)
        else:
            options = {"protocol_whitelist": "file"}
            container = av.open(str(_existing_file(path).absolute()), options=options, **_METADATA)
    except (av.FFmpegError, OSError) as error:
        remedy = "is it a complete video file?"
        if is_address(path):
            remedy = "does a player show it, and does it answer within 15 s?"
        raise InputError(f"{path}: not a video that FFmpeg can read ({reason_text(error)}); {remedy}") from error
    with container:
        if not is_address(path) and container.format.name in _LISTS:
            raise InputError(f"{path}: a playlist ({container.format.name}), not a video; give the video itself")
        yield container


def is_folder(path: str | Path) -> bool:
    """Whether this is a folder on this machine."""
    try:
        return not is_address(path) and local_path(path).is_dir()
    except OSError as error:  # no name of a file, such as one that is too long
        raise InputError(f"{str(path)[:100]}: no such file ({error.strerror})") from error


def ticks_of(stream: av.VideoStream) -> Fraction:
    """Seconds per tick of a stream's clock."""
    return as_fraction(stream.time_base) or Fraction(1, 90_000)


def as_fraction(value: Any) -> Fraction:
    """A rational number of PyAV, whose own type, from PyAV 19 on, multiplies approximately.

    What is unknown becomes 0: None, and 0/0 of PyAV 19.
    """
    return Fraction(value.numerator, value.denominator) if value else Fraction(0)


def rate_of(stream: av.VideoStream) -> Fraction | None:
    """Frames per second; the first plausible one of those that FFmpeg knows, as some containers only count ticks."""
    known = (as_fraction(rate) for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate))
    rates = [rate for rate in known if rate]
    return next((rate for rate in rates if rate <= _MOST_RATE), rates[0] if rates else None)


def _existing_file(path: str | Path) -> Path:
    file = local_path(path)
    if not file.is_file():
        raise InputError(f"{path}: no such file" if not file.exists() else f"{path}: not a file")
    if file.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    return file


def choose_stream(path: str | Path, container: InputContainer, number: int | None, notify: Notify) -> av.VideoStream:
    """The video stream of that number among all streams, from 0; without a number the one that players show.

    That is, after cover pictures, thumbnails and streams of a single frame have been set aside, the one that is marked
    as default, then the one with the most pixels, as FFmpeg's program chooses. A choice is told to `notify`.
    """
    every = list(container.streams.video)
    videos = [stream for stream in every if stream.codec_context is not None]
    if every and not videos:
        raise InputError(f"{path}: its video is in a codec that FFmpeg does not know here; is the file damaged?")
    if number is not None:
        return _numbered(path, videos, number)
    moving = [stream for stream in videos if not any(stream.disposition & kind for kind in _PICTURE_STREAMS)]
    if not moving:
        kinds = ", ".join(sorted({_kind(stream) for stream in container.streams})) or "nothing"
        raise InputError(f"{path}: no video stream in this file, only {kinds}")
    chosen = max([stream for stream in moving if not _is_still(stream)] or moving, key=_rank)
    if len(moving) > 1:
        sizes = ", ".join(f"{stream.index}: {stream.width}x{stream.height}" for stream in moving)
        notify(
            f"{path}: has {len(moving)} video streams ({sizes}); reads {chosen.index}, as players do (in predict, "
            "config.predict.video_stream names another)"
        )
    return chosen


def _rank(stream: av.VideoStream) -> tuple[bool, int, int]:
    default = bool(stream.disposition & Disposition.default)
    return default, stream.width * stream.height, -stream.index


def _is_still(stream: av.VideoStream) -> bool:
    """Whether the container says that the stream has a single frame."""
    duration = _tagged_duration(stream)
    short = duration is not None and duration * (as_fraction(stream.average_rate) or 25) < 1.5
    return stream.frames == 1 or short


def _tagged_duration(stream: av.VideoStream) -> float | None:
    """The track's own duration in seconds, as Matroska and WebM have it: the container's may be that of the sound."""
    clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) if clock else None


def _kind(stream: Stream) -> str:
    return "a cover picture" if stream.type == "video" else stream.type


def _numbered(path: str | Path, videos: list[av.VideoStream], number: int) -> av.VideoStream:
    for stream in videos:
        if stream.index == number:
            return stream
    known = ", ".join(str(stream.index) for stream in videos) or "none"
    raise InputError(f"{path}: stream {number} is no video stream; the video streams are {known}")


def knows_its_frames(path: str | Path, container: InputContainer, stream: av.VideoStream) -> bool:
    """Whether the number of frames that the container announces is that of the frames that are shown.

    The index of a fragmented mp4 is about its first part only, and that of a trimmed one counts hidden frames, too.
    """
    if not stream.frames or is_address(path):
        return False
    if "mp4" not in container.format.name:
        return True
    shown = (stream.duration or 0) * ticks_of(stream) * as_fraction(stream.average_rate)
    return not _is_fragmented(local_path(path)) and (not shown or stream.frames <= shown + 1)


def _is_fragmented(path: Path) -> bool:
    """Whether an mp4 file has a box "moof" at its top level."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(_MOST_BOXES):
            start, header = file.tell(), file.read(16)
            if len(header) < 8:
                return False
            length, kind = struct.unpack(">I4s", header[:8])
            if kind == b"moof":
                return True
            if length == 1 and len(header) == 16:
                (length,) = struct.unpack(">Q", header[8:])
            if length < 8 or start + length >= size:
                return False
            file.seek(start + length, os.SEEK_SET)
    return False


def ends_early(path: str | Path, container: InputContainer, stream: av.VideoStream, end: Fraction) -> bool:
    """Whether the file lacks data that it announces; its last frame is shown at `end` seconds."""
    if is_address(path):
        return False
    if "mp4" in container.format.name:
        entries = getattr(stream, "index_entries", ())  # PyAV older than 17 may not have it
        size = local_path(path).stat().st_size
        return any(entry.pos + entry.size > size for entry in entries)
    announced = _tagged_duration(stream)
    if "matroska" not in container.format.name or announced is None:
        return False
    return announced - end > max(_SLACK, 3 / (as_fraction(stream.average_rate) or 25))
