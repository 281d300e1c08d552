"""One clip through the network, within limits: overlay and tracks as files, and what the page shows of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.events import FrameTimes
from ssa2d_jax.inference.frame_labels import ClassStatistics
from ssa2d_jax.inference.label_stream import OVERLAY, label_stream, new_overlay_writer, new_track_files, overlay_sink
from ssa2d_jax.inference.results import FrameResult
from ssa2d_jax.inference.timeline import timeline
from ssa2d_jax.inference.track_files import TRACKS_CSV, TRACKS_JSON
from ssa2d_jax.inference.tracker import Tracker
from ssa2d_jax.inference.tracks import Instances, Track
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.sources import FrameSource
from ssa2d_jax.web.limits import MAX_RATE, Limits

ReportProgress = Callable[[int, int | None], None]  # frames done, and all frames (None: unknown)


@dataclasses.dataclass(frozen=True)
class LabelledClip:
    """A clip's labels, as the page shows them.

    Attributes:
        overlay: the video with its labels.
        tables: tracks.csv and tracks.json.
        timeline: an SVG of the tracks; None without a track.
        shares: statistics of every joint class.
        frames: the number of frames.
        tracks: the number of tracks.
        broken: why a damaged clip ends early, or what was lost of it, else None.
        remarks: what was decided about the video.
    """

    overlay: Path
    tables: tuple[Path, ...]
    timeline: str | None
    shares: dict[str, ClassStatistics]
    frames: int
    tracks: int
    broken: str | None
    remarks: tuple[str, ...] = ()


def label_clip(
    detector: Detector,
    clip: Path,
    folder: Path,
    limits: Limits,
    progress: ReportProgress = lambda done, total: None,
) -> LabelledClip:
    """Labels `clip` and writes overlay and tracks into `folder`, in memory that the limits bound.

    A clip that breaks off is labelled up to there.

    Args:
        detector: the network.
        clip: a video file.
        folder: an existing folder.
        limits: what the clip may have.
        progress: is called after every frame; what it raises ends the work.

    Raises:
        InputError: the file is no video or exceeds the limits. What the file announces (bytes, size, length) is
            checked before anything is labelled, its real length with every frame. Messages name the clip without
            its folder.
    """
    try:
        return _label_clip(detector, clip, folder, limits, progress)
    except InputError as error:
        raise InputError(_without_folder(error, clip)) from error


def _label_clip(detector: Detector, clip: Path, folder: Path, limits: Limits, progress: ReportProgress) -> LabelledClip:
    _check_bytes(clip, limits)
    stream = detector.stream(clip)
    source, space, tracks = stream.source, detector.space, list[Track]()
    _check_announced(clip, source, limits)
    times = FrameTimes.at_rate(source.rate)

    def check_length(frame: FrameResult, instances: Instances | None) -> None:
        times.add(frame.seconds)
        _check_length(clip, times, limits)

    def report(frame: FrameResult, instances: Instances | None) -> None:
        progress(len(times), source.frames)

    with new_track_files(stream, folder) as tables, new_overlay_writer(stream, folder) as overlay:
        sinks = (check_length, overlay_sink(overlay), report)
        statistics = label_stream(stream, sinks, Tracker(space, threshold=detector.threshold), tracks.extend)
        tracks.sort(key=lambda track: track.number)
        tables.add(tracks)
        tables.end(statistics.frames)
    return LabelledClip(
        overlay=folder / OVERLAY,
        tables=(folder / TRACKS_CSV, folder / TRACKS_JSON),
        timeline=timeline(tracks, space, times) if tracks else None,
        shares=statistics.summary(space)["joint"],
        frames=statistics.frames,
        tracks=len(tracks),
        broken=_without_folder(source.error, clip) if source.error else None,
        remarks=tuple(_without_folder(remark, clip) for remark in source.remarks),
    )


def _check_bytes(clip: Path, limits: Limits) -> None:
    """Raises InputError for a file of too many bytes."""
    if clip.is_file() and clip.stat().st_size > limits.bytes:
        megabytes = clip.stat().st_size / 2**20
        raise InputError(f"{clip} has {megabytes:.2f} MB; at most {limits.megabytes:g} MB are allowed")


def _check_announced(clip: Path, source: FrameSource, limits: Limits) -> None:
    """Raises InputError for too many pixels or too long a video, by what the file says."""
    if source.height * source.width > limits.height * limits.width:
        allowed = f"at most {limits.width}x{limits.height}, or as many in another shape, are allowed; scale it down"
        raise InputError(f"{clip} has {source.width}x{source.height} pixels; {allowed}")
    if source.frames and source.rate and source.frames / source.rate > limits.seconds:
        raise InputError(_too_long(clip, f"is {float(source.frames / source.rate):.1f} seconds long", limits))


def _check_length(clip: Path, times: FrameTimes, limits: Limits) -> None:
    """Raises InputError if the frames so far are too many or take too long, whatever the file says."""
    if times.start(len(times) - 1) > limits.seconds:
        raise InputError(_too_long(clip, f"is longer than {limits.seconds:g} seconds", limits))
    if len(times) > limits.frames:
        raise InputError(_too_long(clip, f"has more than {limits.frames} frames", limits))


def _too_long(clip: Path, length: str, limits: Limits) -> str:
    allowed = f"at most {limits.seconds:g} seconds with {MAX_RATE} frames per second are allowed"
    return f"{clip} {length}; {allowed}; shorten it"


def _without_folder(message: InputError | str, clip: Path) -> str:
    """The message, with the clip's name in place of its path."""
    return str(message).replace(str(clip), clip.name)
