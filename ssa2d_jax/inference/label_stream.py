"""The loop that labels a stream of frames, and the files that are written from it."""

import collections
import errno
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from ssa2d_jax.inference.detector import Stream
from ssa2d_jax.inference.events import EVENTS_BORIS, EVENTS_CSV, TIMELINE, Course, FrameTimes, Observation, write_events
from ssa2d_jax.inference.frame_labels import LabelStatistics
from ssa2d_jax.inference.results import OPACITY, FrameResult
from ssa2d_jax.inference.track_files import TrackFiles
from ssa2d_jax.inference.tracker import Tracker
from ssa2d_jax.inference.tracks import Instances, Track
from ssa2d_jax.utils.progress import log
from ssa2d_jax.video.writer import VideoWriter
from ssa2d_jax.visualization.enlarge import enlargement

OVERLAY = "overlay.mp4"
_MOST_WAITING = 4  # frames whose overlay is not written yet

FrameSink = Callable[[FrameResult, Instances | None], None]
TrackSink = Callable[[Sequence[Track]], None]


def label_stream(
    stream: Stream,
    frame_sinks: Sequence[FrameSink],
    tracker: Tracker | None = None,
    track_sink: TrackSink = lambda tracks: None,
) -> LabelStatistics:
    """Labels a stream to its end, or to where its frames break off (`stream.source.error` says why).

    Args:
        stream: the frames.
        frame_sinks: each is called with every frame, in this order, and with the instances that the tracker sees in
            it (None without a tracker); what one raises ends the work.
        tracker: links instances over time.
        track_sink: is called with the tracks that have ended, after each frame and at the end.
    """
    statistics = LabelStatistics()
    for frame in stream.until_error():
        instances = None
        if tracker is not None:
            instances, ended = tracker.add_result(frame)
            track_sink(ended)
        statistics.add(frame.labels)
        for sink in frame_sinks:
            sink(frame, instances)
    if tracker is not None:
        track_sink(tracker.finish())
    return statistics


def new_overlay_writer(stream: Stream, folder: Path, scale: int = 0) -> VideoWriter:
    """Opens overlay.mp4 in `folder`, with the timing of the stream; for `scale` see `FrameResult.overlay`."""
    source = stream.source
    factor = enlargement(source.height, source.width, scale)
    size = {"height": factor * source.height, "width": factor * source.width}
    return VideoWriter(
        folder / OVERLAY, time_base=source.time_base, rate=source.rate, pixel_aspect=source.pixel_aspect, **size
    )


def overlay_sink(
    writer: VideoWriter, opacity: float = OPACITY, draw_instances: bool = False, scale: int = 0
) -> FrameSink:
    """A sink that writes every frame's overlay; `draw_instances`: boxes of the instances replace the class names."""
    return lambda frame, instances: writer.write(
        frame.overlay(opacity, instances if draw_instances else None, scale=scale), frame.pts
    )


class BackgroundSink:
    """Calls a sink in a thread of its own, so that drawing and encoding go on beside the network.

    The frames keep their order, and few of them wait. What the sink raises is raised at a later frame or at the end.
    The sink must not need instances: the tracker goes on changing their tracks.
    """

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._thread = ThreadPoolExecutor(1)
        self._waiting = collections.deque[Future[None]]()

    def __call__(self, frame: FrameResult, instances: Instances | None) -> None:
        while len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._sink, frame, None))

    def __enter__(self) -> "BackgroundSink":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=kind is not None)
        if kind is None:
            for future in self._waiting:
                future.result()


def new_track_files(stream: Stream, folder: Path) -> TrackFiles:
    """Prepares tracks.json and tracks.csv of the stream in `folder`."""
    source, detector = stream.source, stream.detector
    video = {"file_name": Path(source.name).name, "height": source.height, "width": source.width}
    return TrackFiles(folder, detector.space, video=video)


def write_courses(folder: Path, courses: Sequence[Course], times: FrameTimes, stream: Stream, out_folder: Path) -> None:
    """Writes timeline.png, events.csv and events.boris into `folder`, from where they will go to `out_folder`.

    If the picture cannot be drawn, a line says so, and there is none.
    """
    source, space = stream.source, stream.detector.space
    path, rate = Path(source.name), float(source.rate) if source.rate else None
    is_file = path.is_file()
    observation = Observation(path.stem if is_file else path.name, path if is_file else None, rate)
    for name in (EVENTS_CSV, EVENTS_BORIS):
        write_events(folder / name, courses, space, times, observation, out_folder)
    try:
        from ssa2d_jax.inference.timeline import write_timeline  # matplotlib takes half a second

        write_timeline(folder / TIMELINE, courses, space, times)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # a full disk
            raise
        (folder / TIMELINE).unlink(missing_ok=True)
        log(f"{source.name}: {TIMELINE} is left out, since it could not be drawn: {error!r}")
