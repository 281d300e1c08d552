"""Builds the shards of a release if they are missing, and opens them."""

import collections
import contextlib
import csv
import dataclasses
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.utils import shard_utils

from input_pipeline.records import reader_version
from input_pipeline.records.options import RegionOptions, VidorOptions
from input_pipeline.records.region_builder import BUILDERS, A2d, Folder, Problem, RegionConfig, log_problems
from input_pipeline.records.vidor_builder import Vidor, VidorConfig, beam_options
from input_pipeline.releases import vidor
from input_pipeline.releases.layouts import open_release, open_release_once
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.locks import wait_for_lock
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import csv_text, plural

Builder = A2d | Vidor
Config = RegionConfig | VidorConfig
AnyBuilder = TypeVar("AnyBuilder", bound=Builder)
PROBLEMS = "problems.csv"
_SHARDS = 8  # smallest number of files of a split, so that processes can divide them among themselves
_SHARD_BYTES = 64 << 20


class _Shards(shard_utils.ShardConfig):
    def get_number_shards(self, total_size: int, num_examples: int, uses_precise_sharding: bool = True) -> int:
        return min(num_examples, max(_SHARDS, total_size // _SHARD_BYTES))


class _DownloadConfig(tfds.download.DownloadConfig):
    def get_shard_config(self) -> shard_utils.ShardConfig:
        return _Shards()


def prepare_regions(
    root: str, shards_dir: str, options: RegionOptions, *, processes: int = 2, strict: bool = False
) -> A2d:
    """Opens the clip records of a release with labelled regions, and builds them first if they are missing.

    An interrupted build is never mistaken for a complete one. Videos that can't be used are left out and logged.

    Args:
        root: folder of the release; "" = the official archive of A2D, which TFDS downloads.
        shards_dir: folder of the shards of all releases.
        options: what the shards depend on.
        processes: that read videos in parallel; they don't change the shards.
        strict: whether a video that can't be used is an error.

    Raises:
        InputError: the release or `shards_dir` can't be used, or `strict` and a video can't be used.
    """
    if not root and options.layout != "a2d":
        raise InputError("config.data.root is ''; set it to the folder of your own data")
    folder = Path(root).absolute()
    fingerprint = open_release(options.layout, folder).fingerprint() if root else "official"
    if root:
        _ = open_release_once(options.layout, folder, fingerprint).splits  # raises the problems of the release's tables
    config = RegionConfig(
        name=options.shards_name(fingerprint),
        options=options,
        root=str(folder) if root else "",
        fingerprint=fingerprint,
        processes=processes,
    )
    return _prepare(BUILDERS.get(options.layout, Folder), config, Path(shards_dir), strict)


def prepare_vidor(
    root: str, shards_dir: str, options: VidorOptions, *, processes: int = 2, beam: str = "", strict: bool = False
) -> Vidor:
    """Does the same as `prepare_regions` for a release in VidOR's layout.

    An interrupted build continues after the finished videos.

    Args:
        root: folder of the release.
        shards_dir: folder of the shards of all releases.
        options: what the shards depend on.
        processes: that read videos in parallel; they don't change the shards.
        beam: options of a Beam pipeline that reads the videos instead; "" = none.
        strict: whether a video that can't be used is an error.
    """
    release = Path(root).absolute()
    for split in SPLITS:
        vidor.annotation_files(Path(root), split)
    name = options.shards_name(vidor.fingerprint(release))
    config = VidorConfig(name=name, options=options, root=str(release), processes=processes, beam=beam)
    return _prepare(Vidor, config, Path(shards_dir).absolute(), strict)  # Beam's workers may have another folder


def _prepare(kind: type[AnyBuilder], config: Config, folder: Path, strict: bool) -> AnyBuilder:
    """Opens the shards of `config` in `folder`, and builds them first if they are missing."""
    tfds.disable_progress_bar()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"{folder}: not a folder; config.data.shards_dir has to be a folder, or a path that does not exist"
        ) from error
    waiting = "another process is preparing this data; waiting for it"
    with wait_for_lock(folder / f".{config.name}.lock", waiting), _quiet():
        shards = folder / kind.name / config.name / str(kind.VERSION)
        if not (shards / PROBLEMS).is_file():  # the last file that a build writes
            shutil.rmtree(shards, ignore_errors=True)
            _build(kind(data_dir=str(folder), config=config))
        builder = _open(shards, kind, folder, config)
        reader_version.warn_of_earlier(shards)
        if isinstance(builder, Vidor):
            builder.remove_parts()
    problems = _read_problems(builder)
    if problems:
        log_problems(problems)
        if strict:
            raise InputError(
                f"{plural(len(problems), 'video')} had to be left out, see {builder.data_path / PROBLEMS}; "
                "fix the videos and prepare again, or set config.data.strict=False"
            )
    return builder


def _open(shards: Path, kind: type[AnyBuilder], folder: Path, config: Config) -> AnyBuilder:
    """The builder of the shards in the folder `shards`; InputError if the files that describe them are damaged."""
    damaged = (
        f"{shards}: the files that describe these shards are damaged; "
        f"delete the folder and build it again with {commands.short('prepare')}"
    )
    try:
        builder = kind(data_dir=str(folder), config=config)
        complete = set(builder.info.splits) == set(builder.info.metadata["label_frames"]) == set(SPLITS)
    except Exception as error:  # from TFDS, JSON or protobuf, or an assertion
        raise InputError(f"{damaged} ({str(error).splitlines()[0]})") from error
    if not complete:
        raise InputError(damaged)
    return builder


def _build(builder: Builder) -> None:
    """Builds the shards, and logs what the release warns of and what the shards contain."""
    for stale in Path(builder.data_path).parent.glob("*incomplete*"):
        shutil.rmtree(stale)
    log(f"building {builder.data_path}")
    download_config = _DownloadConfig(register_checksums=False, force_checksums_validation=False)
    if isinstance(builder, A2d):
        release = builder.open_release()
        problems = release.dataset_problems()
        if problems:
            raise Problems(*problems)
        for warning in release.warnings():
            log(f"warning: {warning}")
    elif builder.builder_config.beam:
        pipeline = beam_options(builder.builder_config.beam)
        download_config = dataclasses.replace(download_config, beam_options=pipeline)
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints sizes that it doesn't know
        builder.download_and_prepare(download_config=download_config)
    reader_version.note_version(Path(builder.data_path))
    left = [("video", "split", "reason"), *builder.problems]
    replace_text(Path(builder.data_path) / PROBLEMS, csv_text(left))
    clips = {split: info.num_examples for split, info in builder.info.splits.items()}
    left_out = "" if builder.problems else "; no video was left out"
    log(f"built: {clips} clips, {dict(builder.info.metadata['label_frames'])} labelled frames{left_out}")
    if isinstance(builder, A2d):
        for split, codes in builder.info.metadata["ignored_codes"].items():
            if codes:
                log(f"{split}: {builder.open_release().ignored}, ignored: {dict(codes)}")


def count_left_out(builder: Builder) -> dict[str, int]:
    """How many videos of each split could not be used."""
    counts = collections.Counter(split for _, split, _ in _read_problems(builder))
    return {split: counts[split] for split in SPLITS}


def _read_problems(builder: Builder) -> list[Problem]:
    with open(builder.data_path / PROBLEMS, newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without TFDS's log messages about its steps and about a configuration that it doesn't know."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
