"""Labels videos into files: overlay, label maps, summary, tracks, timeline and events.

Memory hardly grows with the video's length: eight bytes a frame, and a few hundred for each track and bout.
"""

import collections
import contextlib
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.detector import Detector, Stream
from ssa2d_jax.inference.events import EVENTS_BORIS, EVENTS_CSV, TIMELINE, Course, FrameTimes
from ssa2d_jax.inference.exports.options import DEFAULT_EXPORT, ExportOptions
from ssa2d_jax.inference.exports.output_folder import SUMMARY, check_unchanged, checksum, replace_outputs
from ssa2d_jax.inference.exports.write import EXPORT_CHECKSUMS, check_formats, picture_writer, write_beside
from ssa2d_jax.inference.frame_labels import map_shapes
from ssa2d_jax.inference.label_archive import LabelArchive
from ssa2d_jax.inference.label_stream import (
    OVERLAY,
    BackgroundSink,
    TrackSink,
    label_stream,
    new_overlay_writer,
    new_track_files,
    overlay_sink,
    write_courses,
)
from ssa2d_jax.inference.results import OPACITY
from ssa2d_jax.inference.track_files import TRACKS_CSV, TRACKS_JSON, TrackFiles
from ssa2d_jax.inference.tracker import MIN_AREA, MIN_FRAMES, Tracker
from ssa2d_jax.inference.tracks import Track
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_address, is_clutter, local_path
from ssa2d_jax.utils.progress import Progress, log
from ssa2d_jax.utils.signals import Stopped, StopSignal
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.video.container import VIDEO_SUFFIXES
from ssa2d_jax.video.pictures import read_picture_folder
from ssa2d_jax.visualization.enlarge import enlargement

LABELS = "labels.npz"
OUTPUTS = (OVERLAY, LABELS, SUMMARY, TRACKS_JSON, TRACKS_CSV, TIMELINE, EVENTS_CSV, EVENTS_BORIS)
# Files that people correct or have of their own, which are never overwritten then, and the keys of the summary that
# have the checksums of those written here.
_CHECKSUMS = {
    TRACKS_JSON: "tracks_crc32",
    TIMELINE: "timeline_crc32",
    EVENTS_CSV: "events_csv_crc32",
    EVENTS_BORIS: "events_crc32",
    **EXPORT_CHECKSUMS,
}

Summary = dict[str, Any]  # what summary.json holds


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """What is read of a video, and what is drawn and written of its labels.

    Attributes:
        opacity: of the labels on the overlay, 0 to 1.
        tracks: whether to follow the instances over time and to write what they do when: tracks.json, tracks.csv,
            timeline.png, events.csv, events.boris.
        draw_tracks: whether boxes with the tracks' numbers replace the class names on the overlay.
        track_frames: tracks of fewer frames are dropped.
        track_confidence: tracks of a lower mean confidence are dropped, 0 to 1.
        scale: the overlay is this many times as large as the video; 0 = automatic, see `FrameResult.overlay`.
        video_stream: the number of the stream in a file; None: the one that players show.
        strict: stops a video at the first damaged place; otherwise the rest is labelled, too.
        formats: the tracks are also written for labelling tools, in these formats of data/export_formats.py.
        export: what these files hold.
        track_area: smaller regions are no instance, as a share of the frame's pixels, 0 to 1.
    """

    opacity: float = OPACITY
    tracks: bool = True
    draw_tracks: bool = False
    track_frames: int = MIN_FRAMES
    track_confidence: float = 0.0
    scale: int = 0
    video_stream: int | None = None
    strict: bool = False
    formats: tuple[str, ...] = ()
    export: ExportOptions = DEFAULT_EXPORT
    track_area: float = MIN_AREA


def predict_path(
    path: str | Path | int, out_folder: str | Path, *, detector: Detector, options: PredictOptions = PredictOptions()
) -> list[Summary]:
    """`predict_video` for a video, a camera's number or a folder of pictures; `predict_many` for a folder of videos.

    A folder that holds pictures and no video is one video, a picture per frame. Its subfolders are not read, nor are
    hidden files and those that systems leave.
    """
    path = path if isinstance(path, int) or is_address(path) else local_path(path)
    if not isinstance(path, Path) or not path.is_dir():
        return [predict_video(path, out_folder, detector=detector, options=options)]
    folder = Path(path)
    files = sorted(file for file in folder.iterdir() if file.is_file() and not is_clutter(file.name))
    videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
    animations = all(file.suffix.lower() in (".gif", ".apng") for file in videos)  # a preview of the pictures
    pictures = read_picture_folder(folder) if animations else None
    if pictures and pictures.frames:
        left_out = [file.name for file in (*pictures.masks, *pictures.unread)]
        if left_out:
            frames = plural(len(pictures.frames), "frame")
            log(f"{folder}: {frames}; masks and other files beside them are no frames: {first_few(left_out)}")
        return [predict_video(folder, out_folder, detector=detector, options=options)]
    others = [file.name for file in files if file not in videos]
    if others:
        log(f"{folder}: skipped {plural(len(others), 'file')} without a video's suffix: {first_few(others)}")
    if not videos:
        suffixes = ", ".join(VIDEO_SUFFIXES)
        raise InputError(f"{folder}: no video in this folder; a video's name ends in one of {suffixes}")
    return predict_many(videos, out_folder, detector=detector, options=options)


def predict_many(
    paths: Iterable[str | Path],
    out_folder: str | Path,
    *,
    detector: Detector,
    options: PredictOptions = PredictOptions(),
) -> list[Summary]:
    """`predict_video` for each of `paths`, into a folder of its name in `out_folder`; returns the summaries.

    If one fails, the others are still done; InputError at the end names those that failed, with the reason.
    """
    folders = _folders([Path(path) for path in paths], Path(out_folder))
    summaries, failures = [], []
    for path, folder in folders.items():
        try:
            summaries.append(predict_video(path, folder, detector=detector, options=options))
        except (ValueError, OSError) as error:
            log(f"failed: {error}")
            failures.append(str(error))
    if failures:
        count = f"{len(failures)} of {len(folders)} videos"
        raise InputError(f"{count} failed, the others are done: {'; '.join(failures)}")
    return summaries


def predict_video(
    video: str | Path | int,
    out_folder: str | Path,
    *,
    detector: Detector,
    options: PredictOptions = PredictOptions(),
) -> Summary:
    """Labels every frame of a video, or of the camera of this number; writes `OUTPUTS` and returns the summary.

    overlay.mp4 has the frame count and timing of the video, and `options.scale` times its size (upright). labels.npz
    holds the maps of `FrameLabels` as arrays [frames, ...], at the video's own size. summary.json holds the returned
    dict. tracks.json and tracks.csv are written by `TrackFiles`; timeline.png shows the tracks over time; events.csv
    and events.boris list their bouts (see events.py). `options.formats` adds the files of exports/. Outputs of an
    earlier run are replaced at the very end.

    Raises:
        InputError: the video cannot be read, `options.scale` is too large for it, `out_folder` is the folder of
            pictures that is read, a format can't hold the classes, or one of the files in it that people correct
            was changed by hand. A video that breaks off in the middle is finished up to there first.
        Stopped: at a first Ctrl-C or SIGTERM, when everything is written for the frames so far.
    """
    out_folder = Path(out_folder)
    _check_places(Path(str(video)), out_folder)
    check_unchanged(out_folder, _CHECKSUMS)
    check_formats(options.formats, options.export, detector.space)
    if options.formats and not options.tracks:
        raise InputError(f"formats are {','.join(options.formats)}, but no tracks are kept; leave tracks=True")
    video = video if isinstance(video, int) else str(video)
    stream = detector.stream(video, video_stream=options.video_stream, strict=options.strict)
    source = stream.source
    enlargement(source.height, source.width, options.scale)
    out_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out_folder) as unfinished:
        folder = Path(unfinished)
        with StopSignal("finishing the frames that were read", source.stop) as stop:
            detector.compile()
            courses, times = list[Course](), FrameTimes.at_rate(source.rate)
            summary = _predict(stream, folder, options, courses, times)
            if options.tracks:
                write_courses(folder, courses, times, stream, out_folder)
                write_beside(folder, options.formats, options.export, video=source.name, out_folder=out_folder)
            summary |= {key: checksum(folder / name) for name, key in _CHECKSUMS.items()}
            (folder / SUMMARY).write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
            replace_outputs(folder, out_folder, (*OUTPUTS, *EXPORT_CHECKSUMS))
    if source.error is not None:
        raise InputError(
            f"{source.error}; the {summary['frames']} frames that were read are done, see {out_folder}"
        ) from source.error
    log(f"{source.name}: {summary['frames']} frames in {summary['seconds']:.1f} s, see {out_folder}")
    if stop.requested:
        raise Stopped(stop.requested, f"after {summary['frames']} frames, which are done")
    return summary


def _predict(
    stream: Stream, folder: Path, options: PredictOptions, courses: list[Course], times: FrameTimes
) -> Summary:
    """Labels the stream, writes overlay.mp4, labels.npz and the tracks into `folder`, and returns the summary.

    Adds the tracks to `courses` and the frames to `times`.
    """
    started, source, detector = time.monotonic(), stream.source, stream.detector
    progress = Progress(Path(source.name).name, "frames", source.frames)
    tracker = Tracker(
        detector.space,
        threshold=detector.threshold,
        min_frames=options.track_frames,
        min_confidence=options.track_confidence,
        min_area=options.track_area,
    )
    with contextlib.ExitStack() as files:
        tracks = files.enter_context(new_track_files(stream, folder)) if options.tracks else None
        shapes = map_shapes(detector.space, source.height, source.width)
        archive = files.enter_context(LabelArchive(folder / LABELS, shapes))
        overlay = files.enter_context(new_overlay_writer(stream, folder, options.scale))
        write_picture = picture_writer(folder, source.name, options.formats, options.export)
        draw = overlay_sink(overlay, options.opacity, options.draw_tracks, options.scale)
        sinks = (
            lambda frame, instances: archive.append(**frame.labels.maps),
            draw if options.draw_tracks else files.enter_context(BackgroundSink(draw)),
            lambda frame, instances: times.add(frame.seconds, cut=frame.cut),
            lambda frame, instances: progress.add(1),
            lambda frame, instances: write_picture(frame.index, frame.frame),
        )
        if tracks is None:
            statistics = label_stream(stream, sinks)
        else:
            statistics = label_stream(stream, sinks, tracker, _track_sink(tracks, courses, detector.space))
            tracks.end(statistics.frames)
    seconds = time.monotonic() - started
    return {
        "video": source.name,
        "frames": statistics.frames,
        "rate": float(source.rate) if source.rate else None,
        "height": source.height,
        "width": source.width,
        "complete": source.error is None and not source.stopped,
        "remarks": [*source.remarks, *([str(source.error)] if source.error else [])],
        "windows": stream.windows.count,
        "seconds": round(seconds, 3),
        "frames_per_second": round(statistics.frames / seconds, 3),
        **statistics.summary(detector.space),
        "tracks": None if tracks is None else tracks.count,
        "step": detector.step,
    }


def _track_sink(tables: TrackFiles, courses: list[Course], space: LabelSpace) -> TrackSink:
    """A sink that writes the tracks that have ended into the tables, and keeps their courses."""

    def add(ended: Sequence[Track]) -> None:
        tables.add(ended)
        courses.extend(Course.of(track, space) for track in ended)

    return add


def _check_places(path: Path, out_folder: Path) -> None:
    """Raises InputError unless `out_folder` can be a folder and no output would overwrite or join the input."""
    if out_folder.exists() and not out_folder.is_dir():
        raise InputError(f"{out_folder}: this is a file; the output needs a folder, a new one or an existing one")
    if path.resolve() in [(out_folder / name).resolve() for name in OUTPUTS]:
        raise InputError(f"{path}: the output would overwrite it; choose another folder than {out_folder}")
    if path.is_dir() and path.resolve() == out_folder.resolve():
        raise InputError(f"{path}: the output's pictures would be frames of the next run; choose another output folder")


def _folders(paths: list[Path], out_folder: Path) -> dict[Path, Path]:
    """A folder for each path: its name without the suffix, or with it where two paths would share a folder."""
    stems = collections.Counter(path.stem for path in paths)
    folders = {path: out_folder / (path.stem if stems[path.stem] == 1 else path.name) for path in paths}
    shared = [str(folder) for folder, count in collections.Counter(folders.values()).items() if count > 1]
    if shared:
        raise InputError(f"more than one video would be written to the same folder: {first_few(shared)}")
    return folders
