"""The TFDS builders that make clip records of releases with labelled regions: A2D, and your own data."""

import collections
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from input_pipeline.records import region_clips
from input_pipeline.records.clip_record import Record
from input_pipeline.records.features import record_features
from input_pipeline.records.options import RegionOptions
from input_pipeline.releases.layouts import AnyRelease, open_release_once
from input_pipeline.workers import Workers
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import A2D, LabelSpace
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress, log
from ssa2d_jax.utils.text import first_few, plural

URL = "https://web.eecs.umich.edu/~jjcorso/bigshare/A2D_main_1_0.tar.bz"
_SHOWN = 20  # problems that are logged

Problem = tuple[str, ...]  # video, split, reason


@dataclasses.dataclass(kw_only=True, eq=False)
class RegionConfig(tfds.core.BuilderConfig):
    """How shards are made; `name` contains everything that they depend on, so that other options find no old shards."""

    options: RegionOptions
    root: str = ""  # "" = the official archive
    fingerprint: str = "official"  # of the release
    processes: int = 2


class A2d(tfds.core.GeneratorBasedBuilder):
    """Clip records of a release in A2D's layout, with the splits train and test.

    Videos that can't be used are left out and listed in `problems`.
    """

    VERSION = tfds.core.Version("1.0.0")
    name = "a2d"
    builder_config: RegionConfig

    def __init__(self, **kwargs: Any):
        self.problems: list[Problem] = []
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Clips round the labelled frames of an Actor-Action Dataset release.",
            features=record_features(len(self.space.actions)),
            homepage="https://web.eecs.umich.edu/~jjcorso/r/a2d/",
            metadata=tfds.core.MetadataDict(
                label_frames={}, labels_a_clip={}, label_size={}, ignored_codes={}, pairs={}
            ),
        )

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels; those of A2D for the official archive."""
        return self.open_release().space if self.builder_config.root else A2D

    def open_release(self, root: Path | None = None) -> AnyRelease:
        """The release in `root`, by default that of the config; its tables are read once per process."""
        config = self.builder_config
        return open_release_once(config.options.layout, root or Path(config.root), config.fingerprint)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root = Path(self.builder_config.root) if self.builder_config.root else _download(dl_manager)
        splits = self.open_release(root).splits
        return {split: self._generate_examples(root, splits[split], split) for split in SPLITS}

    def _generate_examples(self, root: Path, videos: tuple[str, ...], split: str) -> Iterator[tuple[str, Record]]:
        progress = Progress(f"preparing {split}", "videos", len(videos))
        metadata = self.info.metadata
        label_frames = labels_per_clip = instances = 0
        remarks: list[str] = []
        empty: list[str] = []  # the video of every label that shows no instance
        size = np.zeros(2, np.int64)
        ignored: collections.Counter[str] = collections.Counter()
        pairs = set[tuple[int, int]]()
        config = self.builder_config
        work = functools.partial(
            region_clips.records_of_video, root=root, fingerprint=config.fingerprint, options=config.options
        )
        for name, result in self._workers.in_order(work, videos):
            progress.add(1)
            if isinstance(result, Exception):
                self.problems.append((name, split, str(result)))
                continue
            for record in result.records:
                count = len(record["label_frame"])
                label_frames, labels_per_clip = label_frames + count, max(labels_per_clip, count)
                size = np.maximum(size, record["label_size"])
                instances += int((~record["region_ignore"]).sum())
                pairs |= _pairs(record)
                yield f"{name}:{record['label_frame'][0]:05d}", record
            ignored.update(result.ignored)
            remarks += result.remarks
            empty += [name] * result.empty
        if not label_frames:
            log_problems(self.problems)
            raise InputError(f"{root}: no usable video in the {split} split, {len(videos)} are listed")
        if not instances:
            reason = f"no label of the {split} split shows an instance"
            raise InputError(f"{root}: {reason}; {commands.short('check')} says more")
        _log_remarks(split, remarks, empty)
        metadata["label_frames"][split], metadata["labels_a_clip"][split] = label_frames, labels_per_clip
        metadata["label_size"][split] = size.tolist()  # the largest height and the largest width
        metadata["ignored_codes"][split] = dict(ignored)
        metadata["pairs"][split] = sorted(map(list, pairs))

    def _download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        with Workers(self.builder_config.processes) as self._workers:
            super()._download_and_prepare(*args, **kwargs)


class Folder(A2d):
    """Clip records of a release in any other layout, such as your own data."""

    VERSION = tfds.core.Version("1.0.0")
    name = "folder"


BUILDERS: dict[str, type[A2d]] = {"a2d": A2d}  # by layout; `Folder` for all others


def log_problems(problems: list[Problem]) -> None:
    """Logs how many videos were left out, and the reasons for the first ones."""
    reasons = [f"{split}: {reason}" for _, split, reason in problems]
    lines = first_few(reasons, _SHOWN, separator="\n  ")
    log(f"{plural(len(problems), 'video')} left out:\n  {lines}")


def _pairs(record: Record) -> set[tuple[int, int]]:
    """The pairs of actor and action class in a record."""
    regions = zip(record["region_actor"], record["region_actions"], record["region_ignore"], strict=True)
    return {(int(actor), int(actions.argmax())) for actor, actions, ignored in regions if not ignored}


def _log_remarks(split: str, remarks: Sequence[str], empty: Sequence[str]) -> None:
    """Logs what may be a mistake in the labels, and how many labels show nothing but background.

    Args:
        split: the split.
        remarks: about single labels.
        empty: the video of every label that shows no instance.
    """
    if remarks:
        log(f"{split}: {plural(len(remarks), 'label')} to look at:\n  " + first_few(remarks, separator="\n  "))
    if empty:
        videos = first_few(list(dict.fromkeys(empty)))
        log(f"{split}: {plural(len(empty), 'label')} without an instance that is learned, in {videos}")


def _download(dl_manager: tfds.download.DownloadManager) -> Path:
    """Fetches and unpacks the official archive, 1.9 GB; no checksum is published, so none is checked."""
    remedy = "download and unpack it yourself and set config.data.root to the folder with videoset.csv"
    log(f"downloading and unpacking {URL} (1.9 GB); this can take a long time")
    try:
        archive = dl_manager.download(URL)
        resource = tfds.download.Resource(path=archive, extract_method=tfds.download.ExtractMethod.TAR)
        folder = Path(dl_manager.extract(resource))
    except Exception as error:  # network, disk or archive: the libraries' errors have no narrower class in common
        raise InputError(f"{URL}: can't be downloaded and unpacked ({error}); {remedy}") from error
    tables = sorted(folder.rglob("videoset.csv"))
    if not tables:
        raise InputError(f"{URL}: no videoset.csv in the archive; {remedy}")
    return tables[0].parent
