"""Builds clip records from an A2D release: a TFDS builder, and `prepare`, which runs it when needed."""

import collections
import contextlib
import csv
import dataclasses
import fcntl
import io
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.utils import shard_utils

from input_pipeline import a2d_release, clip_record
from ssa2d_jax import video
from ssa2d_jax.batch import InputError
from ssa2d_jax.label_space import A2D
from ssa2d_jax.progress import Progress, say

URL = "https://web.eecs.umich.edu/~jjcorso/bigshare/A2D_main_1_0.tar.bz"
SPLITS = ("train", "test")
PROBLEMS = "problems.csv"
_WORKERS = 2
_SHARDS = 8  # files of a split at least, so that processes can divide them among themselves
_SHARD_BYTES = 64 << 20
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


class _Shards(shard_utils.ShardConfig):
    def get_number_shards(self, total_size: int, num_examples: int, uses_precise_sharding: bool = True) -> int:
        return min(num_examples, max(_SHARDS, total_size // _SHARD_BYTES))


class _DownloadConfig(tfds.download.DownloadConfig):
    def get_shard_config(self) -> shard_utils.ShardConfig:
        return _Shards()


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
            features=clip_record.features(len(A2D.actions)),
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
            _say_problems(self.problems)
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
        stored = {"store_height": config.store_height, "jpeg_quality": config.jpeg_quality}
        frames, total, size = _read(path, wanted, max(regions), **stored)
        _check_labels(path, regions, total, size)
        clips = [
            clip_record.encode(
                name,
                window,
                [frames[i] for i in range(window.first, window.last + 1)],
                [regions[i] for i in window.labelled],
            )
            for window in clip_record.windows(sorted(regions), total, **shape, label_span=config.label_span)
        ]
        codes = collections.Counter(str(code) for one in regions.values() for code in one.codes[one.ignore])
        return clips, codes


def _read(
    path: Path, wanted: set[int], last_label: int, **stored: int
) -> tuple[dict[int, bytes], int, tuple[int, int]]:
    """The wanted frames as JPEG, the video's length as far as it matters, and its (height, width)."""
    frames, count, size = {}, 0, (0, 0)
    try:
        for count, frame in enumerate(video.read_frames(path), 1):
            size = size if frames else frame.rgb.shape[:2]
            if count - 1 in wanted:
                if frame.rgb.shape[:2] != size:
                    raise InputError(f"{path}: frame {count} is {_by(frame.rgb.shape)}, others are {_by(size)}")
                frames[count - 1] = clip_record.jpeg(frame.rgb, **stored)
            if count > max(wanted):
                break
    except InputError as error:
        if count <= last_label:
            raise InputError(f"{error} (frame {last_label + 1} is labelled)") from error
        raise
    return frames, count, size


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


def prepare(
    release: str,
    prepared: str,
    *,
    clip_frames: int,
    frame_step: int,
    label_span: int,
    store_height: int,
    jpeg_quality: int,
    strict: bool = False,
) -> A2d:
    """The builder of `release`'s clip records in folder `prepared`, built first if they aren't there.

    release="" is the official archive, downloaded by TFDS. An interrupted build leaves nothing that is
    taken for a whole one. Lists videos that had to be left out; raises InputError for them if `strict`.
    """
    tfds.disable_progress_bar()
    if release:
        a2d_release.read_videoset(Path(release))
    mark = a2d_release.fingerprint(Path(release)) if release else "official"
    settings = {
        "clip_frames": clip_frames, "frame_step": frame_step, "label_span": label_span,
        "store_height": store_height, "jpeg_quality": jpeg_quality,
    }  # fmt: skip
    name = f"t{clip_frames}x{frame_step}_span{label_span}_h{store_height}_q{jpeg_quality}_{mark}"
    config = Config(name=name, release=str(Path(release).absolute()) if release else "", **settings)
    folder = Path(prepared)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{folder}: not a folder; config.data.prepared has to be one, or to be free") from error
    with _lock(folder / f".{name}.lock"), _quiet():
        place = folder / A2d.name / name / str(A2d.VERSION)
        if not (place / PROBLEMS).is_file():  # the last file that a build writes
            shutil.rmtree(place, ignore_errors=True)
            _build(A2d(data_dir=str(folder), config=config))
        builder = _opened(place, folder, config)
    problems = _saved_problems(builder)
    if problems:
        _say_problems(problems)
        if strict:
            raise InputError(
                f"{len(problems)} videos had to be left out, see {builder.data_path / PROBLEMS}; "
                "mend them and prepare again, or set config.data.strict=False"
            )
    return builder


def _opened(place: Path, folder: Path, config: Config) -> A2d:
    """The builder of the shards in `place`; InputError if the files that describe them are damaged."""
    try:
        builder = A2d(data_dir=str(folder), config=config)
        whole = set(builder.info.splits) == set(builder.info.metadata["label_frames"]) == set(SPLITS)
    except Exception as error:  # of TFDS, JSON or protobuf, and an assertion
        raise InputError(f"{_spoilt(place)} ({str(error).splitlines()[0]})") from error
    if not whole:
        raise InputError(_spoilt(place))
    return builder


def _spoilt(place: Path) -> str:
    return (
        f"{place}: the files that describe these shards are damaged; "
        "delete the folder and build it again with --mode=prepare"
    )


def _build(builder: A2d) -> None:
    for stale in Path(builder.data_path).parent.glob("*incomplete*"):
        shutil.rmtree(stale)
    say(f"building {builder.data_path}")
    config = _DownloadConfig(register_checksums=False, force_checksums_validation=False)
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints sizes that it doesn't know
        builder.download_and_prepare(download_config=config)
    with open(builder.data_path / PROBLEMS, "w", newline="") as file:
        csv.writer(file).writerows([("video", "split", "reason"), *builder.problems])
    clips = {split: info.num_examples for split, info in builder.info.splits.items()}
    say(f"built: {clips} clips, {dict(builder.info.metadata['label_frames'])} labelled frames")
    for split, codes in builder.info.metadata["ignored_codes"].items():
        if codes:
            say(f"{split}: regions with a code outside the valid pairs, ignored: {dict(codes)}")


def _saved_problems(builder: A2d) -> list[tuple[str, ...]]:
    with open(builder.data_path / PROBLEMS, newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def _say_problems(problems: list[tuple[str, ...]]) -> None:
    say(f"{len(problems)} videos left out:")
    for _, split, reason in problems[:_SHOWN]:
        say(f"  {split}: {reason}")
    if len(problems) > _SHOWN:
        say(f"  and {len(problems) - _SHOWN} more")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without TFDS's remarks on what it does and on a configuration that it doesn't know."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"another process is preparing this data; waiting for it ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
