"""From a stream of frames of any length to a stream of probabilities: overlapping windows, blended."""

import collections
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError

# video uint8 [B, T, H, W, 3] -> probabilities float32 of actor [B, T, h, w, actor classes], action
# [B, T, h, w, action classes] and mask [B, T, h, w]; numpy or jax arrays.
Forward = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


def check_windows(clip_frames: int, frame_step: int, overlap: int, batch_size: int) -> None:
    """InputError unless windows of `clip_frames` frames that share `overlap` of them can be run."""
    for name, value in (("clip_frames", clip_frames), ("frame_step", frame_step), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"{name} is {value}, allowed is 1 or more")
    if not 0 <= overlap < clip_frames:
        raise InputError(f"overlap is {overlap} frames, allowed is 0 to {clip_frames - 1} (a window less one)")


class SlidingWindow:
    """Runs `forward` over windows of `clip_frames` frames; one shape only, so that it compiles once.

    Neighbouring windows share `overlap` of their frames. With `frame_step` s a window holds every s-th frame
    of the video, and the frames between two of them get the linear interpolation in time of both
    (after the last one: its own). What is held in memory is a few windows, however long the video.
    """

    def __init__(
        self,
        forward: Forward,
        space: LabelSpace,
        *,
        clip_frames: int,
        frame_step: int,
        overlap: int,
        batch_size: int,
    ):
        check_windows(clip_frames, frame_step, overlap, batch_size)
        self._forward, self._space = forward, space
        self._clip_frames, self._frame_step, self._batch_size = clip_frames, frame_step, batch_size
        self._stride = clip_frames - overlap
        self.run = 0  # windows so far

    def probabilities(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Frames uint8 [H, W, 3] -> as many arrays float32 [h, w, actor + action classes + 1], in order.

        Channels: actor, action, mask. Lags behind the frames it takes by less than
        frame_step * (clip_frames + (batch_size - 1) * (clip_frames - overlap) + 2) frames.
        """
        step, taken = self._frame_step, 0

        def sampled():
            nonlocal taken
            for frame in frames:
                if taken % step == 0:
                    yield frame
                taken += 1

        previous, done = None, 0
        for grid in self._blended(sampled()):
            for part in range(step if previous is not None else 0):
                yield previous + (grid - previous) * np.float32(part / step)
                done += 1
            previous = grid
        for _ in range(done, taken):
            yield previous

    def _blended(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        length, count, start = self._clip_frames, 0, 0  # `start` is that of the next window
        recent, waiting, sums = collections.deque(maxlen=length), [], _Sums(length)
        for frame in frames:
            recent.append(frame)
            count += 1
            if count == start + length:
                waiting.append((start, list(recent)))
                start += self._stride
                if len(waiting) == self._batch_size:
                    self._run(waiting, sums)
            # The last window may start anywhere from count - length on: it is aligned to the end.
            yield from sums.finished(min(count - length, waiting[0][0] if waiting else count))
        if not count:
            return
        if start == 0 or start - self._stride + length < count:
            missing = length - len(recent)
            waiting.append((max(0, count - length), list(recent) + [recent[-1]] * missing))
        if waiting:
            self._run(waiting, sums)
        yield from sums.finished(count)

    def _run(self, waiting: list, sums: "_Sums") -> None:
        padding = [waiting[-1]] * (self._batch_size - len(waiting))
        video = np.stack([np.stack(frames) for _, frames in waiting + padding])  # [B, T, H, W, 3]
        outputs = [np.asarray(array, np.float32) for array in self._forward(video)]
        _check_outputs(outputs, video.shape[:2], self._space)
        for row, (start, _) in enumerate(waiting):
            actor, action, mask = (array[row] for array in outputs)
            window = np.concatenate([actor, action, mask[..., None]], axis=-1)  # [T, h, w, C]
            if not np.isfinite(window).all():
                raise InputError(
                    f"the network's probabilities for the frames from {start * self._frame_step} on are not "
                    "finite: the checkpoint is of a training that diverged; choose an earlier step"
                )
            sums.add(start, window)
        self.run += len(waiting)
        waiting.clear()


class _Sums:
    """Weighted sums of the frames that may still get a window; weights fall off towards a window's ends."""

    def __init__(self, length: int):
        self._taper = np.minimum(np.arange(length) + 1, length - np.arange(length)).astype(np.float32)
        self._first, self._sums = 0, collections.deque()

    def add(self, start: int, window: np.ndarray) -> None:
        for frame, (weight, values) in enumerate(zip(self._taper, window, strict=True), start - self._first):
            if frame == len(self._sums):
                self._sums.append((weight, weight * values))
            else:
                total, sum_ = self._sums[frame]
                self._sums[frame] = (total + weight, sum_ + weight * values)

    def finished(self, limit: int) -> Iterator[np.ndarray]:
        """The means of the frames before `limit`, which are then forgotten."""
        while self._first < limit:
            total, sum_ = self._sums.popleft()
            self._first += 1
            yield sum_ / total


def _check_outputs(outputs: list[np.ndarray], leading: tuple[int, int], space: LabelSpace) -> None:
    grid = outputs[2].shape[2:4]
    expected = [
        (*leading, *grid, space.heads[0]),
        (*leading, *grid, space.heads[1]),
        (*leading, *grid),
    ]
    shapes = [array.shape for array in outputs]
    if shapes != expected:
        raise ValueError(f"forward returned actor, action, mask of shapes {shapes}, expected {expected}")
