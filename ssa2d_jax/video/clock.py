"""When frames are shown: from 0 on, in seconds that rise, whatever a container's clock does."""

from fractions import Fraction

import av

_USUAL_RATE = Fraction(25)  # frames per second, where the container says nothing
_DISORDER = 8  # frames; a smaller step back is disorder, not a new beginning
_JUMP_AHEAD = 10  # seconds; FFmpeg's program takes a longer gap of a broadcast for a new beginning, too


class Clock:
    """The times of a video's frames, in ticks of `time_base` seconds; the first frame is shown at 0.

    Where the container's times jump, as in files that were joined, the frames go on at their usual distance. `jumps`
    counts these places.
    """

    def __init__(self, time_base: Fraction, rate: Fraction | None, *, use_dts: bool, broadcast: bool) -> None:
        """Args:
        time_base: seconds per tick.
        rate: frames per second, None if unknown.
        use_dts: whether the times of decoding are the right ones: AVI stores no times of display, and those that are
            derived from packed B-frames are out of order.
        broadcast: whether the container's clock may be set anew in mid-stream.
        """
        self.jumps = 0
        self._time_base, self._use_dts, self._broadcast = time_base, use_dts, broadcast
        self._usual = max(1, round(1 / ((rate or _USUAL_RATE) * time_base)))
        self._offset: int | None = None  # unknown until a frame has a time
        self._before: int | None = None  # the offset before a jump that was just made
        self._last: int | None = None

    def ticks(self, picture: av.VideoFrame) -> int:
        """When the next frame is shown."""
        stamp = picture.dts if self._use_dts else picture.pts
        if self._last is None:
            self._last = 0
        elif stamp is None:
            self._last += self._usual
        else:
            self._last = self._follow(self._last, stamp)
        if self._offset is None and stamp is not None:
            self._offset = self._last - stamp
        return self._last

    def _follow(self, last: int, stamp: int) -> int:
        if self._offset is None:  # the first time of the stream
            return last + self._usual
        before, self._before = self._before, None
        if before is not None and abs(stamp + before - last) < _DISORDER * self._usual:
            self._offset, self.jumps = before, self.jumps - 1  # the jump was a single frame with a wrong time
        step = stamp + self._offset - last
        if -_DISORDER * self._usual < step <= 0:
            return last + max(1, self._usual // 2)  # so that the next one can be in time again
        if step <= 0 or (self._broadcast and step * self._time_base > _JUMP_AHEAD):
            self.jumps += 1
            self._before = self._offset
            self._offset += self._usual - step
            return last + self._usual
        return last + step
