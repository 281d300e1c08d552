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
import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ssa2d_jax import restore, steps, tracks, video
from ssa2d_jax.cuts import with_cuts
from ssa2d_jax.frame_labels import FrameLabels, frame_labels
from ssa2d_jax.frame_sets import Drawn, drawn, frame_sets, unpacked
from ssa2d_jax.label_space import LabelSpace
from ssa2d_jax.optical_flow import FlowTrack, resized_flow
from ssa2d_jax.overlay import draw_boxes, draw_overlay
from ssa2d_jax.sources import Source, open_source
from ssa2d_jax.tracks import Region, Track
from ssa2d_jax.video_writer import VideoWriter
from ssa2d_jax.windows import Forward, Windows, check_windows

OPACITY = 0.55


@dataclasses.dataclass(frozen=True)
class FrameResult:
    """One frame and its labels.

    index          of the frame, from 0
    frame          uint8 RGB [H, W, 3]; shown at `pts` ticks of `time_base` seconds
    labels         label maps, and pixels and confidence by class (see `FrameLabels`)
    probabilities  float32 [h, w, C] on the network's own grid: actor classes, action classes, foreground
    cut            whether a new shot begins here (see cuts.py)
    """

    index: int
    frame: np.ndarray
    pts: int | None
    time_base: Fraction
    labels: FrameLabels
    probabilities: np.ndarray
    space: LabelSpace
    cut: bool = False

    @property
    def seconds(self) -> float | None:
        """When the frame is shown, None if that isn't known."""
        return None if self.pts is None else float(self.pts * self.time_base)

    @property
    def actor(self) -> np.ndarray:
        """Actor classes, uint8 [H, W]."""
        return self.labels.maps["actor"]

    @property
    def action(self) -> np.ndarray:
        """Action classes, uint8 [H, W]; where a pixel may have several, the strongest."""
        return self.labels.maps["action"]

    @property
    def joint(self) -> np.ndarray:
        """Joint classes, uint8 [H, W]: numbers of `space.joint`. Where a pixel may have several actions there are none:
        ValueError."""
        if self.space.several:
            raise ValueError("a pixel may have several actions here, so it has no one joint class; see `actions`")
        return self.labels.maps["joint"]

    @property
    def actions(self) -> np.ndarray:
        """Which actions each pixel has, bool [H, W, A], background left out (class 1 + its place)."""
        if self.space.several:
            return unpacked(self.labels.maps["actions"], self.space)
        return self.action[..., None] == np.arange(1, len(self.space.actions))

    def overlay(
        self,
        opacity: float = OPACITY,
        instances: Sequence[tuple[Track, Region]] | None = None,
        *,
        scale: int = 1,
    ) -> np.ndarray:
        """The frame with its labels, class names and a legend, uint8 [H, W, 3]; `scale` times as large: on a small
        frame names leave little room.

        With `instances`, as `Tracker.add` gives them, boxes with the tracks' numbers take the class names' place.
        """
        labels, space = self.labels, self.space
        frame = _enlarged(self.frame, scale, cv2.INTER_LINEAR)
        larger = lambda maps: _enlarged(maps, scale, cv2.INTER_NEAREST)
        if instances is not None:
            if space.several:
                shown = Drawn(self.actor, space.actors, np.array(space.actor_colours, np.uint8))
            else:
                shown = Drawn(self.joint, space.joint, space.joint_colours)
            picture = draw_overlay(frame, larger(shown.map), shown, opacity=opacity, names=None)
            return draw_boxes(picture, [_boxed(track, region, space, scale) for track, region in instances])
        if not space.several:
            return draw_overlay(frame, larger(self.joint), space, opacity=opacity, names=_names(labels, space))
        pairs = drawn(self.actor, self.actions, self.action, space)
        return draw_overlay(frame, larger(pairs.map), pairs, opacity=opacity, names={})


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """The labels of a whole clip: `frames`, one result each, and the same as arrays."""

    frames: tuple[FrameResult, ...]
    space: LabelSpace
    rate: Fraction | None

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        height, width = self.frames[0].frame.shape[:2]
        return f"<Result: {len(self)} frames of {width}x{height}>"

    def __getitem__(self, index: int) -> FrameResult:
        return self.frames[index]

    @functools.cached_property
    def actor(self) -> np.ndarray:
        """Actor classes, uint8 [T, H, W]."""
        return np.stack([frame.actor for frame in self.frames])

    @functools.cached_property
    def action(self) -> np.ndarray:
        """Action classes, uint8 [T, H, W]; where a pixel may have several, the strongest."""
        return np.stack([frame.action for frame in self.frames])

    @functools.cached_property
    def joint(self) -> np.ndarray:
        """Joint classes, uint8 [T, H, W]; ValueError where a pixel may have several actions."""
        return np.stack([frame.joint for frame in self.frames])

    @functools.cached_property
    def probabilities(self) -> np.ndarray:
        """float32 [T, h, w, C] on the network's own grid: actor classes, action classes, foreground."""
        return np.stack([frame.probabilities for frame in self.frames])

    def to_tracks(
        self, *, gap: int = 8, least: int = tracks.LEAST_FRAMES, least_confidence: float = 0.0
    ) -> list[Track]:
        """The clip's instances over time (see `tracks.Tracker`, also for the options), by their first frame."""
        return tracks.track(self.frames, self.space, gap=gap, least=least, least_confidence=least_confidence)

    def overlay(self, opacity: float = OPACITY) -> np.ndarray:
        """The frames with their labels, class names and legends, uint8 [T, H, W, 3]."""
        return np.stack([frame.overlay(opacity) for frame in self.frames])

    def write_overlay(self, path: str | Path, opacity: float = OPACITY, *, scale: int = 1) -> None:
        """Writes the overlay as an mp4 of the frames' own timing and of `scale` times their size."""
        first = self.frames[0]
        height, width = (scale * side for side in first.frame.shape[:2])
        with VideoWriter(path, height=height, width=width, time_base=first.time_base, rate=self.rate) as writer:
            for frame in self.frames:
                writer.write(frame.overlay(opacity, scale=scale), frame.pts)


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
        waiting = collections.deque[tuple[video.Frame, bool]]()  # frames that still lack their labels

        def pictures() -> Iterator[np.ndarray]:
            for frame, cut in with_cuts(self.source, lambda frame: frame.rgb):
                waiting.append((frame, cut))
                yield frame.rgb

        shape = {"height": self.source.height, "width": self.source.width, "space": space}
        grids = self.windows.probabilities(detector.network_frames(pictures()))
        for index, grid in enumerate(grids):
            frame, cut = waiting.popleft()
            if space.several:
                labels = frame_sets(grid, **shape, threshold=detector.threshold)
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
        max_pixels: int = video.MAX_PIXELS,
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
        loaded = restore.load_own(Path(run), step)
        return cls.of(loaded, overlap=overlap, batch_size=batch_size, threshold=threshold)

    @classmethod
    def of(
        cls,
        run: restore.Run,
        *,
        overlap: int | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> "Detector":
        """The detector of a restored run; `options` as the constructor has them."""
        data = run.config.data
        return cls(
            steps.make_forward(run.model, run.variables, run.space.several),
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

    def new_windows(self) -> Windows:
        """What blends the network's windows over one stream."""
        return Windows(
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


def _enlarged(picture: np.ndarray, scale: int, how: int) -> np.ndarray:
    return picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)


def _boxed(track: Track, region: Region, space: LabelSpace, scale: int) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    """Box, text and colour of an instance: "dog 2 running"."""
    action = track.latest_action(space)
    doing = f" {space.actions[action]}" if action else ""
    box = tuple(scale * side for side in region.box)
    return box, f"{space.actors[track.actor]} {track.number}{doing}", space.colour(track.actor, max(action, 1))


def _names(labels: FrameLabels, space: LabelSpace) -> dict[int, str]:
    """What is written near each class of the frame: "dog-running 87%", its mean confidence there."""
    pixels, confidence = labels.pixels["joint"], labels.confidence["joint"]
    present = np.flatnonzero(pixels)
    return {int(j): f"{space.joint[j]} {100 * confidence[j] / pixels[j]:.0f}%" for j in present}
