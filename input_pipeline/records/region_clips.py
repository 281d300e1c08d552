"""Makes the clip records of one video of a release with labelled regions. No framework in here."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from input_pipeline.records import clip_record
from input_pipeline.records.clip_record import Record
from input_pipeline.records.options import RegionOptions
from input_pipeline.releases.layouts import open_release_once
from input_pipeline.releases.regions import Regions, turned_hint
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural, size_text
from ssa2d_jax.video.optical_flow import FlowTrack
from ssa2d_jax.video.reader import read_frames

_ENDLESS = 1 << 40  # frames; the length of a video is known only after reading it


@dataclasses.dataclass(frozen=True)
class _Video:
    """What was read of a video; `frames` and `flow` are encoded, by frame number from 0."""

    frames: Mapping[int, bytes]
    flow: Mapping[int, bytes]
    length: int  # frames that were read: all, or as many as the windows need
    size: tuple[int, int]  # height, width


@dataclasses.dataclass(frozen=True)
class VideoRecords:
    """What was made of a video.

    Attributes:
        records: Its clip records.
        ignored: How many of their regions have each of the codes that are ignored.
        remarks: What may be a mistake in its labels.
        empty: Labels that show no instance, or only ignored ones.
    """

    records: list[Record]
    ignored: collections.Counter[str]
    remarks: tuple[str, ...] = ()
    empty: int = 0


def records_of_video(name: str, root: Path, fingerprint: str, options: RegionOptions) -> VideoRecords:
    """Makes all clip records of a video of the release in `root` with that fingerprint.

    Raises:
        InputError, OSError, ValueError: the video or its labels can't be used, or nothing could be learned from them.
    """
    release = open_release_once(options.layout, root, fingerprint)
    path = release.video(name)
    labels = release.labels(name)
    last_label, first_number = max(labels), release.first_number
    number_of = functools.partial(release.frame_number, name)
    windows = _windows(sorted(labels), _ENDLESS, options)
    needed = {number for window in windows for number in range(window.first, window.last + 1)}
    video = _read(path, needed, last_label, number_of, options)
    if last_label >= video.length:
        message = f"frame {number_of(last_label)} is labelled, but the video has {plural(video.length, 'frame')}"
        raise InputError(f"{path}: {message}" + ("" if first_number else ", counted from 0"))
    ignored: collections.Counter[str] = collections.Counter()
    remarks: list[str] = []
    empty = instances = 0
    records = []
    for window in _windows(sorted(labels), video.length, options):
        # The regions of only one window at a time are in memory.
        regions = {number: release.regions(name, number, labels[number]) for number in window.labelled}
        _check_sizes(path, regions, video.size, number_of)
        ignored.update(str(code) for label in regions.values() for code in label.codes[label.ignore])
        remarks += [f"{labels[number]}: {label.remark}" for number, label in regions.items() if label.remark]
        counts = [int((~label.ignore).sum()) for label in regions.values()]
        empty, instances = empty + counts.count(0), instances + sum(counts)
        numbers = range(window.first, window.last + 1)
        flow = [video.flow[number] for number in numbers] if options.flow else []
        frames = [video.frames[number] for number in numbers]
        records.append(clip_record.encode(name, window, frames, flow, list(regions.values()), first_number))
        del regions  # before the next window's are read
    reason = release.nothing_to_learn(name, [int(code) for code in ignored]) if ignored and not instances else ""
    if reason:
        raise InputError(f"{path}: {reason}")
    return VideoRecords(records, ignored, tuple(remarks), empty)


def _windows(labelled: Sequence[int], frames: int, options: RegionOptions) -> list[clip_record.Window]:
    return clip_record.divide_into_windows(
        labelled,
        frames,
        clip_frames=options.clip_frames,
        frame_step=options.frame_step,
        label_span=options.label_span,
    )


def _read(
    path: Path, needed: set[int], last_label: int, number_of: Callable[[int], int], options: RegionOptions
) -> _Video:
    """Reads the frames `needed`, from 0, and their flow; stops when it has them."""
    frames: dict[int, bytes] = {}
    flow: list[np.ndarray] = []  # of frame `first` and the frames after it
    track = FlowTrack(options.flow, options.frame_step, options.flow_height) if options.flow else None
    first, last, length, size = min(needed), max(needed), 0, (0, 0)
    try:
        # One thread: several processes read videos at the same time. Strict: behind a damaged place, numbers are wrong.
        for frame in read_frames(path, threads=1, strict=True):
            number, length = frame.number, frame.number + 1
            shape = (frame.rgb.shape[0], frame.rgb.shape[1])
            size = size if frames else shape
            if (number in needed or track) and number >= first and shape != size:
                text = f"frame {number_of(number)} is {size_text(shape)}, others are {size_text(size)}"
                raise InputError(f"{path}: {text}")
            if number in needed:
                frames[number] = clip_record.encode_frame(
                    frame.rgb, store_height=options.store_height, jpeg_quality=options.jpeg_quality
                )
            if track and number >= first:
                ready = track.add(frame.rgb)
                flow += [] if ready is None else [ready]
            if number >= last and (not track or first + len(flow) > last):
                break
    except InputError as error:
        if length <= last_label:
            raise InputError(f"{error} (frame {number_of(last_label)} is labelled)") from error
        raise
    flow += track.finish() if track else []
    encoded = {n: clip_record.encode_flow(packed) for n, packed in enumerate(flow, first) if n in needed}
    return _Video(frames, encoded, length, size)


def _check_sizes(
    path: Path, regions: Mapping[int, Regions], size: tuple[int, int], number_of: Callable[[int], int]
) -> None:
    for number, label in regions.items():
        shape = label.map.shape
        if shape != size:
            text = f"the label of frame {number_of(number)} is {size_text(shape)}, the video is {size_text(size)}"
            raise InputError(f"{path}: {text}{turned_hint(shape, size)}")
