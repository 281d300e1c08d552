"""Builds the shards of a release when they are missing, and opens them."""

import collections
import contextlib
import csv
import dataclasses
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.utils import shard_utils

from input_pipeline.records import a2d_builder, vidor_builder
from input_pipeline.releases import vidor
from input_pipeline.releases.layouts import open_release
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.data.label_space import vidor as vidor_space
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.locks import wait_for_lock
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import plural

Builder = a2d_builder.A2d | vidor_builder.Vidor
PROBLEMS = "problems.csv"
_SHARDS = 8  # files of a split at least, so that processes can divide them among themselves
_SHARD_BYTES = 64 << 20


class _Shards(shard_utils.ShardConfig):
    def get_number_shards(self, total_size: int, num_examples: int, uses_precise_sharding: bool = True) -> int:
        return min(num_examples, max(_SHARDS, total_size // _SHARD_BYTES))


class _DownloadConfig(tfds.download.DownloadConfig):
    def get_shard_config(self) -> shard_utils.ShardConfig:
        return _Shards()


def prepare_a2d(
    release: str,
    prepared: str,
    *,
    clip_frames: int,
    frame_step: int,
    label_span: int,
    store_height: int,
    jpeg_quality: int,
    flow: str = "",
    flow_height: int = 0,
    processes: int = 2,
    strict: bool = False,
    layout: str = "a2d",
) -> a2d_builder.A2d:
    """The builder of an A2D release's clip records in folder `prepared`, built first if they aren't there.

    release="" is the official archive, downloaded by TFDS. `layout`: "a2d", or "folder", data of one's own as
    folder_release.py describes them. `processes` work side by side, which doesn't change what
    is built. An interrupted build leaves nothing that is taken for a whole one. Lists videos that had to be left out;
    raises InputError for them if `strict`.
    """
    if not release and layout != "a2d":
        raise InputError("config.data.root is ''; it has to be the folder of your own data")
    place = Path(release).absolute()
    if release:
        open_release.cache_clear()  # a table of its own for what is there now
        _ = open_release(layout, place).splits
    mark = open_release(layout, place).fingerprint() if release else "official"
    settings = {
        "clip_frames": clip_frames, "frame_step": frame_step, "label_span": label_span,
        "store_height": store_height, "jpeg_quality": jpeg_quality,
        "flow": flow, "flow_height": flow_height,
    }  # fmt: skip
    name = f"t{clip_frames}x{frame_step}_span{label_span}_h{store_height}_q{jpeg_quality}"
    name += f"_{flow}{flow_height}_{mark}" if flow else f"_{mark}"
    config = a2d_builder.Config(
        name=name, layout=layout, release=str(place) if release else "", processes=processes, **settings
    )
    return _ready(a2d_builder.Folder if layout == "folder" else a2d_builder.A2d, config, Path(prepared), strict)


def prepare_vidor(
    release: str,
    prepared: str,
    *,
    clip_frames: int,
    labels_per_clip: int,
    clips_per_video: int,
    store_height: int,
    jpeg_quality: int,
    flow: str = "",
    flow_height: int = 0,
    spatial: bool = False,
    processes: int = 2,
    beam: str = "",
    strict: bool = False,
) -> vidor_builder.Vidor:
    """The same for a release in VidOR's layout. An interrupted build goes on after the videos that are done.

    `processes` work side by side, or a Beam pipeline with the options `beam`: neither changes what is built.
    """
    for split in SPLITS:
        vidor.annotation_files(Path(release), split)
    settings = {
        "clip_frames": clip_frames, "labels_per_clip": labels_per_clip, "clips_per_video": clips_per_video,
        "store_height": store_height, "jpeg_quality": jpeg_quality,
        "flow": flow, "flow_height": flow_height, "spatial": spatial,
    }  # fmt: skip
    name = f"t{clip_frames}_l{labels_per_clip}_c{clips_per_video}_h{store_height}_q{jpeg_quality}"
    name += (f"_{flow}{flow_height}" if flow else "") + ("_spatial" if spatial else "")
    name += f"_{vidor.fingerprint(Path(release))}"
    place = dict(release=str(Path(release).absolute()), processes=processes, beam=beam)
    config = vidor_builder.Config(name=name, **settings, **place)
    return _ready(vidor_builder.Vidor, config, Path(prepared).absolute(), strict)  # workers may run elsewhere


def _ready(kind: type[Builder], config: Any, folder: Path, strict: bool) -> Builder:
    """The builder of that configuration, built in `folder` if it isn't there."""
    tfds.disable_progress_bar()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{folder}: not a folder; config.data.shards_dir has to be one, or to be free") from error
    waiting = "another process is preparing this data; waiting for it"
    with wait_for_lock(folder / f".{config.name}.lock", waiting), _quiet():
        place = folder / kind.name / config.name / str(kind.VERSION)
        if not (place / PROBLEMS).is_file():  # the last file that a build writes
            shutil.rmtree(place, ignore_errors=True)
            _build(kind(data_dir=str(folder), config=config))
        builder = _opened(place, kind, folder, config)
        if isinstance(builder, vidor_builder.Vidor):
            vidor_builder.finish(builder)
    problems = _saved_problems(builder)
    if problems:
        a2d_builder.say_problems(problems)
        if strict:
            raise InputError(
                f"{plural(len(problems), 'video')} had to be left out, see {builder.data_path / PROBLEMS}; "
                "mend them and prepare again, or set config.data.strict=False"
            )
    return builder


def _opened(place: Path, kind: type[Builder], folder: Path, config: Any) -> Builder:
    """The builder of the shards in `place`; InputError if the files that describe them are damaged."""
    try:
        builder = kind(data_dir=str(folder), config=config)
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


def _build(builder: Builder) -> None:
    for stale in Path(builder.data_path).parent.glob("*incomplete*"):
        shutil.rmtree(stale)
    log(f"building {builder.data_path}")
    if isinstance(builder, a2d_builder.A2d):
        for remark in open_release(builder.builder_config.layout, Path(builder.builder_config.release)).warnings():
            log(f"remark: {remark}")
    config = _DownloadConfig(register_checksums=False, force_checksums_validation=False)
    if isinstance(builder, vidor_builder.Vidor) and builder.builder_config.beam:
        config = dataclasses.replace(config, beam_options=vidor_builder.beam_options(builder.builder_config.beam))
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS prints sizes that it doesn't know
        builder.download_and_prepare(download_config=config)
    problems = io.StringIO()
    csv.writer(problems).writerows([("video", "split", "reason"), *builder.problems])
    replace_text(Path(builder.data_path) / PROBLEMS, problems.getvalue())
    clips = {split: info.num_examples for split, info in builder.info.splits.items()}
    left_out = "" if builder.problems else "; no video was left out"
    log(f"built: {clips} clips, {dict(builder.info.metadata['label_frames'])} labelled frames{left_out}")
    for split, codes in builder.info.metadata.get("ignored_codes", {}).items():
        if codes:
            kind = open_release(builder.builder_config.layout, Path(builder.builder_config.release)).ignored
            log(f"{split}: {kind}, ignored: {dict(codes)}")


def label_space(builder: Builder) -> LabelSpace:
    """The classes of the labels in the shards."""
    if isinstance(builder, vidor_builder.Vidor):
        return vidor_space(builder.builder_config.spatial)
    return builder.space


def left_out(builder: Builder) -> dict[str, int]:
    """How many videos of each split could not be used."""
    counts = collections.Counter(split for _, split, _ in _saved_problems(builder))
    return {split: counts[split] for split in SPLITS}


def _saved_problems(builder: Builder) -> list[tuple[str, ...]]:
    with open(builder.data_path / PROBLEMS, newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without TFDS's remarks on what it does and on a configuration that it doesn't know."""
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
