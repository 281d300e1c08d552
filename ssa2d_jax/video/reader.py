"""Reads videos with PyAV: upright RGB frames one by one, with limits and clear errors. No framework here."""

import contextlib
import dataclasses
from collections.abc import Container, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import local_path
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video import container as containers
from ssa2d_jax.video.clock import Clock
from ssa2d_jax.video.colour import RgbConverter, turn_upright
from ssa2d_jax.video.container import Notify
from ssa2d_jax.video.decoder import Decoder, Orientation
from ssa2d_jax.video.frame import MAX_PIXELS, Frame, check_pixels
from ssa2d_jax.video.picture_reader import (
    count_animation,
    is_animation,
    is_still,
    read_animation,
    read_files,
    read_folder,
)
from ssa2d_jax.video.pictures import list_pictures

_THREADS = 2
_SQUARE = Fraction(1)


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What the container says about the video stream that is read; None where it says nothing.

    Attributes:
        rate: frames per second, on average.
        frames: their number, a hint: some containers count wrongly.
        total: the same if the container can know it: a fragmented or trimmed mp4 can't.
        pixel_aspect: the width of a pixel as shown, divided by its height; of the upright frame.
    """

    rate: Fraction | None
    frames: int | None
    total: int | None = None
    pixel_aspect: Fraction = _SQUARE


def probe(path: str | Path, *, stream: int | None = None) -> VideoInfo:
    """What the container at `path` (or the folder of pictures) says; InputError if it has no video stream."""
    if containers.is_folder(path):
        count = len(list_pictures(local_path(path)))
        return VideoInfo(rate=None, frames=count, total=count)
    if is_still(path):
        return VideoInfo(rate=None, frames=1, total=1)
    if is_animation(path):
        count = count_animation(local_path(path))
        return VideoInfo(rate=None, frames=count, total=count)
    with containers.open_container(path) as container:
        video = containers.choose_stream(path, container, stream, lambda remark: None)
        frames = video.frames or None
        total = frames if containers.knows_its_frames(path, container, video) else None
        return VideoInfo(containers.rate_of(video), frames, total, _pixel_aspect(path, container, video))


def read_frames(
    path: str | Path,
    *,
    max_pixels: int = MAX_PIXELS,
    threads: int = _THREADS,
    numbers: Container[int] | None = None,
    stream: int | None = None,
    strict: bool = False,
    notify: Notify = log,
) -> Iterator[Frame]:
    """Yields the frames of a video in display order, at their stored size, rotation applied.

    A folder is read as its pictures, an animated picture as its frames. docs/video_formats.md lists what is read how:
    colours, interlacing, pixels that aren't square, several streams, damage.

    Args:
        path: a video file, a folder of pictures, or an address in a network (http, rtsp, ...).
        max_pixels: the largest allowed size of a frame, height * width.
        threads: the number of decoder threads.
        numbers: frame numbers (from 0) to yield; the others are decoded and skipped, which takes less time.
        stream: the number of the video stream among all streams, from 0; None: the one that players show.
        strict: stops at the first damaged place.
        notify: takes remarks about the video, for people; by default they are printed.

    Raises:
        InputError: the file is missing, empty, not a video, or has no frame that can be decoded; a frame has more
            than `max_pixels` pixels; or, after all frames that can be read, a place in the file was damaged or the
            video breaks off. Signs of that are an incomplete packet at the end; in mp4 and mov, frames that the index
            places past the file's end; in Matroska and WebM, a track that should last half a second longer. Other
            files (MPEG-TS, recordings that were never closed) don't say how long they are: cut between two packets,
            they seem to end there.
    """
    if containers.is_folder(path):
        yield from read_folder(local_path(path), max_pixels, numbers)
        return
    if is_animation(path):
        yield from read_animation(local_path(path), max_pixels, numbers)
        return
    if is_still(path):
        yield from read_files([local_path(path)], max_pixels, numbers)
        return
    with containers.open_container(path) as container:
        video = containers.choose_stream(path, container, stream, notify)
        check_pixels(f"{path}: frame 0", video.height, video.width, max_pixels)
        aspect = _stored_aspect(video)
        if aspect != _SQUARE:
            shape = f"{aspect.numerator}:{aspect.denominator}"
            notify(
                f"{path}: its pixels have the shape {shape}; labels are about stored pixels, overlays are shown alike"
            )
        video.codec_context.thread_count = threads
        yield from _Reading(path, container, video, max_pixels, strict, notify).frames(numbers)


class _Reading:
    """One pass over an open video stream."""

    def __init__(
        self,
        path: str | Path,
        container: InputContainer,
        video: av.VideoStream,
        max_pixels: int,
        strict: bool,
        notify: Notify,
    ) -> None:
        self._path, self._max_pixels, self._notify = path, max_pixels, notify
        self._time_base = containers.ticks_of(video)
        self._decoder = Decoder(path, container, video, strict=strict, notify=notify)
        self._clock = Clock(
            self._time_base,
            containers.rate_of(video),
            use_dts="avi" in container.format.name.split(","),
            broadcast=container.format.name in ("mpegts", "mpeg"),
        )
        self._converter = RgbConverter(path, video, notify)
        self._orientation = Orientation()
        self._number = 0

    def frames(self, numbers: Container[int] | None) -> Iterator[Frame]:
        """Yields the frames with these numbers."""
        try:
            yield from self._frames(numbers)
        finally:
            if self._clock.jumps:
                places = plural(self._clock.jumps, "place")
                self._notify(
                    f"{self._path}: its times jump at {places}, as in joined files; frames go on without a gap"
                )

    def _frames(self, numbers: Container[int] | None) -> Iterator[Frame]:
        for picture in self._pictures():
            ticks, matrix = self._clock.ticks(picture), self._orientation.matrix(picture)
            if numbers is None or self._number in numbers:
                rgb = turn_upright(self._converter.to_rgb(picture), matrix)
                yield Frame(rgb, ticks, self._time_base, self._number)
            self._number += 1

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """The decoder's pictures, deinterlaced where they are interlaced; a fault comes after the last of them."""
        fault: InputError | None = None
        decoded = self._decoder.pictures()
        while fault is None:
            try:
                picture = next(decoded, None)
                if picture is not None:
                    place = f"{self._path}: frame {self._decoder.done}"
                    check_pixels(place, picture.height, picture.width, self._max_pixels)
            except InputError as error:
                picture, fault = None, error
            yield from self._converter.deinterlace(picture)
            if picture is None:
                break
        if fault is not None:
            raise fault


def _stored_aspect(video: av.VideoStream) -> Fraction:
    known = video.sample_aspect_ratio or video.codec_context.sample_aspect_ratio
    aspect = containers.as_fraction(known) or _SQUARE
    return aspect if aspect > 0 else _SQUARE


def _pixel_aspect(path: str | Path, container: InputContainer, video: av.VideoStream) -> Fraction:
    """The width of a pixel divided by its height, of the upright frame; decodes the first frame if they differ."""
    aspect = _stored_aspect(video)
    if aspect == _SQUARE:
        return _SQUARE
    with contextlib.suppress(InputError):
        decoder = Decoder(path, container, video, strict=False, notify=lambda remark: None)
        first = next(decoder.pictures(), None)
        if first is not None and abs(first.rotation) in (90, 270):
            return 1 / aspect
    return aspect
