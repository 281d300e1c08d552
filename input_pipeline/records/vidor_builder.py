"""The TFDS builder that makes clip records of a release in VidOR's layout, in several processes or with Apache Beam."""

import dataclasses
import functools
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline.records import vidor_clips, vidor_notes, vidor_plan
from input_pipeline.records.clip_record import Record
from input_pipeline.records.features import record_features
from input_pipeline.records.options import VidorOptions
from input_pipeline.records.vidor_notes import Note
from input_pipeline.records.vidor_plan import VideoPlan
from input_pipeline.releases import vidor
from input_pipeline.workers import Workers
from ssa2d_jax.data import label_space
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress, log
from ssa2d_jax.utils.text import first_few

_SEED = 0  # of the choice of clips
_SHOWN = 5  # problems that an error message shows, and remarks


@dataclasses.dataclass(kw_only=True, eq=False)
class VidorConfig(tfds.core.BuilderConfig):
    """How shards are made; `name` contains everything that they depend on, so that other options find no old shards."""

    options: VidorOptions
    root: str
    processes: int = 2
    beam: str = ""  # options of a Beam pipeline; "" = `processes` processes of this machine


class Vidor(tfds.core.GeneratorBasedBuilder):
    """Clip records of a release in VidOR's layout: splits train and test (the official validation split).

    Train: on average `clips_per_video` clips per video, drawn evenly over the predicates. Test: up to that many of
    every video, evenly spaced, so that no frame is scored twice. The records of each video are kept beside the shards
    until the build is finished, so that an interrupted build can continue. Videos that can't be used are left out and
    listed in `problems`, as (video, split, reason).
    """

    VERSION = tfds.core.Version("1.0.0")
    name = "vidor"
    builder_config: VidorConfig

    def __init__(self, **kwargs: Any):
        self.problems: list[tuple[str, ...]] = []
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Clips of videos with boxes and relations, in the layout of VidOR.",
            features=record_features(len(vidor.predicates(self.builder_config.options.spatial))),
            homepage="https://xdshang.github.io/docs/vidor.html",
            metadata=tfds.core.MetadataDict(label_frames={}, labels_a_clip={}, label_size={}),
        )

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels."""
        return label_space.vidor(self.builder_config.options.spatial)

    @property
    def parts(self) -> Path:
        """The folder with the finished videos of an unfinished build."""
        return Path(self.data_path).parent / "parts"

    @property
    def _root(self) -> Path:
        return Path(self.builder_config.root)

    def remove_parts(self) -> None:
        """Deletes what an interrupted build would need."""
        shutil.rmtree(self.parts, ignore_errors=True)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Any:
        folder = self.parts / split
        folder.mkdir(parents=True, exist_ok=True)
        plans = self._plan(split)
        work = functools.partial(
            vidor_clips.records_of_video, folder=folder, root=self._root, options=self.builder_config.options
        )
        if not self.builder_config.beam:
            return self._generate_in_processes(split, plans, work)
        beam = tfds.core.lazy_imports.apache_beam
        # A shuffle between listing and decoding lets a runner distribute the videos over its workers.
        return beam.Create(plans) | beam.Reshuffle() | beam.FlatMap(work)

    def _plan(self, split: str) -> list[VideoPlan]:
        """Plans the clips of every video of the split. The choice needs all annotations, so they are read first."""
        options, folder = self.builder_config.options, self.parts / split
        files = vidor.annotation_files(self._root, split)
        progress = Progress(f"reading annotations of {split}", "videos", len(files))
        outlines = []
        work = functools.partial(vidor_plan.read_outline, root=self._root, options=options)
        for path, outline in self._workers.in_order(work, files):
            if isinstance(outline, Exception):
                vidor_notes.note_problem(folder, path, outline)
            else:
                outlines.append(outline)
            progress.add(1)
        if split == "train":
            count = options.clips_per_video * len(outlines)
            plan = vidor_plan.draw_evenly(outlines, count, options.clip_frames, _SEED)
        else:
            plan = vidor_plan.space_evenly(outlines, options.clips_per_video, options.clip_frames)
        if outlines and not plan:
            raise InputError(f"{self._root}: no video of the {split} split has a relation to learn from")
        if not outlines:
            self._read_usable_notes(split)  # raises an error with the reasons
        return list(plan.items())

    def _generate_in_processes(self, split: str, plans: list[VideoPlan], work: Any) -> Iterator[tuple[str, Record]]:
        """Yields the examples of `plans`: reads those of finished videos, and makes and keeps the others."""
        folder, features = self.parts / split, self.info.features
        unfinished = [plan for plan in plans if not _is_finished(folder, plan[0])]
        unfinished_paths = {path for path, _ in unfinished}
        if len(unfinished) < len(plans):
            log(f"{split}: {len(plans) - len(unfinished)} of {len(plans)} videos were finished before")
        progress = Progress(f"preparing {split}", "videos", len(unfinished))
        results = self._workers.in_order(work, unfinished)
        for path, _ in plans:
            file = vidor_notes.records_file(folder, path)
            if path not in unfinished_paths:
                yield from _read_records(file, features)
                continue
            _, records = next(results)
            if isinstance(records, Exception):
                raise records
            _write_records(file, records, features)
            progress.add(1)
            yield from records

    def _download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        try:
            with Workers(self.builder_config.processes) as self._workers:
                super()._download_and_prepare(*args, **kwargs)
        except Exception:
            for split in SPLITS:  # a split without examples fails an assertion of TFDS; the notes have the reason
                if self._is_unusable(split):
                    self._read_usable_notes(split)
            raise
        metadata = self.info.metadata
        for split in SPLITS:
            notes = self._read_usable_notes(split)
            _log_remarks(notes)
            metadata["label_frames"][split] = sum(sum(note.labels) for note in notes)
            metadata["labels_a_clip"][split] = max(max(note.labels) for note in notes)
            metadata["label_size"][split] = np.max([note.size for note in notes], axis=0).tolist()

    def _is_unusable(self, split: str) -> bool:
        """Whether every video of the split has a note that it can't be used."""
        files = [vidor_notes.note_file(self.parts / split, path) for path in vidor.annotation_files(self._root, split)]
        return all(file.exists() and vidor_notes.read_note(file).problem for file in files)

    def _read_usable_notes(self, split: str) -> list[Note]:
        """The notes of the videos with clips; adds the other videos to `problems`. InputError if no video has clips."""
        notes = [vidor_notes.read_note(path) for path in sorted((self.parts / split).glob("*.json"))]
        unusable = [(note.video, split, note.problem) for note in notes if not note.labels]
        usable = [note for note in notes if note.labels]
        if not usable:
            raise InputError(
                f"{self._root}: no usable video in the {split} split, {len(notes)} are listed"
                + "".join(f"\n  {reason}" for *_, reason in unusable[:_SHOWN])
            )
        self.problems += unusable
        return usable


def _log_remarks(notes: Sequence[Note]) -> None:
    """Logs what is unusual about videos that are used."""
    remarks = [note.remark for note in notes if note.remark]
    if remarks:
        log(f"warning: {first_few(remarks, _SHOWN, separator=chr(10) + '  ')}")


def _write_records(file: Path, records: Sequence[tuple[str, Record]], features: tfds.features.FeaturesDict) -> None:
    """Writes the keys and the serialized records of a video; the file appears when it is complete."""
    unfinished = file.with_suffix(".unfinished")
    with tf.io.TFRecordWriter(str(unfinished)) as writer:
        writer.write(json.dumps([key for key, _ in records]).encode())
        for _, record in records:
            writer.write(features.serialize_example(features.encode_example(record)))
    unfinished.replace(file)


def _is_finished(folder: Path, annotation: Path) -> bool:
    """Whether the records and the note of a video were written, and the records can be read to their end."""
    file = vidor_notes.records_file(folder, annotation)
    if not file.exists() or not vidor_notes.note_file(folder, annotation).exists():
        return False
    try:
        keys, records = _read_serialized(file)
        return len(keys) == len(records)
    except (tf.errors.OpError, ValueError):
        return False


def _read_records(file: Path, features: tfds.features.FeaturesDict) -> Iterator[tuple[str, Record]]:
    """Reads what `_write_records` wrote."""
    for key, record in zip(*_read_serialized(file), strict=True):
        yield key, tfds.as_numpy(features.deserialize_example(record))


def _read_serialized(file: Path) -> tuple[list[str], list[bytes]]:
    """The keys and the serialized records of a video."""
    keys, *records = cast(Iterator[bytes], tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    return json.loads(keys), records


def beam_options(text: str) -> Any:
    """The options of a Beam pipeline from text such as "--runner=DirectRunner --direct_num_workers=2"."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise InputError(f"config.data.beam needs Apache Beam: pip install '<checkout>[beam]' ({error})") from error
    words = text.split()
    if not all(re.match(r"--\w", word) for word in words):
        raise InputError(f"config.data.beam is {text!r}; it must be options of a Beam pipeline, --name=value ...")
    return PipelineOptions(words)
