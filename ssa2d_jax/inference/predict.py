"""Predicts on any video: overlay.mp4, labels.npz, summary.json, in memory that doesn't grow with length."""

import collections
import contextlib
import json
import os
import pathlib
import tempfile
import time
import zlib
from collections.abc import Iterable

from ssa2d_jax.data.label_space import KINDS, LabelSpace
from ssa2d_jax.inference import track_files
from ssa2d_jax.inference.detector import Detector, Stream
from ssa2d_jax.inference.frame_labels import LabelStatistics
from ssa2d_jax.inference.label_archive import LabelArchive
from ssa2d_jax.inference.results import OPACITY
from ssa2d_jax.inference.track_files import TrackFiles
from ssa2d_jax.inference.tracker import LEAST_FRAMES, Tracker
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress, log
from ssa2d_jax.utils.signals import Stopped, StopSignal
from ssa2d_jax.video.reader import list_pictures
from ssa2d_jax.video.writer import VideoWriter

TRACKS = track_files.NAMES[0]
OUTPUTS = ("overlay.mp4", "labels.npz", "summary.json", *track_files.NAMES)
SUFFIXES = (
    ".mp4",
    ".avi",
    ".mov",
    ".mkv",
    ".webm",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".ts",
    ".wmv",
    ".flv",
    ".3gp",
    ".ogv",
)


def predict_path(path, out_folder, **options) -> list[dict]:
    """`predict_video` for a video, a camera's number or a folder of frames; `predict_many` for the videos in a folder.

    A folder that has no video but pictures holds a video's frames. Folders below it are not looked at.
    """
    if isinstance(path, int) or not (folder := pathlib.Path(path)).is_dir():
        return [predict_video(path, out_folder, **options)]
    path = folder
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    videos = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not videos and list_pictures(path):
        return [predict_video(path, out_folder, **options)]
    others = [file.name for file in files if file not in videos]
    if others:
        log(f"{path}: {len(others)} files left out, their names are not a video's: {_some(others)}")
    if not videos:
        raise InputError(f"{path}: no video in this folder; looked for names that end in {', '.join(SUFFIXES)}")
    return predict_many(videos, out_folder, **options)


def predict_many(paths: Iterable, out_folder, **options) -> list[dict]:
    """`predict_video` for each of `paths`, into a folder of its name in `out_folder`; returns the summaries.

    When one fails, the others are still done; InputError at the end names those that failed, with the reason.
    """
    folders = _folders([pathlib.Path(path) for path in paths], pathlib.Path(out_folder))
    summaries, failures = [], []
    for path, folder in folders.items():
        try:
            summaries.append(predict_video(path, folder, **options))
        except (ValueError, OSError) as error:
            log(f"failed: {error}")
            failures.append(str(error))
    if failures:
        count = f"{len(failures)} of {len(folders)} videos"
        raise InputError(f"{count} failed, the others are done: {'; '.join(failures)}")
    return summaries


def predict_video(
    video_path,
    out_folder,
    *,
    detector: Detector,
    opacity: float = OPACITY,
    tracks: bool = True,
    draw_tracks: bool = False,
    track_frames: int = LEAST_FRAMES,
    track_confidence: float = 0.0,
) -> dict:
    """Labels every frame of a video, or of camera `video_path`, and returns the summary; writes `OUTPUTS`.

    overlay.mp4 has the frame count, size (upright) and timing of the video. labels.npz holds `actor`, `action` and
    `joint`, uint8 [frames, height, width]; where a pixel may have several actions, `actor`, the strongest `action` and
    all `actions` (see `frame_sets`). summary.json holds the returned dict. tracks.json and tracks.csv
    (see `TrackFiles`) are the instances over time, left out without `tracks`; `draw_tracks` puts them on the overlay.
    Tracks of fewer than `track_frames` frames or a lower mean confidence than `track_confidence` aren't written.

    How windows are laid and blended is in `Windows`, how labels come about in `frame_labels`. Outputs of an earlier
    run are replaced at the very end. InputError when someone has changed tracks.json there, or the video can't be read;
    one that breaks off in the middle is finished up to there first. Stopped, at a first Ctrl-C or SIGTERM, when that is
    done for the frames so far.
    """
    out_folder = pathlib.Path(out_folder)
    _check_places(pathlib.Path(str(video_path)), out_folder)
    _check_unchanged(out_folder)
    stream = detector.stream(video_path if isinstance(video_path, str | int) else str(video_path))
    source = stream.source
    out_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out_folder) as unfinished:
        folder = pathlib.Path(unfinished)
        with StopSignal("finishing the frames that were read", source.stop) as stop:
            if not detector.compiled:
                log("compiling the network, which takes up to a minute on a CPU")
                detector.compile()
            tracker = Tracker(detector.space, least=track_frames, least_confidence=track_confidence)
            summary = _predict(stream, folder, detector, opacity, tracker if tracks else None, draw_tracks)
        summary["tracks_crc32"] = zlib.crc32((folder / TRACKS).read_bytes()) if tracks else None
        (folder / "summary.json").write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
        for name in OUTPUTS:
            if (folder / name).exists():
                os.replace(folder / name, out_folder / name)
            else:  # of an earlier run
                (out_folder / name).unlink(missing_ok=True)
    if source.error is not None:
        raise InputError(
            f"{source.error}; the {summary['frames']} frames before that are done, see {out_folder}"
        ) from source.error
    log(f"{source.name}: {summary['frames']} frames in {summary['seconds']:.1f} s, see {out_folder}")
    if stop.requested:
        raise Stopped(stop.requested, f"after {summary['frames']} frames, which are done")
    return summary


def _predict(
    stream: Stream, folder: pathlib.Path, detector: Detector, opacity: float, tracker: Tracker | None, draw_tracks: bool
) -> dict:
    started, tally, source = time.monotonic(), LabelStatistics(), stream.source
    progress = Progress(pathlib.Path(source.name).name, "frames", source.frames)
    shape = {"height": source.height, "width": source.width}
    told = {"threshold": detector.threshold, "video": {"file_name": pathlib.Path(source.name).name, **shape}}
    with (
        TrackFiles(folder, detector.space, **told) if tracker else contextlib.nullcontext() as files,
        LabelArchive(folder / "labels.npz", _stored(detector.space), **shape) as store,
        VideoWriter(folder / "overlay.mp4", time_base=source.time_base, rate=source.rate, **shape) as overlay,
    ):
        for frame in stream.until_the_end():
            tally.add(frame.labels)
            store.append(**frame.labels.maps)
            shown = None
            if tracker:
                shown, over = tracker.add_result(frame)
                files.add(over)
            overlay.write(frame.overlay(opacity, shown if draw_tracks else None), frame.pts)
            progress.add(1)
        if tracker:
            files.add(tracker.finish())
            files.end(tally.frames)
    seconds = time.monotonic() - started
    return {
        "video": source.name,
        "frames": tally.frames,
        "rate": float(source.rate) if source.rate else None,
        **shape,
        "complete": source.error is None and not source.stopped,
        "windows": stream.windows.run,
        "seconds": round(seconds, 3),
        "frames_per_second": round(tally.frames / seconds, 3),
        **tally.summary(detector.space),
        "tracks": files.count if files else None,
        "step": detector.step,
    }


def _stored(space: LabelSpace) -> dict[str, tuple[int, ...]]:
    """Names of the stored maps and the shape beyond a frame's."""
    if space.multilabel:
        return {"actor": (), "action": (), "actions": (-(-space.heads[1] // 8),)}
    return dict.fromkeys(KINDS, ())


def _check_places(path: pathlib.Path, out_folder: pathlib.Path) -> None:
    if out_folder.exists() and not out_folder.is_dir():
        raise InputError(f"{out_folder}: a file has this name; the output has to be a folder, new or there already")
    if path.resolve() in [(out_folder / name).resolve() for name in OUTPUTS]:
        raise InputError(f"{path}: the output would overwrite it; choose another folder than {out_folder}")


def _check_unchanged(out_folder: pathlib.Path) -> None:
    """InputError if tracks.json there is not as an earlier run wrote it: corrections would be lost."""
    path = out_folder / TRACKS
    if not path.is_file():
        return
    try:
        written = json.loads((out_folder / "summary.json").read_text())["tracks_crc32"]
    except (OSError, ValueError, KeyError, TypeError):
        written = None
    if written != zlib.crc32(path.read_bytes()):
        raise InputError(
            f"{path}: was changed, or there is no summary.json that says it wasn't; it is not overwritten: move it "
            "away, or give another output folder"
        )


def _folders(paths: list[pathlib.Path], out_folder: pathlib.Path) -> dict[pathlib.Path, pathlib.Path]:
    """A folder for each path: its name without the suffix, or with it where two would share one."""
    stems = collections.Counter(path.stem for path in paths)
    folders = {path: out_folder / (path.stem if stems[path.stem] == 1 else path.name) for path in paths}
    shared = [name for name, count in collections.Counter(folders.values()).items() if count > 1]
    if shared:
        raise InputError(f"several videos would go to the same folder: {_some([str(name) for name in shared])}")
    return folders


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
