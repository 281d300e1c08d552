"""One clip through the network, within limits: overlay and tracks as files, and what a page tells of them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ssa2d_jax.inference import track_files
from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.frame_labels import LabelStatistics
from ssa2d_jax.inference.timeline import timeline
from ssa2d_jax.inference.track_files import TrackFiles
from ssa2d_jax.inference.tracker import Track, Tracker
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.sources import FrameSource
from ssa2d_jax.video.writer import VideoWriter

OVERLAY = "overlay.mp4"
_USUAL_RATE = 25  # frames a second, of a clip that doesn't say when its frames are shown
_HIGHEST_RATE = 60  # frames a second that the limit in seconds allows for


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a clip may have at most: `seconds`, `megabytes` (2^20 bytes), and `width` x `height` pixels a frame."""

    seconds: float
    megabytes: float
    width: int = 1920
    height: int = 1080

    @property
    def bytes(self) -> int:
        """The most bytes of a clip's file."""
        return int(self.megabytes * 2**20)

    @property
    def frames(self) -> int:
        """The most frames of a clip."""
        return int(_HIGHEST_RATE * self.seconds)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """A clip's labels, as a page shows them.

    overlay, tables    files: the video with its labels; tracks.csv and tracks.json
    timeline           SVG of the tracks (`charts.timeline`); None without a track
    shares             of every joint class: frames with it, share of all pixels, confidence (`Tally.summary`)
    broken             why the clip ends early, where it is damaged; else None
    """

    overlay: Path
    tables: tuple[Path, ...]
    timeline: str | None
    shares: dict[str, dict]
    frames: int
    tracks: int
    broken: str | None


def label_clip(
    detector: Detector,
    clip: Path,
    folder: Path,
    limits: Limits,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> Labelled:
    """Labels `clip` and writes overlay and tracks into `folder`, which is there; in memory that the limits bound.

    `progress` is told how many frames are done, of how many (None: not known); what it raises ends the work. InputError
    for what is no video or beyond the limits: by the file's size and what the container says before anything is
    labelled, else as soon as a frame is. Messages call the clip by its name alone. A clip that breaks off is labelled
    up to there.
    """
    try:
        return _label_clip(detector, clip, folder, limits, progress)
    except InputError as error:
        raise InputError(_by_name(error, clip)) from error


def _label_clip(
    detector: Detector, clip: Path, folder: Path, limits: Limits, progress: Callable[[int, int | None], None]
) -> Labelled:
    if clip.is_file() and clip.stat().st_size > limits.bytes:
        raise InputError(f"{clip} has {clip.stat().st_size / 2**20:.2f} MB; at most {limits.megabytes:g} MB are taken")
    stream = detector.stream(clip)
    source, space, shape = stream.source, detector.space, {"height": stream.source.height, "width": stream.source.width}
    _check_announced(clip, source, limits)
    tally, tracker, tracks, seconds = LabelStatistics(), Tracker(space), list[Track](), list[float]()
    usual = float(1 / (source.rate or _USUAL_RATE))
    with (
        TrackFiles(folder, space, threshold=detector.threshold, video={"file_name": clip.name, **shape}) as tables,
        VideoWriter(folder / OVERLAY, time_base=source.time_base, rate=source.rate, **shape) as overlay,
    ):
        for frame in stream.until_the_end():
            seconds.append(_shown(frame.seconds, seconds, usual))
            _check_length(clip, seconds, limits)
            tally.add(frame.labels)
            _, over = tracker.add_result(frame)
            tracks += over
            overlay.write(frame.overlay(), frame.pts)
            progress(len(seconds), source.frames)
        tracks = sorted(tracks + tracker.finish(), key=lambda track: track.number)
        tables.add(tracks)
        tables.end(tally.frames)
    seconds.append(seconds[-1] + usual)
    return Labelled(
        overlay=folder / OVERLAY,
        tables=tuple(folder / name for name in reversed(track_files.NAMES)),
        timeline=timeline(tracks, space, seconds, threshold=detector.threshold) if tracks else None,
        shares=tally.summary(space)["joint"],
        frames=tally.frames,
        tracks=len(tracks),
        broken=_by_name(source.error, clip) if source.error else None,
    )


def _shown(told: float | None, before: list[float], usual: float) -> float:
    """When a frame is shown, in seconds: as it says, but never before the one before it; else `usual` after that."""
    if not before:
        return told or 0.0
    return before[-1] + usual if told is None else max(told, before[-1])


def _check_announced(clip: Path, source: FrameSource, limits: Limits) -> None:
    """Size and length as the file tells them."""
    if source.height * source.width > limits.height * limits.width:
        most = f"at most {limits.width}x{limits.height}, or as many in another shape, are taken; scale it down"
        raise InputError(f"{clip} has {source.width}x{source.height} pixels; {most}")
    if source.frames and source.rate and source.frames / source.rate > limits.seconds:
        raise InputError(_too_long(clip, f"{float(source.frames / source.rate):.1f} seconds long", limits))


def _check_length(clip: Path, seconds: list[float], limits: Limits) -> None:
    """Length so far, whatever the file tells."""
    if seconds[-1] - seconds[0] > limits.seconds:
        raise InputError(_too_long(clip, f"longer than {limits.seconds:g} seconds", limits))
    if len(seconds) > limits.frames:
        raise InputError(_too_long(clip, f"of more than {limits.frames} frames", limits))


def _too_long(clip: Path, how_long: str, limits: Limits) -> str:
    return f"{clip} is {how_long}; at most {limits.seconds:g} seconds are taken, {_HIGHEST_RATE} frames each; cut it"


def _by_name(error: InputError, clip: Path) -> str:
    return str(error).replace(str(clip), clip.name)
