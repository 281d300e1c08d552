"""Clip records of one video of a release, made in a process of its own. No framework in here."""

import collections
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.records import clip_record
from input_pipeline.releases.layouts import open_release
from input_pipeline.releases.regions import Regions
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.optical_flow import FlowTrack
from ssa2d_jax.video.reader import read_frames


@dataclasses.dataclass(frozen=True)
class Options:
    """How records are made; see configs/default.py."""

    layout: str
    release: Path
    clip_frames: int
    frame_step: int
    label_span: int
    store_height: int
    jpeg_quality: int
    flow: str
    flow_height: int


def records_of_video(name: str, options: Options) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """All clip records of one video, and how many regions had which code that is ignored.

    Raises InputError, OSError or ValueError when the video or its labels can't be used.
    """
    release = open_release(options.layout, options.release)
    path = release.video(name)
    files = release.labelled(name)
    shape = {"clip_frames": options.clip_frames, "frame_step": options.frame_step, "label_span": options.label_span}
    # The video's length is known once it is read; until then a window's end is open.
    open_ended = clip_record.windows(sorted(files), 1 << 40, **shape)
    wanted = {i for window in open_ended for i in range(window.first, window.last + 1)}
    track = FlowTrack(options.flow, options.frame_step, options.flow_height) if options.flow else None
    stored = {"store_height": options.store_height, "jpeg_quality": options.jpeg_quality}
    first = release.first_number
    frames, flow, total, size = _read(path, wanted, max(files), track, first, **stored)
    if max(files) >= total:
        told = f"frame {max(files) + first} is labelled, but the video has {plural(total, 'frame')}"
        raise InputError(f"{path}: {told}" + ("" if first else ", counted from 0"))
    ignored: collections.Counter[str] = collections.Counter()

    def encoded(window: clip_record.Window) -> dict[str, Any]:  # with the regions of one window at a time in memory
        regions = {i: release.regions(name, i, files[i]) for i in window.labelled}
        _check_sizes(path, regions, size, first)
        ignored.update(str(code) for one in regions.values() for code in one.codes[one.ignore])
        return clip_record.encode(
            name,
            window,
            [frames[i] for i in range(window.first, window.last + 1)],
            [flow[i] for i in range(window.first, window.last + 1)] if options.flow else [],
            list(regions.values()),
            first_number=first,
        )

    return [encoded(window) for window in clip_record.windows(sorted(files), total, **shape)], ignored


def _read(
    path: Path, wanted: set[int], last_label: int, track: FlowTrack | None, first_number: int, **stored: int
) -> tuple[dict[int, bytes], dict[int, bytes], int, tuple[int, int]]:
    """The wanted frames as JPEG, their flow as PNG, the video's length as far as it matters, its (height, width)."""
    frames: dict[int, bytes] = {}
    flow: list[np.ndarray] = []  # from the first wanted frame on
    first, count, size = min(wanted), 0, (0, 0)
    try:
        for count, frame in enumerate(read_frames(path, threads=1), 1):
            size = size if frames else frame.rgb.shape[:2]
            used = count - 1 in wanted
            if (used or track) and count > first and frame.rgb.shape[:2] != size:
                raise InputError(
                    f"{path}: frame {count - 1 + first_number} is {_by(frame.rgb.shape)}, others are {_by(size)}"
                )
            if used:
                frames[count - 1] = clip_record.jpeg(frame.rgb, **stored)
            if track and count > first:
                ready = track.add(frame.rgb)
                flow += [] if ready is None else [ready]
            if count > max(wanted) and (not track or first + len(flow) > max(wanted)):
                break
    except InputError as error:
        if count <= last_label:
            raise InputError(f"{error} (frame {last_label + first_number} is labelled)") from error
        raise
    flow += track.finish() if track else []
    kept = {first + i: clip_record.flow_png(one) for i, one in enumerate(flow) if first + i in wanted}
    return frames, kept, count, size


def _check_sizes(path: Path, regions: dict[int, Regions], size: tuple[int, int], first_number: int) -> None:
    for number, one in regions.items():
        if one.map.shape != size:
            raise InputError(
                f"{path}: the label of frame {number + first_number} is {_by(one.map.shape)}, the video {_by(size)}"
            )


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
