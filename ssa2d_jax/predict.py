"""Predicts on any video: overlay.mp4, labels.npz, summary.json, in memory that doesn't grow with length."""

import collections
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from ssa2d_jax import video
from ssa2d_jax.batch import InputError
from ssa2d_jax.frame_labels import KINDS, FrameLabels, Tally, frame_labels
from ssa2d_jax.frame_sets import drawn, frame_sets, unpacked
from ssa2d_jax.label_space import LabelSpace
from ssa2d_jax.label_store import LabelStore
from ssa2d_jax.optical_flow import FlowTrack, resized_flow
from ssa2d_jax.overlay import draw_overlay
from ssa2d_jax.progress import Progress, say
from ssa2d_jax.video_writer import VideoWriter
from ssa2d_jax.windows import Forward, Windows

OUTPUTS = ("overlay.mp4", "labels.npz", "summary.json")
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
    """`predict_video` for a video, `predict_many` for the videos in a folder (not in folders below it)."""
    path = pathlib.Path(path)
    if not path.is_dir():
        return [predict_video(path, out_folder, **options)]
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    videos = [file for file in files if file.suffix.lower() in SUFFIXES]
    others = [file.name for file in files if file not in videos]
    if others:
        say(f"{path}: {len(others)} files left out, their names are not a video's: {_some(others)}")
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
            say(f"failed: {error}")
            failures.append(str(error))
    if failures:
        count = f"{len(failures)} of {len(folders)} videos"
        raise InputError(f"{count} failed, the others are done: {'; '.join(failures)}")
    return summaries


def predict_video(
    path,
    out_folder,
    *,
    forward: Forward,
    space: LabelSpace,
    clip_frames: int,
    frame_step: int,
    overlap: int,
    size: tuple[int, int],
    opacity: float,
    max_pixels: int,
    batch_size: int = 1,
    step: int | None = None,
    flow: tuple[str, int] | None = None,
    threshold: float = 0.5,
) -> dict:
    """Labels every frame of the video at `path` and returns the summary; writes `OUTPUTS` into `out_folder`.

    overlay.mp4 has the frame count, size (upright) and timing of the video. labels.npz holds `actor`, `action` and
    `joint`, uint8 [frames, height, width]; where a pixel may have several actions, `actor`, the strongest `action` and
    all `actions` (see `frame_sets`; those of probability `threshold` or more). summary.json holds the returned
    dict; `step` (of the checkpoint) is only passed on to it.

    The network sees whole frames at `size` (height, width); how windows are laid and blended is in `Windows`,
    how labels come about in `frame_labels`. Outputs of an earlier run are replaced at the very end.
    InputError when the video can't be read; one that breaks off in the middle is finished up to there
    first. A frame of more than `max_pixels` pixels is refused. `flow` (method, height) for two streams: `forward` then
    gets frames of five channels, RGB and packed optical flow (see optical_flow.py).
    """
    path, out_folder = pathlib.Path(path), pathlib.Path(out_folder)
    _check_places(path, out_folder)
    windows = Windows(
        forward, space, clip_frames=clip_frames, frame_step=frame_step, overlap=overlap, batch_size=batch_size
    )
    source = _Source(path, max_pixels)
    out_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out_folder) as unfinished:
        folder = pathlib.Path(unfinished)
        track = FlowTrack(flow[0], frame_step, flow[1]) if flow else None
        summary = _predict(source, folder, windows, space, size, opacity, track, threshold) | {"step": step}
        (folder / "summary.json").write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
        for name in OUTPUTS:
            os.replace(folder / name, out_folder / name)
    if source.error is not None:
        raise InputError(
            f"{source.error}; the {summary['frames']} frames before that are done, see {out_folder}"
        ) from source.error
    say(f"{path}: {summary['frames']} frames in {summary['seconds']:.1f} s, see {out_folder}")
    return summary


def _predict(
    source: "_Source",
    folder: pathlib.Path,
    windows: Windows,
    space: LabelSpace,
    size,
    opacity: float,
    track: FlowTrack | None,
    threshold: float,
) -> dict:
    started, tally = time.monotonic(), Tally()
    progress = Progress(source.path.name, "frames", source.frames)
    shape = {"height": source.height, "width": source.width}
    waiting: collections.deque[video.Frame] = collections.deque()  # frames that still lack their probabilities

    def network_frames() -> Iterator[np.ndarray]:
        for frame in source:
            waiting.append(frame)
            yield frame.rgb

    frames = network_frames()
    grids = windows.probabilities(_with_flow(frames, track, size) if track else (_resized(f, size) for f in frames))
    with (
        LabelStore(folder / "labels.npz", _stored(space), **shape) as store,
        VideoWriter(folder / "overlay.mp4", time_base=source.time_base, rate=source.rate, **shape) as overlay,
    ):
        for grid in grids:
            frame = waiting.popleft()
            if space.several:
                labels = frame_sets(grid, **shape, space=space, threshold=threshold)
            else:
                labels = frame_labels(grid, **shape, space=space)
            tally.add(labels)
            store.append(**labels.maps)
            overlay.write(_overlay(frame.rgb, labels, space, opacity), frame.pts)
            progress.add(1)
    seconds = time.monotonic() - started
    return {
        "video": str(source.path),
        "frames": tally.frames,
        "rate": float(source.rate) if source.rate else None,
        **shape,
        "complete": source.error is None,
        "windows": windows.run,
        "seconds": round(seconds, 3),
        "frames_per_second": round(tally.frames / seconds, 3),
        **tally.summary(space),
    }


class _Source:
    """The video's frames; when it breaks off after some, they end there and `error` says why."""

    def __init__(self, path: pathlib.Path, max_pixels: int):
        info = video.probe(path)
        self.path, self.error = path, None
        self.rate, self.frames = info.rate, info.frames  # each None where the container doesn't say
        self._iterator = iter(video.read_frames(path, max_pixels=max_pixels))
        self._first = next(self._iterator)
        self.height, self.width = self._first.rgb.shape[:2]
        self.time_base = self._first.time_base

    def __iter__(self) -> Iterator[video.Frame]:
        yield self._first
        try:
            for number, frame in enumerate(self._iterator, 1):
                self._check_size(number, frame)
                yield frame
        except InputError as error:
            self.error = error

    def _check_size(self, number: int, frame: video.Frame) -> None:
        if frame.rgb.shape[:2] != (self.height, self.width):
            sizes = "{1}x{0}, the first {3}x{2}".format(*frame.rgb.shape[:2], self.height, self.width)
            raise InputError(f"{self.path}: frame {number} is {sizes} pixels; all frames need one size")


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


def _stored(space: LabelSpace) -> dict[str, tuple[int, ...]]:
    """Names of the stored maps and the shape beyond a frame's."""
    if space.several:
        return {"actor": (), "action": (), "actions": (-(-space.heads[1] // 8),)}
    return dict.fromkeys(KINDS, ())


def _overlay(rgb: np.ndarray, labels: FrameLabels, space: LabelSpace, opacity: float) -> np.ndarray:
    if not space.several:
        return draw_overlay(rgb, labels.maps["joint"], space, opacity=opacity, names=_names(labels, space))
    maps = labels.maps
    pairs = drawn(maps["actor"], unpacked(maps["actions"], space), maps["action"], space)
    return draw_overlay(rgb, pairs.map, pairs, opacity=opacity, names={})


def _names(labels: FrameLabels, space: LabelSpace) -> dict[int, str]:
    """What is written near each class of the frame: "dog-running 87%", its mean confidence there."""
    pixels, confidence = labels.pixels["joint"], labels.confidence["joint"]
    present = np.flatnonzero(pixels)
    return {int(j): f"{space.joint[j]} {100 * confidence[j] / pixels[j]:.0f}%" for j in present}


def _check_places(path: pathlib.Path, out_folder: pathlib.Path) -> None:
    if out_folder.exists() and not out_folder.is_dir():
        raise InputError(f"{out_folder}: a file has this name; the output has to be a folder, new or there already")
    if path.resolve() in [(out_folder / name).resolve() for name in OUTPUTS]:
        raise InputError(f"{path}: the output would overwrite it; choose another folder than {out_folder}")


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
