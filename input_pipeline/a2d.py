"""The TFDS builder that makes clip records of an A2D release."""

import collections
import dataclasses
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from input_pipeline import a2d_release, clip_record, record_features
from ssa2d_jax import video
from ssa2d_jax.batch import InputError
from ssa2d_jax.label_space import A2D
from ssa2d_jax.optical_flow import FlowTrack
from ssa2d_jax.progress import Progress, say

URL = "https://web.eecs.umich.edu/~jjcorso/bigshare/A2D_main_1_0.tar.bz"
SPLITS = ("train", "test")
_WORKERS = 2
_SHOWN = 20


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What the shards depend on; its name says it all, so other settings never meet stale shards."""

    release: str = ""
    clip_frames: int = 16
    frame_step: int = 1
    label_span: int = 13
    store_height: int = 0
    jpeg_quality: int = 95
    flow: str = ""  # or a method of ssa2d_jax/optical_flow.py
    flow_height: int = 0


class A2d(tfds.core.GeneratorBasedBuilder):
    """Clip records of an A2D release, splits train and test.

    Videos that can't be used are left out and listed in `problems`, as (video, split, reason).
    """

    VERSION = tfds.core.Version("1.0.0")
    name = "a2d"

    def __init__(self, **kwargs: Any):
        self.problems: list[tuple[str, str, str]] = []
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Clips round the labelled frames of an Actor-Action Dataset release.",
            features=record_features.features(len(A2D.actions)),
            homepage="https://web.eecs.umich.edu/~jjcorso/r/a2d/",
            metadata=tfds.core.MetadataDict(label_frames={}, labels_a_clip={}, label_size={}, ignored_codes={}),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        release = Path(self.builder_config.release) if self.builder_config.release else _download(dl_manager)
        rows = a2d_release.read_videoset(release)
        return {split: self._generate_examples(release, rows, split) for split in SPLITS}

    def _generate_examples(self, release: Path, rows: list[a2d_release.Row], split: str) -> Iterator[tuple[str, Any]]:
        videos = [row.video for row in rows if row.split == split]
        progress = Progress(f"preparing {split}", "videos", len(videos))
        metadata = self.info.metadata
        frames = labels = 0
        size = np.zeros(2, np.int64)
        ignored: collections.Counter[str] = collections.Counter()
        for name, result in _in_order(lambda name: self._clips(release, name), videos):
            try:
                clips, codes = result.result()
            except (ValueError, OSError) as error:  # InputError is a ValueError
                self.problems.append((name, split, str(error)))
                clips, codes = [], {}
            for clip in clips:
                count = len(clip["label_frame"])
                frames, labels = frames + count, max(labels, count)
                size = np.maximum(size, clip["label_size"])
                yield f"{name}:{clip['label_frame'][0]:05d}", clip
            ignored.update(codes)
            progress.add(1)
        if not frames:
            say_problems(self.problems)
            raise InputError(f"{release}: no usable video in the {split} split, {len(videos)} are listed")
        metadata["label_frames"][split], metadata["labels_a_clip"][split] = frames, labels
        metadata["label_size"][split] = size.tolist()  # of the highest and of the widest
        metadata["ignored_codes"][split] = dict(ignored)

    def _clips(self, release: Path, name: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """All clip records of one video, and how many regions had which code outside the valid pairs."""
        config = self.builder_config
        path = a2d_release.clip_path(release, name)
        if not path.is_file():
            raise InputError(f"{path}: no such file, though videoset.csv lists it")
        labelled = a2d_release.annotations(release, name)
        regions = {frame - 1: a2d_release.read_annotation(file) for frame, file in labelled.items()}
        shape = {"clip_frames": config.clip_frames, "frame_step": config.frame_step}
        # The video's length is known once it is read; until then a window's end is open.
        open_ended = clip_record.windows(sorted(regions), 1 << 40, **shape, label_span=config.label_span)
        wanted = {i for window in open_ended for i in range(window.first, window.last + 1)}
        track = FlowTrack(config.flow, config.frame_step, config.flow_height) if config.flow else None
        stored = {"store_height": config.store_height, "jpeg_quality": config.jpeg_quality}
        frames, flow, total, size = _read(path, wanted, max(regions), track, **stored)
        _check_labels(path, regions, total, size)
        clips = [
            clip_record.encode(
                name,
                window,
                [frames[i] for i in range(window.first, window.last + 1)],
                [flow[i] for i in range(window.first, window.last + 1)] if config.flow else [],
                [regions[i] for i in window.labelled],
            )
            for window in clip_record.windows(sorted(regions), total, **shape, label_span=config.label_span)
        ]
        codes = collections.Counter(str(code) for one in regions.values() for code in one.codes[one.ignore])
        return clips, codes


def _read(
    path: Path, wanted: set[int], last_label: int, track: FlowTrack | None, **stored: int
) -> tuple[dict[int, bytes], dict[int, bytes], int, tuple[int, int]]:
    """The wanted frames as JPEG, their flow as PNG, the video's length as far as it matters, its (height, width)."""
    frames: dict[int, bytes] = {}
    flow: list[np.ndarray] = []  # from the first wanted frame on
    first, count, size = min(wanted), 0, (0, 0)
    try:
        for count, frame in enumerate(video.read_frames(path), 1):
            size = size if frames else frame.rgb.shape[:2]
            used = count - 1 in wanted
            if (used or track) and count > first and frame.rgb.shape[:2] != size:
                raise InputError(f"{path}: frame {count} is {_by(frame.rgb.shape)}, others are {_by(size)}")
            if used:
                frames[count - 1] = clip_record.jpeg(frame.rgb, **stored)
            if track and count > first:
                ready = track.add(frame.rgb)
                flow += [] if ready is None else [ready]
            if count > max(wanted) and (not track or first + len(flow) > max(wanted)):
                break
    except InputError as error:
        if count <= last_label:
            raise InputError(f"{error} (frame {last_label + 1} is labelled)") from error
        raise
    flow += track.finish() if track else []
    kept = {first + i: clip_record.flow_png(one) for i, one in enumerate(flow) if first + i in wanted}
    return frames, kept, count, size


def _check_labels(path: Path, regions: dict[int, a2d_release.Regions], total: int, size: tuple[int, int]) -> None:
    if max(regions) >= total:
        raise InputError(f"{path}: frame {max(regions) + 1} is labelled, but the video has {total} frames")
    for number, one in regions.items():
        if one.map.shape != size:
            raise InputError(f"{path}: the label of frame {number + 1} is {_by(one.map.shape)}, the video {_by(size)}")


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _in_order(work: Any, items: list[str]) -> Iterator[tuple[str, Future]]:
    """(item, its future) in order, a few ahead of the one asked for."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        ahead: collections.deque[tuple[str, Future]] = collections.deque()
        for item in items:
            ahead.append((item, pool.submit(work, item)))
            if len(ahead) > 2 * _WORKERS:
                yield ahead.popleft()
        yield from ahead


def _download(dl_manager: tfds.download.DownloadManager) -> Path:
    """Fetches and unpacks the official archive, 1.9 GB. It has no published checksum, so none is checked."""
    by_hand = "fetch and unpack it by hand and set config.data.release to the folder with videoset.csv"
    say(f"downloading and unpacking {URL} (1.9 GB), which can take long")
    try:
        archive = dl_manager.download(URL)
        resource = tfds.download.Resource(path=archive, extract_method=tfds.download.ExtractMethod.TAR)
        folder = Path(dl_manager.extract(resource))
    except Exception as error:  # network, disk or archive: their libraries' errors share no narrower class
        raise InputError(f"{URL}: can't be downloaded and unpacked ({error}); {by_hand}") from error
    found = sorted(folder.rglob("videoset.csv"))
    if not found:
        raise InputError(f"{URL}: no videoset.csv in there; {by_hand}")
    return found[0].parent


def say_problems(problems: list[tuple[str, ...]]) -> None:
    """Says how many videos were left out, and why, for the first of them."""
    say(f"{len(problems)} videos left out:")
    for _, split, reason in problems[:_SHOWN]:
        say(f"  {split}: {reason}")
    if len(problems) > _SHOWN:
        say(f"  and {len(problems) - _SHOWN} more")
