"""Decodes a video stream as players do: past damaged places, with what was lost counted."""

import itertools
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideData

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.container import Notify, ends_early, rate_of, ticks_of
from ssa2d_jax.video.frame import reason_text

_MOST_FAILURES = 10_000  # packets in a row that can't be decoded, after which nothing more is expected
_NEAR = 64  # frames between a damaged place and the frames that it costs, as the decoder holds some
_MOST_GAPS = 10_000
_LONGEST = 24 * 3600  # seconds; a longer gap is another clock
_QUARTER_TURNS = {  # degrees, as PyAV gives them, and a, b, c, d of the display matrix
    90: (0, -1, 1, 0),
    -90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    -180: (-1, 0, 0, -1),
}


class _Gap(NamedTuple):
    """Frames that are missing after frame `number`, from the time of that frame to the one of the next, in seconds."""

    number: int
    start: float
    end: float
    lost: int


class Damage:
    """What of a video could not be decoded, or only in part.

    Attributes:
        packets: pieces of data that could not be decoded.
        frames: frames that were decoded in part.
        first: frames that were read before the first damage; None without damage.
    """

    def __init__(self, rate: Fraction | None) -> None:
        """`rate`: frames per second; None if the file doesn't say it."""
        self.packets = self.frames = 0
        self.first: int | None = None
        self._rate = rate
        self._places: set[int] = set()  # in frames, rounded to `_NEAR`
        self._gaps: list[_Gap] = []
        self._start: float | None = None
        self._before: float | None = None
        self._first_seconds = 0.0

    def add(self, done: int, *, packets: int = 0, frames: int = 0) -> None:
        """Counts damage that was met after `done` frames."""
        self.packets += packets
        self.frames += frames
        self._places.add(done // _NEAR)
        if self.first is None:
            self.first = done
            self._first_seconds = (self._before or 0.0) - (self._start or 0.0)

    def see(self, number: int, seconds: float) -> None:
        """Notes when frame `number` is shown, by any clock: frames are missing where the times have a gap."""
        if self._start is None or self._before is None:
            self._start = seconds
        elif self._rate:
            lost = round((seconds - self._before) * float(self._rate)) - 1
            if 0 < lost < _LONGEST * self._rate and len(self._gaps) < _MOST_GAPS:
                self._gaps.append(_Gap(number - 1, self._before - self._start, seconds - self._start, lost))
        self._before = seconds

    def describe(self, done: int, announced: int | None) -> str:
        """The damage of a video in words.

        Args:
            done: the number of frames that were read.
            announced: the number that the file says it has, 0 if it doesn't; None before the end of the video.
        """
        gaps = [gap for gap in self._gaps if any(abs(gap.number // _NEAR - place) <= 1 for place in self._places)]
        lost = sum(gap.lost for gap in gaps)
        parts = []
        if gaps:
            count = plural(lost, "frame") if announced is None else f"{lost} of {max(announced, done + lost)} frames"
            places = f" in {len(gaps)} places" if len(gaps) > 1 else ""
            parts.append(
                f"about {count} lost{places} between {gaps[0].start:.2f} and {gaps[-1].end:.2f} s, after frame "
                f"{gaps[0].number}"
            )
        others = (announced or 0) - done - lost
        if announced and others > 0:
            parts.append(f"{plural(others, 'frame')} lost" + (" at other places" if gaps else ""))
        if self.frames:
            parts.append(f"{plural(self.frames, 'frame')} decoded in part from {self._first_seconds:.2f} s on")
        first = "" if gaps else f"near frame {self.first} ({self._first_seconds:.2f} s)"
        return ": ".join(part for part in (f"damaged {first}".strip(), " and ".join(parts)) if part)


class Decoder:
    """Decodes a video stream of an open file. `done` counts the frames that were taken."""

    def __init__(
        self, path: str | Path, container: InputContainer, stream: av.VideoStream, *, strict: bool, notify: Notify
    ) -> None:
        """`strict` ends the frames at the first damage; remarks go to `notify`."""
        self.done = 0
        self.damage = Damage(rate_of(stream))
        self._path, self._container, self._stream = path, container, stream
        self._strict, self._notify = strict, notify
        self._time_base = ticks_of(stream)
        self._undecoded = 0  # packets before the first frame
        self._failures = 0  # in a row
        self._incomplete = 0  # packets that are marked so, though all their frames are there
        self._cut: object = None  # why the file ends too early
        self._end = Fraction(0)  # seconds, when the last frame is shown, by the container's clock

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Yields every frame as FFmpeg decodes it.

        Raises:
            InputError: after the readable frames: the file is cut off, or a place in it was damaged. The message says
                how many frames were read and what was lost.
        """
        for packet in self._packets():
            for picture in self._decode(packet):
                if picture.pts is not None:
                    self.damage.see(self.done, float(picture.pts * self._time_base))
                if self._strict and self.damage.first is not None:
                    damage = self.damage.describe(self.done, None)
                    raise InputError(f"{self._path}: {damage}; stops there: later frames may have other numbers")
                if picture.is_corrupt:
                    self.damage.add(self.done, frames=1)
                yield picture
                self.done += 1
                self._end = max(self._end, (picture.pts or 0) * self._time_base)
        self._check_end()

    def _packets(self) -> Iterator[av.Packet | None]:
        """Yields the packets, then None, which asks the decoder for the frames that it still holds.

        A damaged packet is decoded only if another one follows: otherwise it is where the file was cut off.
        """
        damaged: av.Packet | None = None
        before: av.Packet | None = None  # `damaged`
        try:
            for packet in self._container.demux(self._stream):
                if packet.size == 0 and packet.dts is None:
                    break  # the demuxer's own end
                if damaged is not None:
                    self._note_incomplete(before, damaged, packet)
                    yield damaged
                    before = damaged
                damaged = packet if packet.is_corrupt else None
                if damaged is None and packet.size:
                    yield packet
                    before = packet
        except (av.FFmpegError, OSError) as error:
            self._cut = error
        if damaged is not None:
            self._cut = "data are missing"
        yield None

    def _note_incomplete(self, before: av.Packet | None, packet: av.Packet, after: av.Packet) -> None:
        """Counts a packet that is marked as incomplete: as damage if frames are missing beside it.

        Where two recordings were joined, a packet is marked though it is whole.
        """
        times = [each.dts for each in (before, packet, after) if each is not None and each.dts is not None]
        usual = packet.duration or 0
        gap = any(later - time > 1.5 * usual for time, later in itertools.pairwise(times))
        if usual and gap:
            self.damage.add(self.done, packets=1)
        else:
            self._incomplete += 1

    def _decode(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        try:
            pictures = self._stream.codec_context.decode(packet)
            self._failures = 0
            return pictures
        except (av.FFmpegError, OSError) as error:
            if packet is None:
                return []
            if self.done:
                self.damage.add(self.done, packets=1)
            else:
                self._undecoded += 1
            self._failures += 1
            if self._failures > _MOST_FAILURES:
                raise self._breaks_off(error) from error
            return []

    def _check_end(self) -> None:
        if self._cut is None and self.done and ends_early(self._path, self._container, self._stream, self._end):
            self._cut = "less than the file says it holds"
        if self._cut is not None:
            raise self._breaks_off(self._cut)
        if self.done == 0:
            raise InputError(f"{self._path}: no frame could be decoded; is the file complete?")
        if self._undecoded:
            self._notify(
                f"{self._path}: begins in the middle: {plural(self._undecoded, 'packet')} before the first picture "
                "that stands alone can't be shown"
            )
        if self._incomplete and self.damage.first is None:
            self._notify(
                f"{self._path}: {plural(self._incomplete, 'packet')} marked as incomplete, as where recordings were "
                "joined or data were lost; all of them could be decoded"
            )
        if self.damage.first == self.done - 1 and not self.damage.packets:
            self._notify(f"{self._path}: its last frame is damaged; was the recording stopped in the middle of it?")
        elif self.damage.first is not None:
            raise InputError(
                f"{self._path}: {self.damage.describe(self.done, self._stream.frames)}; all "
                f"{plural(self.done, 'frame')} that FFmpeg can decode were read, and lost frames are not counted"
            )

    def _breaks_off(self, reason: object) -> InputError:
        announced = self._stream.frames
        known = announced > self.done
        read = f"{self.done} of {announced} frames" if known else plural(self.done, "frame")
        return InputError(f"{self._path}: breaks off after {read} ({reason_text(reason)}); is the file complete?")


class Orientation:
    """How frames are turned and mirrored. A message in the stream holds until another one comes."""

    def __init__(self) -> None:
        self._rotation: int | None = None
        self._matrix: bytes | None = None

    def matrix(self, picture: av.VideoFrame) -> bytes | None:
        """The display matrix of a frame: nine int32; None if it is upright."""
        # Not from every frame: PyAV's side data keep their frame until Python's garbage collector runs.
        if picture.rotation != self._rotation:
            self._rotation = picture.rotation
            # PyAV's stubs know these keys in __getitem__ only.
            try:
                found = picture.side_data.get(SideData.DISPLAYMATRIX)  # type: ignore[call-overload]
            except ValueError:  # PyAV does not know a kind of data that is there, too, such as EXIF
                turn = _QUARTER_TURNS.get(picture.rotation)
                found = None if turn is None else struct.pack("=9i", turn[0], turn[1], 0, turn[2], turn[3], 0, 0, 0, 1)
            if found is not None:
                self._matrix = bytes(found)
        return self._matrix
