"""Writes pictures as an H.264 video that keeps the frame count, size and timing of its source."""

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.reformatter import Colorspace
from jaxtyping import UInt8

from ssa2d_jax.utils.errors import InputError

# Close to the source to the eye. The preset takes 3/4 of the time of "veryfast" with crf 18 at the same quality, for
# files that are a fourteenth larger (overlays of 384x384: 2.5 ms a frame for 3.4, 34.1 dB for 34.1).
_CRF, _PRESET = "22", "superfast"
_DEFAULT_RATE = Fraction(25)
_MAX_RATE = Fraction(240)  # streams of variable rate announce thousands; the rate only steers rate control
_MAX_TICKS = 1_000_000  # ticks per second that an mp4 track and x264 certainly keep
_FALLBACK_TIME_BASE = Fraction(1, 90_000)
_BT709 = 1  # H.264's code for primaries, transfer and matrix of BT.709
_LIMITED_RANGE = 1


class VideoWriter:
    """An mp4 file at `path`, written under a temporary name beside it and renamed by `close`.

    All frames have one size, which may be any: even sizes become yuv420p, which everything plays. H.264 with 4:2:0
    can't have an odd width or height, so odd sizes become yuv444p: every decoder based on FFmpeg and Chrome keep the
    exact size, but some hardware players refuse 4:4:4.

    As a context manager, it creates the file when the block ends. If the block raises an exception, it removes what
    was written and leaves an earlier file at `path` unchanged.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        height: int,
        width: int,
        time_base: Fraction,
        rate: Fraction | None = None,
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        """Opens the file.

        Args:
            path: the file.
            height: of the frames.
            width: of the frames.
            time_base: seconds per tick of the frames' pts.
            rate: frames per second, None if unknown.
            pixel_aspect: the width of a pixel as shown, divided by its height.
        """
        self.path = Path(path)
        self.height, self.width, self.frames = height, width, 0
        self._source_base = Fraction(time_base)
        fine = self._source_base.denominator > _MAX_TICKS
        self._base = _FALLBACK_TIME_BASE if fine else self._source_base
        self._first_pts = self._last_ticks = 0
        self._temporary = self.path.with_name(f".{self.path.stem}-{os.getpid()}.mp4")
        # The index comes first, so that a browser can start before it has the whole file.
        self._container = av.open(str(self._temporary), "w", format="mp4", options={"movflags": "+faststart"})
        rate = min(rate or _DEFAULT_RATE, _MAX_RATE)
        self._usual_ticks = max(1, round(1 / (rate * self._base)))
        self._stream = self._add_stream(rate, pixel_aspect)

    def _add_stream(self, rate: Fraction, pixel_aspect: Fraction) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=rate)
        stream.width, stream.height = self.width, self.height
        stream.pix_fmt = "yuv444p" if self.width % 2 or self.height % 2 else "yuv420p"
        stream.options = {"crf": _CRF, "preset": _PRESET}
        stream.time_base = stream.codec_context.time_base = self._base
        codec = stream.codec_context
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        codec.color_range = _LIMITED_RANGE
        codec.sample_aspect_ratio = pixel_aspect
        return stream

    def write(self, rgb: UInt8[np.ndarray, "H W 3"], pts: int | None) -> None:
        """Appends one frame, shown at `pts` ticks of `time_base`.

        Times count from the first frame. None (a stream without times) means one frame at `rate` after the previous
        frame; a time that isn't later than the previous one becomes the next tick.
        """
        if rgb.shape != (self.height, self.width, 3) or rgb.dtype != np.uint8:
            expected = f"uint8 ({self.height}, {self.width}, 3)"
            raise InputError(f"{self.path}: frame {self.frames} is {rgb.dtype} {rgb.shape}, expected {expected}")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        picture = picture.reformat(format=self._stream.pix_fmt, dst_colorspace=Colorspace.ITU709)
        picture.pts, picture.time_base = self._ticks(pts), self._base
        self._mux(picture)
        self.frames += 1

    def _ticks(self, pts: int | None) -> int:
        if self.frames == 0:
            self._first_pts, self._last_ticks = pts or 0, 0
            return 0
        if pts is None:
            self._last_ticks += self._usual_ticks
        else:
            ticks = round((pts - self._first_pts) * self._source_base / self._base)
            self._last_ticks = max(ticks, self._last_ticks + 1)
        return self._last_ticks

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except av.FFmpegError as error:
            where = f"{self.path}: can't write frame {self.frames}"
            raise InputError(f"{where} ({error}); is the disk full?") from error

    def close(self) -> None:
        """Finishes the file and renames it to `path`; raises InputError if no frame was written."""
        if self.frames == 0:
            self.discard()
            raise InputError(f"{self.path}: no frame was written; a video needs at least one")
        try:
            self._mux(None)
            self._container.close()
        except BaseException:
            self.discard()
            raise
        os.replace(self._temporary, self.path)

    def discard(self) -> None:
        """Removes what was written; an earlier file at `path` stays unchanged."""
        with contextlib.suppress(av.FFmpegError):  # writing the trailer may fail, and nobody needs it
            self._container.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
