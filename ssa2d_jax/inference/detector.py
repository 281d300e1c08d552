"""A trained network on frames: which actor does which action, where, in every frame. The Python API.

from ssa2d_jax import Detector

detector = Detector.from_run("runs/a2d")          # a workdir, or a file that --mode=export_weights wrote
result = detector("clip.mp4")                     # or uint8 [T, H, W, 3]
result.actor, result.action, result.joint         # uint8 [T, H, W], numbers of the classes in detector.space
result.write_overlay("overlay.mp4")
for frame in detector.stream("long.mp4"):         # frame by frame, in memory that doesn't grow; 0 is a camera
    frame.overlay()
"""

import collections
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.frame_labels import frame_labels
from ssa2d_jax.inference.multilabel_frame_labels import multilabel_frame_labels
from ssa2d_jax.inference.results import FrameResult, Result
from ssa2d_jax.inference.windows import Forward, SlidingWindow, check_windows
from ssa2d_jax.runs.run import Run, load_run_as_saved
from ssa2d_jax.steps.forward import make_forward
from ssa2d_jax.video.optical_flow import FlowTrack, resized_flow
from ssa2d_jax.video.reader import MAX_PIXELS, Frame
from ssa2d_jax.video.shot_boundaries import with_shot_boundaries
from ssa2d_jax.video.sources import Source, open_source


class Stream:
    """Results of a source, frame by frame and once, in memory that doesn't grow with its length.

    `source` has its size, rate and number of frames, and `stop()`, which ends it early; `windows.run` counts the
    network's windows. Where frames break off (a damaged file, a camera that is unplugged), the results of those before
    come first, then InputError.
    """

    def __init__(self, detector: "Detector", source: Source):
        self.source = source
        self._detector = detector
        self.windows = detector.new_windows()

    def __iter__(self) -> Iterator[FrameResult]:
        yield from self.until_the_end()
        if self.source.error is not None:
            raise self.source.error

    def until_the_end(self) -> Iterator[FrameResult]:
        """The same without the error, which is `source.error` afterwards."""
        detector = self._detector
        space = detector.space
        waiting = collections.deque[tuple[Frame, bool]]()  # frames that still lack their labels

        def pictures() -> Iterator[np.ndarray]:
            for frame, cut in with_shot_boundaries(self.source, lambda frame: frame.rgb):
                waiting.append((frame, cut))
                yield frame.rgb

        shape = {"height": self.source.height, "width": self.source.width, "space": space}
        grids = self.windows.probabilities(detector.network_frames(pictures()))
        for index, grid in enumerate(grids):
            frame, cut = waiting.popleft()
            if space.multilabel:
                labels = multilabel_frame_labels(grid, **shape, threshold=detector.threshold)
            else:
                labels = frame_labels(grid, **shape)
            yield FrameResult(index, frame.rgb, frame.pts, frame.time_base, labels, grid, space, cut)


class Detector:
    """A network with all that it takes to run it on frames of any size and number."""

    def __init__(
        self,
        forward: Forward,
        space: LabelSpace,
        *,
        clip_frames: int,
        frame_step: int,
        overlap: int,
        size: tuple[int, int],
        batch_size: int = 1,
        max_pixels: int = MAX_PIXELS,
        flow: tuple[str, int] | None = None,
        threshold: float = 0.5,
        step: int | None = None,
    ):
        """From a network's `forward` (see windows.Forward); `from_run` is the usual way.

        Windows of `clip_frames` frames, every `frame_step`-th of the video, share `overlap` frames with the next and
        are blended there; `batch_size` of them go through the network at a time, always that many, so that it is
        compiled once. The network sees whole frames at `size` (height, width). `flow` (method, height) for two
        streams: `forward` then gets five channels, RGB and packed optical flow. `threshold`: where a pixel may have
        several actions, it has those of this probability. A frame of more than `max_pixels` pixels is refused. `step`,
        of the checkpoint, is only kept. InputError for values that don't fit.
        """
        check_windows(clip_frames, frame_step, overlap, batch_size)
        self.forward, self.space, self.step = forward, space, step
        self.clip_frames, self.frame_step, self.overlap, self.batch_size = clip_frames, frame_step, overlap, batch_size
        self.size, self.max_pixels, self.flow, self.threshold = tuple(size), max_pixels, flow, threshold
        self.compiled = False

    @classmethod
    def from_run(
        cls,
        run: str | Path,
        *,
        step: int = 0,
        overlap: int | None = None,
        batch_size: int = 1,
        threshold: float | None = None,
    ) -> "Detector":
        """The network of a run: its workdir, or a .safetensors file that `--mode=export_weights` wrote.

        `step`: which checkpoint, 0 = the newest, -1 = the best by joint mIoU. `overlap`: frames that neighbouring
        windows share, by default half of them; less is faster. `threshold`: by default the run's own. InputError if
        there is no such run.
        """
        loaded = load_run_as_saved(Path(run), step)
        return cls.of(loaded, overlap=overlap, batch_size=batch_size, threshold=threshold)

    @classmethod
    def of(
        cls,
        run: Run,
        *,
        overlap: int | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> "Detector":
        """The detector of a restored run; `options` as the constructor has them."""
        data = run.config.data
        return cls(
            make_forward(run.model, run.variables, run.space.multilabel),
            run.space,
            clip_frames=data.clip_frames,
            frame_step=data.frame_step,
            overlap=data.clip_frames // 2 if overlap is None else overlap,
            size=tuple(data.size),
            flow=(data.flow, data.flow_height or data.size[0]) if run.config.model.flow else None,
            threshold=run.threshold if threshold is None else threshold,
            step=run.step,
            **options,
        )

    def __call__(self, frames: Any) -> Result:
        """Labels of a whole clip: a video's path, uint8 RGB [T, H, W, 3], or an iterable of pictures.

        All of it is kept in memory; for more than a minute of video, `stream` it. InputError as there.
        """
        stream = self.stream(frames)
        return Result(tuple(stream), self.space, stream.source.rate)

    def stream(self, frames: Any) -> Stream:
        """Labels frame by frame, in order, in memory that doesn't grow: of a video's path, a camera's number, or
        an iterable of pictures uint8 RGB [H, W, 3]. A frame's result comes about a window after the frame itself.

        InputError for what can't be read; see `Stream` for frames that break off.
        """
        return Stream(self, open_source(frames, self.max_pixels))

    def compile(self) -> None:
        """Runs the network once on black frames, if `compiled` is false: what comes then isn't held up by compiling."""
        if not self.compiled:
            shape = (self.batch_size, self.clip_frames, *self.size, 3 if self.flow is None else 5)
            self.forward(np.zeros(shape, np.uint8))
            self.compiled = True

    def new_windows(self) -> SlidingWindow:
        """What blends the network's windows over one stream."""
        return SlidingWindow(
            self.forward,
            self.space,
            clip_frames=self.clip_frames,
            frame_step=self.frame_step,
            overlap=self.overlap,
            batch_size=self.batch_size,
        )

    def network_frames(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Frames uint8 [h, w, 3] as the network sees them: whole, at its size; with flow, [H, W, 5]."""
        if self.flow is None:
            return (_resized(frame, self.size) for frame in frames)
        method, height = self.flow
        return _with_flow(frames, FlowTrack(method, self.frame_step, height), self.size)


def _resized(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A whole frame at the network's (height, width); averaged when it shrinks, so that nothing aliases."""
    shrinks = size[0] < rgb.shape[0] or size[1] < rgb.shape[1]
    return cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _with_flow(frames: Iterable[np.ndarray], track: FlowTrack, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Frames uint8 [h, w, 3] -> uint8 [H, W, 5]: RGB and packed flow at the network's (height, width)."""
    waiting: collections.deque[np.ndarray] = collections.deque()
    join = lambda flow: np.concatenate([waiting.popleft(), resized_flow(flow, size)], axis=-1)
    for frame in frames:
        waiting.append(_resized(frame, size))
        flow = track.add(frame)
        if flow is not None:
            yield join(flow)
    for flow in track.finish():
        yield join(flow)
