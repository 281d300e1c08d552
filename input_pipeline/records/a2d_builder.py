"""The TFDS builder that makes clip records of an A2D release."""

import collections
import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from input_pipeline.records import features, region_clips
from input_pipeline.records.region_clips import Options
from input_pipeline.releases.layouts import open_release
from input_pipeline.workers import Workers
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import A2D, LabelSpace
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress, log
from ssa2d_jax.utils.text import plural

URL = "https://web.eecs.umich.edu/~jjcorso/bigshare/A2D_main_1_0.tar.bz"
_SHOWN = 20


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What the shards depend on; its name says it all, so other settings never meet stale shards."""

    layout: str = "a2d"
    release: str = ""
    clip_frames: int = 16
    frame_step: int = 1
    label_span: int = 13
    store_height: int = 0
    jpeg_quality: int = 95
    flow: str = ""  # or a method of ssa2d_jax/optical_flow.py
    flow_height: int = 0
    processes: int = 2


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
            features=features.features(len(self.space.actions)),
            homepage="https://web.eecs.umich.edu/~jjcorso/r/a2d/",
            metadata=tfds.core.MetadataDict(label_frames={}, labels_a_clip={}, label_size={}, ignored_codes={}),
        )

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels."""
        return A2D

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        release = Path(self.builder_config.release) if self.builder_config.release else _download(dl_manager)
        splits = open_release(self.builder_config.layout, release).splits
        return {split: self._generate_examples(release, splits[split], split) for split in SPLITS}

    def _generate_examples(self, release: Path, videos: tuple[str, ...], split: str) -> Iterator[tuple[str, Any]]:
        progress = Progress(f"preparing {split}", "videos", len(videos))
        metadata = self.info.metadata
        frames = labels = 0
        size = np.zeros(2, np.int64)
        ignored: collections.Counter[str] = collections.Counter()
        work = functools.partial(region_clips.records_of_video, options=self._options(release))
        for name, result in self._workers.in_order(work, videos):
            if isinstance(result, Exception):
                self.problems.append((name, split, str(result)))
                result = [], {}
            clips, codes = result
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

    def _options(self, release: Path) -> Options:
        fields = {field.name: getattr(self.builder_config, field.name) for field in dataclasses.fields(Options)}
        return Options(**fields | {"release": release})

    def _download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        with Workers(self.builder_config.processes) as self._workers:
            super()._download_and_prepare(*args, **kwargs)


class Folder(A2d):
    """The same of data of one's own, in the layout that folder_release.py describes."""

    VERSION = tfds.core.Version("1.0.0")
    name = "folder"

    @property
    def space(self) -> LabelSpace:
        """The classes that the data name."""
        return open_release("folder", Path(self.builder_config.release)).space


def _download(dl_manager: tfds.download.DownloadManager) -> Path:
    """Fetches and unpacks the official archive, 1.9 GB. It has no published checksum, so none is checked."""
    by_hand = "fetch and unpack it by hand and set config.data.root to the folder with videoset.csv"
    log(f"downloading and unpacking {URL} (1.9 GB), which can take long")
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
    log(f"{plural(len(problems), 'video')} left out:")
    for _, split, reason in problems[:_SHOWN]:
        log(f"  {split}: {reason}")
    if len(problems) > _SHOWN:
        log(f"  and {len(problems) - _SHOWN} more")
