"""A trained network on frames: which actor does which action, where, in every frame. The Python API.

from ssa2d_jax import Detector

detector = Detector.from_run("sprites")           # or a workdir, or a file that `ssa2d export_weights` wrote
result = detector("clip.mp4")                     # or uint8 [T, H, W, 3]
result.actor, result.action, result.joint         # uint8 [T, H, W], numbers of the classes in detector.space
result.write_overlay("overlay.mp4")
for frame in detector.stream("long.mp4"):         # frame by frame, in memory that does not grow; 0 is a camera
    frame.overlay()
"""

import collections
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ssa2d_jax.backends.choice import Forward, Network, Outputs, check_backend, make_network
from ssa2d_jax.data.backends import AUTO, OPENVINO
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.frame_labels import frame_labels
from ssa2d_jax.inference.results import FrameResult, Result
from ssa2d_jax.inference.windows import SlidingWindow, WindowOptions
from ssa2d_jax.pretrained import shipped
from ssa2d_jax.runs.defaults import THRESHOLD
from ssa2d_jax.runs.load_run import Run, load_run_as_saved
from ssa2d_jax.utils.images import resize
from ssa2d_jax.utils.progress import compile_note, waiting
from ssa2d_jax.video.optical_flow import FlowTrack, resize_flow
from ssa2d_jax.video.reader import MAX_PIXELS, Frame
from ssa2d_jax.video.shot_boundaries import with_shot_boundaries
from ssa2d_jax.video.sources import FrameInput, FrameSource, open_frames


class Stream:
    """The results of a source, frame by frame, in memory that does not grow with its length; can be read once.

    `source` has the size, rate and number of frames, and `stop()`, which ends it early; `windows.count` is the number
    of windows that went through the network. Where frames break off (a damaged file, an unplugged camera), the results
    of the frames before come first, then InputError is raised.
    """

    def __init__(self, detector: "Detector", source: FrameSource) -> None:
        self.detector, self.source = detector, source
        self.windows = SlidingWindow(
            detector.run_network,
            detector.space,
            detector.window_options,
            background=detector.backend == OPENVINO,
        )

    def __iter__(self) -> Iterator[FrameResult]:
        yield from self.until_error()
        if self.source.error is not None:
            raise self.source.error

    def until_error(self) -> Iterator[FrameResult]:
        """Yields the same results; where frames break off, `source.error` holds the error afterwards."""
        detector, source = self.detector, self.source
        waiting = collections.deque[tuple[Frame, bool]]()  # frames that have no labels yet, and whether a shot begins

        def pictures() -> Iterator[UInt8[np.ndarray, "H W 3"]]:
            for frame, cut in with_shot_boundaries(source, lambda frame: frame.rgb):
                waiting.append((frame, cut))
                yield frame.rgb

        grids = self.windows.probabilities(detector.network_frames(pictures()))
        for index, grid in enumerate(grids):
            frame, cut = waiting.popleft()
            labels = frame_labels(grid, source.height, source.width, detector.space, detector.threshold)
            yield FrameResult(index, frame.rgb, frame.pts, frame.time_base, labels, grid, detector.space, cut)


class Detector:
    """A network with everything that it needs to run on frames of any size and number."""

    def __init__(
        self,
        forward: Forward,
        space: LabelSpace,
        *,
        window_options: WindowOptions,
        size: tuple[int, int],
        flow: tuple[str, int] | None = None,
        threshold: float = THRESHOLD,
        max_pixels: int = MAX_PIXELS,
        step: int | None = None,
        about: str = "",
    ) -> None:
        """Builds a detector from a network; `from_run` is the usual way.

        Args:
            forward: runs the network, from uint8 [B, T, H, W, C] to the probabilities of actors, actions and the
                foreground on a grid of any size; C is 3 (RGB) or 5 (RGB and packed optical flow).
            space: its classes.
            window_options: how windows lie on a video; neighbours are blended where they overlap.
            size: height and width at which the network sees whole frames.
            flow: method and height of the optical flow, for a network of two streams.
            threshold: multi-label: a pixel has the actions of this probability or more.
            max_pixels: frames of more pixels are refused.
            step: the checkpoint's, for information.
            about: what the network is good for, for information.
        """
        self.forward, self.space, self.window_options, self.size = forward, space, window_options, size
        self.flow, self.threshold, self.max_pixels, self.step = flow, threshold, max_pixels, step
        self.about = about
        self.compiled = False

    def __repr__(self) -> str:
        space, (height, width) = self.space, self.size
        runs = f", {self.backend} runs it" if self.backend else ""
        return (
            f"<Detector: {len(space.actors) - 1} actors, {len(space.actions) - 1} actions, frames of {height}x{width}, "
            f"step {self.step}{runs}; classes in .space>"
        )

    @property
    def backend(self) -> str:
        """What runs the network, "jax" or "openvino"; empty for a function of one's own."""
        return self.forward.backend if isinstance(self.forward, Network) else ""

    @classmethod
    def from_run(
        cls,
        run: str | Path | None = None,
        *,
        step: int = 0,
        overlap: int | None = None,
        batch_size: int = 1,
        threshold: float | None = None,
        backend: str = AUTO,
    ) -> "Detector":
        """Loads the network of a run.

        Args:
            run: its workdir, a .safetensors file that `ssa2d export_weights` wrote, or "sprites", the default: the
                weights that come with the package, which know a drawn world only.
            step: of the checkpoint; 0 is the newest, -1 the best by joint mIoU.
            overlap: frames by which neighbouring windows overlap, by default half of them; fewer is faster.
            batch_size: windows that go through the network together.
            threshold: multi-label: a pixel has the actions of this probability or more; by default the run's.
            backend: what runs the network: "jax", "openvino", or "auto", the faster one that can be had.

        Raises:
            InputError: there is no such run, checkpoint or backend, or the windows do not fit.
        """
        check_backend(backend)
        loaded = load_run_as_saved(shipped.find_run(run), step)
        return cls.from_loaded_run(loaded, overlap=overlap, batch_size=batch_size, threshold=threshold, backend=backend)

    @classmethod
    def from_loaded_run(
        cls,
        run: Run,
        *,
        overlap: int | None = None,
        batch_size: int = 1,
        threshold: float | None = None,
        max_pixels: int = MAX_PIXELS,
        backend: str = AUTO,
    ) -> "Detector":
        """Builds the detector of a run that is loaded; for the options see `from_run` and the constructor."""
        data = run.config.data
        height, width = data.size
        return cls(
            make_network(run.model, run.variables, run.space.multilabel, backend),
            run.space,
            window_options=WindowOptions(
                clip_frames=data.clip_frames,
                frame_step=data.frame_step,
                overlap=data.clip_frames // 2 if overlap is None else overlap,
                batch_size=batch_size,
            ),
            size=(height, width),
            flow=(data.flow, data.flow_height or height) if run.config.model.flow else None,
            threshold=run.threshold if threshold is None else threshold,
            max_pixels=max_pixels,
            step=run.step,
            about=run.about,
        )

    def __call__(self, frames: FrameInput, *, video_stream: int | None = None, strict: bool = False) -> Result:
        """Labels a whole clip and keeps it in memory; use `stream` for more than a minute of video.

        For the arguments see `stream`.

        Raises:
            InputError: the frames cannot be read, or break off.
        """
        stream = self.stream(frames, video_stream=video_stream, strict=strict)
        source = stream.source
        video = str(frames) if isinstance(frames, str | Path) else ""
        return Result(tuple(stream), self.space, source.rate, self.threshold, source.pixel_aspect, video)

    def stream(self, frames: FrameInput, *, video_stream: int | None = None, strict: bool = False) -> Stream:
        """Labels frame by frame, in order, in memory that does not grow.

        The result of a frame comes about a window after the frame itself. See `Stream` for frames that break off.

        Args:
            frames: see `open_frames` in video/sources.py.
            video_stream: the number of the stream in a file; None: the one that players show.
            strict: ends a video at the first damaged place; otherwise the rest is read, too.

        Raises:
            InputError: the frames cannot be read.
        """
        return Stream(self, open_frames(frames, self.max_pixels, video_stream=video_stream, strict=strict))

    def compile(self) -> None:
        """Runs the network once on black frames, so that later calls do not wait for compiling; once only."""
        if not self.compiled:
            options, channels = self.window_options, 3 if self.flow is None else 5
            self.run_network(np.zeros((options.batch_size, options.clip_frames, *self.size, channels), np.uint8))

    def run_network(self, clips: UInt8[np.ndarray, "B T H W C"]) -> Outputs:
        """Runs the network; the first time it says that it is compiled before, which takes long."""
        if self.compiled:
            return self.forward(clips)
        note = "a few seconds, for OpenVINO" if self.backend == OPENVINO else compile_note("up to a minute")
        with waiting("compiling the network", note):
            outputs = self.forward(clips)
        self.compiled = True
        return outputs

    def network_frames(self, frames: Iterable[UInt8[np.ndarray, "_ _ 3"]]) -> Iterator[UInt8[np.ndarray, "h w C"]]:
        """Yields whole frames at the network's size; RGB, and packed flow for a network of two streams."""
        if self.flow is None:
            return (resize(frame, self.size) for frame in frames)
        method, height = self.flow
        flow_track = FlowTrack(method, self.window_options.frame_step, height)
        return _with_flow(frames, flow_track, self.size)


def _with_flow(
    frames: Iterable[UInt8[np.ndarray, "_ _ 3"]], flow_track: FlowTrack, size: tuple[int, int]
) -> Iterator[UInt8[np.ndarray, "h w 5"]]:
    """Yields RGB and packed flow of whole frames at `size` (height, width)."""
    waiting = collections.deque[UInt8[np.ndarray, "h w 3"]]()  # frames whose flow is not known yet

    def join(flow: UInt8[np.ndarray, "y x 2"]) -> UInt8[np.ndarray, "h w 5"]:
        return np.concatenate([waiting.popleft(), resize_flow(flow, size)], axis=-1)

    for frame in frames:
        waiting.append(resize(frame, size))
        flow = flow_track.add(frame)
        if flow is not None:
            yield join(flow)
    for flow in flow_track.finish():
        yield join(flow)
