"""From a stream of frames of any length to a stream of probabilities: overlapping windows, blended."""

import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from ssa2d_jax.backends.choice import Forward, Outputs
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError

Frame = UInt8[np.ndarray, "H W C"]
Grid = Float32[np.ndarray, "h w P"]  # probabilities; P: actor classes, action classes, foreground
Window = tuple[int, list[Frame]]  # number of the first frame, frames
# Weight of an answer that is interpolated between two frames of a window; that of a frame's own answer is 1.
_BETWEEN = np.float32(0.5)


@dataclasses.dataclass(frozen=True)
class WindowOptions:
    """How the network's windows lie on a video; InputError for values that do not fit.

    Attributes:
        clip_frames: the length of a window.
        frame_step: a window takes every n-th frame of the video.
        overlap: how many of its `clip_frames` frames lie where the next window begins or later, at most; fewer than
            `clip_frames`.
        batch_size: windows that go through the network together.
    """

    clip_frames: int
    frame_step: int = 1
    overlap: int = 0
    batch_size: int = 1

    def __post_init__(self) -> None:
        for name in ("clip_frames", "frame_step", "batch_size"):
            if (value := getattr(self, name)) < 1:
                raise InputError(f"{name} is {value}, allowed is 1 or more")
        if not 0 <= self.overlap < self.clip_frames:
            allowed = f"0 to {self.clip_frames - 1} (clip_frames - 1)"
            raise InputError(f"overlap is {self.overlap} frames, allowed is {allowed}")

    @property
    def span(self) -> int:
        """Frames of the video from the first frame of a window to its last one, both included."""
        return (self.clip_frames - 1) * self.frame_step + 1

    @property
    def stride(self) -> int:
        """Frames of the video from the start of a window to the start of the next one.

        One less than a multiple of a `frame_step` above 1: so neighbours take other frames, and more frames have an
        answer of their own where they overlap.
        """
        stride = (self.clip_frames - self.overlap) * self.frame_step
        return stride if self.frame_step == 1 else min(stride - 1, self.span)


class SlidingWindow:
    """Runs a network over the windows of one video and blends their probabilities.

    Every call of the network has the same shape, so that it is compiled once. With a `frame_step` of s, a window holds
    every s-th frame of the video; for a frame between two of these it counts by their linear interpolation, with a
    smaller weight. The last window ends with the video. Memory holds a few windows, however long the video is.

    The network works on a batch of windows while the frames of the batch before are taken, and new ones read: jax
    returns at once what it is still computing, any other function runs in a thread of its own if `background` is set.
    """

    def __init__(
        self, forward: Forward, space: LabelSpace, options: WindowOptions, *, background: bool = False
    ) -> None:
        """Sets the windows up.

        Args:
            forward: runs the network on clips; its grid may have any size.
            space: gives the numbers of classes.
            options: how the windows lie.
            background: `forward` returns when it is done, not before, and may run in a thread of its own.
        """
        self._forward, self._space, self._options, self._background = forward, space, options, background
        self.count = 0  # windows that went through the network

    def probabilities(self, frames: Iterable[Frame]) -> Iterator[Grid]:
        """Yields the probabilities of every frame, in order.

        The result of a frame comes at most span + (2 * batch_size - 1) * stride - 1 frames after the frame itself.
        """
        # Its thread ends once nobody holds it any more, whatever ends this function.
        thread = ThreadPoolExecutor(1, "network") if self._background else None
        span, count, start = self._options.span, 0, 0  # `start` is that of the next window
        recent: collections.deque[Frame] = collections.deque(maxlen=span)
        waiting: list[Window] = []  # windows that are not in the network yet
        running: _Running | None = None
        sums = _WindowSums(self._options)
        for frame in frames:
            recent.append(frame)
            count += 1
            if count == start + span:
                waiting.append((start, self._sample(recent)))
                start += self._options.stride
                if len(waiting) == self._options.batch_size:
                    following, waiting = self._run(waiting, thread), []
                    self._add(running, sums, count)
                    running = following
            # The last window may start anywhere from count - span on: it ends with the video.
            unfinished = [*(running.starts if running else ()), *(first for first, _ in waiting)]
            yield from sums.pop_means(min([count - span, *unfinished]))
        self._add(running, sums, count)
        if not count:
            return
        previous = start - self._options.stride
        if start == 0 or previous + span < count:
            last, step = max(0, count - span), self._options.frame_step
            # One frame later where it would else take the same frames as the window before.
            skipped = int(last > 0 and step > 1 and (last - previous) % step == 0)
            waiting.append((last + skipped, self._sample(list(recent)[skipped:])))
        if waiting:
            self._add(self._run(waiting, thread), sums, count)
        yield from sums.pop_means(count)

    def _sample(self, recent: Sequence[Frame]) -> list[Frame]:
        """Every `frame_step`-th of the frames that a window spans; the last one again and again if there are fewer."""
        step = self._options.frame_step
        return [recent[min(number * step, len(recent) - 1)] for number in range(self._options.clip_frames)]

    def _run(self, windows: list[Window], thread: ThreadPoolExecutor | None) -> "_Running":
        """Starts the network on windows, at most `batch_size`."""
        padding = [windows[-1]] * (self._options.batch_size - len(windows))
        video = np.stack([np.stack(frames) for _, frames in windows + padding])  # [B, T, H, W, C]
        self.count += len(windows)
        starts = [start for start, _ in windows]
        if thread is not None:
            return _Running(starts, thread.submit(self._forward, video).result)
        outputs = self._forward(video)
        return _Running(starts, lambda: outputs)

    def _add(self, running: "_Running | None", sums: "_WindowSums", count: int) -> None:
        """Adds the network's answers for windows of a video with `count` frames so far to the sums; waits for them."""
        if running is None:
            return
        outputs = [np.asarray(array, np.float32) for array in running.wait()]
        _check_outputs(outputs, (self._options.batch_size, self._options.clip_frames), self._space)
        for row, start in enumerate(running.starts):
            actor, action, mask = (array[row] for array in outputs)
            window = np.concatenate([actor, action, mask[..., None]], axis=-1)  # [T, h, w, P]
            if not np.isfinite(window).all():
                raise InputError(
                    f"the network's probabilities for the frames from {start} on are not finite: the training of this "
                    "checkpoint diverged; choose an earlier step"
                )
            sums.add(start, window, count)


class _Running(NamedTuple):
    """Windows that the network works on: the numbers of their first frames, and what waits for its answers."""

    starts: list[int]
    wait: Callable[[], Outputs]


class _WindowSums:
    """Weighted sums for the frames that may still get a window; weights fall towards both ends of a window."""

    def __init__(self, options: WindowOptions) -> None:
        length = options.clip_frames
        self._step = options.frame_step
        self._taper = np.minimum(np.arange(length) + 1, length - np.arange(length)).astype(np.float32)
        self._first = 0  # the frame of the first sum
        self._sums: collections.deque[tuple[np.float32, Grid]] = collections.deque()  # total weight, sum

    def add(self, start: int, window: Float32[np.ndarray, "T h w P"], count: int) -> None:
        """Adds a window's answers: for its own frames, and interpolated ones for those between."""
        frames = [min(start + number * self._step, count - 1) for number in range(len(window))]
        for number, (frame, following) in enumerate(itertools.pairwise([*frames, frames[-1]])):
            self._add(frame, self._taper[number], window[number])
            if frame == following:
                return  # what follows repeats this frame
            ends = self._taper[number : number + 2] * _BETWEEN
            for between in range(frame + 1, following):
                part = np.float32((between - frame) / (following - frame))
                values = window[number] + part * (window[number + 1] - window[number])
                self._add(between, ends[0] + part * (ends[1] - ends[0]), values)

    def _add(self, frame: int, weight: np.float32, values: Grid) -> None:
        index = frame - self._first
        if index == len(self._sums):
            self._sums.append((weight, weight * values))
        else:
            total, weighted = self._sums[index]
            self._sums[index] = (total + weight, weighted + weight * values)

    def pop_means(self, limit: int) -> Iterator[Grid]:
        """Yields the means of the frames before `limit` and forgets them."""
        while self._first < limit:
            total, weighted = self._sums.popleft()
            self._first += 1
            yield weighted / total


def _check_outputs(outputs: Sequence[Float32[np.ndarray, "..."]], leading: tuple[int, int], space: LabelSpace) -> None:
    """Raises ValueError unless the network gave probabilities of the label space's classes for every frame."""
    grid = outputs[2].shape[2:4]
    expected = [(*leading, *grid, space.heads[0]), (*leading, *grid, space.heads[1]), (*leading, *grid)]
    shapes = [array.shape for array in outputs]
    if shapes != expected:
        raise ValueError(f"forward returned actor, action, mask of shapes {shapes}, expected {expected}")
