"""Reads shards with tf.data and makes numpy batches: shuffle (still encoded), decode, augment, batch, pad."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from jaxtyping import Shaped

from input_pipeline.examples import Augmentation, ClipOptions, make_example
from ssa2d_jax.data.batch import HostBatch
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError

Example = dict[str, tf.Tensor]
_RECORD_OVERHEAD = 16  # bytes that the TFRecord format adds to each record
_MAP_MULTIPLE = 64  # evaluation's maps are padded to multiples of this, so that few shapes are compiled


@dataclasses.dataclass(frozen=True)
class BatchOptions:
    """Options of batches for training and for evaluation.

    Attributes:
        clip: what every example holds.
        decode_threads: clips that are decoded in parallel; 0 = tf.data decides.
        process_index: which process this is, of `process_count`.
        process_count: number of processes that divide every batch among themselves.
    """

    clip: ClipOptions
    decode_threads: int = 0
    process_index: int = 0
    process_count: int = 1

    def share(self, batch_size: int) -> int:
        """The clips of this process in a batch of `batch_size` clips."""
        if batch_size < self.process_count or batch_size % self.process_count:
            raise InputError(f"batch size {batch_size} can't be divided among {self.process_count} processes")
        return batch_size // self.process_count

    def mine(self, numbered: "tf.data.Dataset[Any]", batch_size: int) -> "tf.data.Dataset[Any]":
        """This process's part of (number, record) in the global order: the same positions of every batch.

        It reads the other records as well, but does not decode them: their order is the same for any number of
        processes, and of files.
        """
        if self.process_count == 1:
            return numbered
        share = self.share(batch_size)
        is_mine: Any = lambda number, _: number % batch_size // share == self.process_index
        return numbered.filter(is_mine)


def num_train_clips(builder: tfds.core.DatasetBuilder) -> int:
    """The number of clip records in the train split."""
    return _split(builder, "train").num_examples


def num_label_frames(builder: tfds.core.DatasetBuilder, split: str) -> int:
    """The number of labelled frames in a split."""
    _split(builder, split)
    return builder.info.metadata["label_frames"][split]


def check_shards(builder: tfds.core.DatasetBuilder) -> None:
    """Raises InputError if a shard of any split is missing or has another size than when it was written."""
    for split in builder.info.splits:
        _files(builder, split)


def train_batches(
    builder: tfds.core.DatasetBuilder,
    options: BatchOptions,
    augmentation: Augmentation,
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    shuffle_buffer: int,
) -> Iterator[HostBatch]:
    """Yields endless training batches of this process, beginning with that of training step `start_step`.

    Order and augmentation depend only on `seed`, epoch and position, not on the number of processes. Clips at the end
    of an epoch that do not fill a batch begin the first batch of the next epoch.

    Args:
        builder: of the shards.
        options: of the batches.
        augmentation: random changes of the examples.
        batch_size: clips per batch, in all processes together.
        seed: of the order and the augmentation.
        start_step: from 0.
        shuffle_buffer: number of clips that are shuffled at a time.
    """
    share = options.share(batch_size)
    clips = num_train_clips(builder)
    records: tf.data.Dataset[tf.Tensor] = tf.data.TFRecordDataset(_files(builder, "train"))
    done = start_step * batch_size
    epochs = tf.data.Dataset.range(done // clips, np.iinfo(np.int64).max)

    def epoch_order(epoch: tf.Tensor) -> tf.data.Dataset[tf.Tensor]:
        epoch_seed: Any = seed * 1_000_003 + epoch  # the stubs lack a tensor as seed
        return records.shuffle(shuffle_buffer, seed=epoch_seed, reshuffle_each_iteration=False)

    # The order is a function of seed and epoch alone. So resuming is skipping; no iterator state is saved.
    ds = epochs.flat_map(epoch_order).skip(done % clips)  # before decoding, so that skipping is cheap
    parse = builder.info.features.deserialize_example

    def to_example(number: tf.Tensor, data: tf.Tensor) -> Example:
        draw = tf.stack([tf.constant(seed, tf.int64), number])
        return make_example(parse(data), draw, options.clip, augmentation)

    examples = options.mine(ds.enumerate(start=done), batch_size).map(
        to_example, num_parallel_calls=options.decode_threads or tf.data.AUTOTUNE, deterministic=True
    )
    return _batches(examples, builder, "train", share, options.decode_threads)


def eval_batches(
    builder: tfds.core.DatasetBuilder, split: str, options: BatchOptions, *, batch_size: int
) -> Iterator[HostBatch]:
    """Yields the batches of one pass through a split, with every labelled frame exactly once.

    The clips show whole frames, the label maps have their own size. The last batch is filled up with invalid clips, so
    that every process yields the same number of batches. Maps are padded to the largest of the batch; with several
    processes, whose shapes must agree, to the largest of the split.

    Args:
        builder: of the shards.
        split: "train" or "test".
        options: of the batches.
        batch_size: clips per batch, in all processes together.
    """
    share = options.share(batch_size)
    clips = _split(builder, split).num_examples
    records: tf.data.Dataset[tf.Tensor] = tf.data.TFRecordDataset(_files(builder, split))
    padding_clips = -clips % batch_size
    records = records.concatenate(records.take(1).repeat(padding_clips))
    parse = builder.info.features.deserialize_example

    def to_example(number: tf.Tensor, data: tf.Tensor) -> Example:
        example = make_example(parse(data), None, options.clip, None)
        return example | {"clip_valid": number < clips}

    mine = options.mine(records.enumerate(), batch_size)
    examples = mine.map(to_example, num_parallel_calls=options.decode_threads or tf.data.AUTOTUNE, deterministic=True)
    least = builder.info.metadata["label_size"][split] if options.process_count > 1 else (0, 0)
    for batch in _batches(examples, builder, split, share, options.decode_threads):
        actor, action = _pad_maps(batch["actor"], least), _pad_maps(batch["action"], least)
        yield cast(HostBatch, {**batch, "actor": actor, "action": action})


def _split(builder: tfds.core.DatasetBuilder, split: str) -> tfds.core.SplitInfo:
    if split not in builder.info.splits:
        raise InputError(f"{builder.data_path} has no split {split!r}, only {sorted(builder.info.splits)}")
    return builder.info.splits[split]


def _files(builder: tfds.core.DatasetBuilder, split: str) -> list[str]:
    """The shards of a split; InputError if one is missing or has another size than when it was written."""
    info = _split(builder, split)
    files = [str(path) for path in info.filepaths]
    missing = [path for path in files if not Path(path).is_file()]
    if missing:
        raise InputError(f"{missing[0]}: this shard is missing; {_rebuild(missing[0])}")
    # TensorFlow takes a file that ends between two records for a complete one.
    written = info.num_bytes + _RECORD_OVERHEAD * info.num_examples
    if sum(Path(path).stat().st_size for path in files) != written:
        raise _damage_error(builder, split, "it has another size than when it was written")
    return files


def _damage_error(builder: tfds.core.DatasetBuilder, split: str, reason: str) -> InputError:
    """The error that names the damaged shard of a split."""
    info = _split(builder, split)
    files = zip(map(str, info.filepaths), info.shard_lengths, strict=True)
    shard = next((file for file, length in files if not _is_complete(file, length)), None)
    subject = f"{shard}: this shard" if shard else f"{builder.data_path}: one of the shards"
    return InputError(f"{subject} is damaged ({reason}); {_rebuild(info.filepaths[0])}")


def _is_complete(file: str, length: int) -> bool:
    """Whether a shard has `length` readable records."""
    try:
        return sum(1 for _ in tf.data.TFRecordDataset(file)) == length
    except tf.errors.OpError:
        return False


def _rebuild(file: str) -> str:
    return f"delete the folder {Path(file).parent} and build it again with {commands.short('prepare')}"


def _batches(
    ds: tf.data.Dataset[Example], builder: tfds.core.DatasetBuilder, split: str, share: int, threads: int
) -> Iterator[HostBatch]:
    """Groups examples into padded batches of `share` clips, as numpy arrays.

    Raises:
        InputError: a shard can't be read.
    """
    specs = cast(dict[str, tf.TensorSpec], ds.element_spec)
    labels = builder.info.metadata["labels_a_clip"][split]
    ds = ds.padded_batch(share, _padded_shapes(specs, labels), _padding_values(specs), drop_remainder=True)
    iterator = ds.prefetch(2).with_options(_options(threads)).as_numpy_iterator()
    while True:
        try:
            batch = cast(dict[str, Any], next(iterator))
        except StopIteration:
            return
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            raise _damage_error(builder, split, str(error).splitlines()[0][:160]) from error
        yield cast(HostBatch, batch | {"clip_id": [name.decode() for name in batch["clip_id"]]})


def _padded_shapes(specs: Mapping[str, tf.TensorSpec], labels: int) -> dict[str, Any]:
    """The shapes in a batch: `labels` labelled frames per clip, and maps of the largest size in the batch."""
    shapes: dict[str, Any] = {key: spec.shape for key, spec in specs.items()}
    maps = [labels, *shapes["actor"][1:]]
    return shapes | {
        "label_time": [labels],
        "label_valid": [labels],
        "actor": maps,
        "action": [*maps, *shapes["action"][3:]],
        "label_size": [2],
    }


def _padding_values(specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    """`IGNORE` for maps of classes, false for maps of several actions (`actor` says which pixels to ignore)."""
    value = lambda key, spec: IGNORE if key in ("actor", "action") and spec.dtype == tf.uint8 else 0
    return {
        key: tf.cast(value(key, spec), spec.dtype) if spec.dtype != tf.string else "" for key, spec in specs.items()
    }


def _options(threads: int) -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    # With it, closing an iterator sometimes takes most of a minute, in which nothing runs (seen with TensorFlow 2.21).
    # Without it, as many threads decode as there are cores, at most 16.
    options.autotune.enabled = False
    if threads:
        options.threading.private_threadpool_size = threads
    return options


def _pad_maps(maps: Shaped[np.ndarray, "B L h w *A"], least: Sequence[int]) -> Shaped[np.ndarray, "B L h2 w2 *A"]:
    """Pads label maps with IGNORE or false to multiples of `_MAP_MULTIPLE`, at least to `least` (height, width)."""
    height, width = (max(size, at_least) for size, at_least in zip(maps.shape[2:4], least, strict=True))
    height, width = height + -height % _MAP_MULTIPLE, width + -width % _MAP_MULTIPLE
    padding = [(0, 0), (0, 0), (0, height - maps.shape[2]), (0, width - maps.shape[3])]
    padding += [(0, 0)] * (maps.ndim - 4)
    return np.pad(maps, padding, constant_values=False if maps.dtype == bool else IGNORE)
