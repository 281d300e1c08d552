"""The TFDS builder that makes clip records of a release in VidOR's layout, in several processes or by Apache Beam."""

import dataclasses
import functools
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline.records import features, vidor_clips
from input_pipeline.records.vidor_clips import Options, Planned
from input_pipeline.releases import vidor
from input_pipeline.workers import Workers
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress, log

_SEED = 0  # of the choice of clips


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """What the shards depend on; its name says it all, so other settings never meet stale shards."""

    release: str = ""
    clip_frames: int = 16
    labels_per_clip: int = 4
    clips_per_video: int = 8
    store_height: int = 0
    jpeg_quality: int = 95
    flow: str = ""  # or a method of ssa2d_jax/optical_flow.py
    flow_height: int = 0
    spatial: bool = False
    processes: int = 2
    beam: str = ""  # options of a Beam pipeline; "" = `processes` processes of this machine


class Vidor(tfds.core.GeneratorBasedBuilder):
    """Clip records of a release in VidOR's layout: splits train and test (the official validation split).

    Train: `clips_per_video` clips a video on average, drawn evenly over the predicates. Test: up to that many of every
    video, evenly spaced, so that no frame is scored twice. Each video's records are kept, beside the shards, until the
    whole is built: an interrupted build goes on after the videos that are done. Videos that can't be used are left
    out and listed in `problems`, as (video, split, reason).
    """

    VERSION = tfds.core.Version("1.0.0")
    name = "vidor"

    def __init__(self, **kwargs: Any):
        self.problems: list[tuple[str, str, str]] = []
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Clips of videos with boxes and relations, in the layout of VidOR.",
            features=features.features(len(vidor.predicates(self.builder_config.spatial))),
            homepage="https://xdshang.github.io/docs/vidor.html",
            metadata=tfds.core.MetadataDict(label_frames={}, labels_a_clip={}, label_size={}),
        )

    @property
    def parts(self) -> Path:
        """Where what is done of an unfinished build waits."""
        return Path(self.data_path).parent / "parts"

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Any:
        config, options = self.builder_config, self._options()
        (self.parts / split).mkdir(parents=True, exist_ok=True)
        plan = self._plan(split, options)
        if not config.beam:
            return self._in_processes(split, plan, options)
        work = functools.partial(vidor_clips.records_of_video, folder=self.parts / split, options=options)
        beam = tfds.core.lazy_imports.apache_beam
        # A shuffle between listing and decoding lets a runner spread the videos over its workers.
        return beam.Create(plan) | beam.Reshuffle() | beam.FlatMap(work)

    def _options(self) -> Options:
        config = self.builder_config
        fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(Options)}
        return Options(**fields | {"release": Path(config.release)})

    def _plan(self, split: str, options: Options) -> list[Planned]:
        """Every video of the split that has a clip, with its clips; needs all annotations, so it comes first."""
        config = self.builder_config
        files = vidor.annotation_files(options.release, split)
        progress, outlines = Progress(f"reading annotations of {split}", "videos", len(files)), []
        for path, result in self._workers.in_order(functools.partial(vidor_clips.outline, options=options), files):
            if isinstance(result, Exception):
                vidor_clips.note(self.parts / split, path, {"problem": str(result)})
            else:
                outlines.append(result)
            progress.add(1)
        if split == "train":
            count = config.clips_per_video * len(outlines)
            plan = vidor_clips.drawn_evenly(outlines, count, config.clip_frames, _SEED)
        else:
            plan = vidor_clips.evenly_spaced(outlines, config.clips_per_video, config.clip_frames)
        if outlines and not plan:
            raise InputError(f"{options.release}: no video of the {split} split has a relation to learn from")
        if not outlines:
            self._usable(split)  # says why
        return list(plan.items())

    def _in_processes(self, split: str, plan: list[Planned], options: Options) -> Iterator[tuple[str, Any]]:
        """The examples of `plan`: of videos that were done before as they were kept, of the others newly made."""
        folder, features = self.parts / split, self.info.features
        left = [planned for planned in plan if not _is_kept(vidor_clips.part(folder, planned[0]))]
        missing = {planned[0] for planned in left}
        if len(left) < len(plan):
            log(f"{split}: {len(plan) - len(left)} of {len(plan)} videos were done before")
        progress = Progress(f"preparing {split}", "videos", len(left))
        work = functools.partial(vidor_clips.records_of_video, folder=folder, options=options)
        made = self._workers.in_order(work, left)
        for planned in plan:
            part = vidor_clips.part(folder, planned[0])
            if planned[0] not in missing:
                yield from _kept(part, features)
                continue
            _, result = next(made)
            if isinstance(result, Exception):
                raise result
            _keep(part, result, features)
            progress.add(1)
            yield from result

    def _download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        try:
            with Workers(self.builder_config.processes) as self._workers:
                super()._download_and_prepare(*args, **kwargs)
        except Exception:
            for split in SPLITS:  # without one example TFDS fails an assertion; the reason is in the notes
                if self._none_left(split):
                    self._usable(split)
            raise
        for split in SPLITS:
            done = self._usable(split)
            self.info.metadata["label_frames"][split] = sum(sum(note["labels"]) for note in done)
            self.info.metadata["labels_a_clip"][split] = max(max(note["labels"]) for note in done)
            self.info.metadata["label_size"][split] = np.max([note["size"] for note in done], axis=0).tolist()

    def _none_left(self, split: str) -> bool:
        """Whether every video of the split is noted as one that can't be used."""
        files = vidor.annotation_files(Path(self.builder_config.release), split)
        notes = [vidor_clips.part(self.parts / split, path).with_suffix(".json") for path in files]
        return all(note.exists() and "problem" in json.loads(note.read_text()) for note in notes)

    def _usable(self, split: str) -> list[dict[str, Any]]:
        """The notes of the videos that have clips; lists the others in `problems`. InputError if none has."""
        notes = [json.loads(path.read_text()) for path in sorted((self.parts / split).glob("*.json"))]
        bad = [(note["video"], split, note["problem"]) for note in notes if "problem" in note]
        done = [note for note in notes if "labels" in note]
        if not done:
            raise InputError(
                f"{self.builder_config.release}: no usable video in the {split} split, {len(notes)} are listed"
                + "".join(f"\n  {reason}" for *_, reason in bad[:5])
            )
        self.problems += bad
        return done


def finish(builder: Vidor) -> None:
    """Removes what was kept in case the build is interrupted."""
    shutil.rmtree(builder.parts, ignore_errors=True)


def _keep(part: Path, made: Sequence[tuple[str, Any]], features: tfds.features.FeaturesDict) -> None:
    """Writes a video's keys and serialized records, whole or not at all."""
    unfinished = part.with_suffix(".unfinished")
    with tf.io.TFRecordWriter(str(unfinished)) as writer:
        writer.write(json.dumps([key for key, _ in made]).encode())
        for _, record in made:
            writer.write(features.serialize_example(features.encode_example(record)))
    unfinished.replace(part)


def _is_kept(part: Path) -> bool:
    """Whether `_keep` wrote it and its note is there, and it can be read to its end."""
    if not part.exists() or not part.with_suffix(".json").exists():
        return False
    try:
        keys, *data = tf.data.TFRecordDataset(str(part)).as_numpy_iterator()
        return len(json.loads(keys)) == len(data)
    except (tf.errors.OpError, ValueError):
        return False


def _kept(part: Path, features: tfds.features.FeaturesDict) -> Iterator[tuple[str, Any]]:
    """What `_keep` wrote."""
    keys, *data = tf.data.TFRecordDataset(str(part)).as_numpy_iterator()
    for key, one in zip(json.loads(keys), data, strict=True):
        yield key, tfds.as_numpy(features.deserialize_example(one))


def beam_options(text: str) -> Any:
    """A Beam pipeline's options from words such as "--runner=DirectRunner --direct_num_workers=2"."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise InputError(
            f"config.data.beam needs Apache Beam: pip install -r requirements-beam.txt ({error})"
        ) from error
    words = text.split()
    if not all(re.match(r"--\w", word) for word in words):
        raise InputError(f"config.data.beam is {text!r}; it has to be options of a Beam pipeline, --name=value ...")
    return PipelineOptions(words)
