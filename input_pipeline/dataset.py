"""tf.data from the shards to batches of numpy arrays: read, shuffle (still encoded), decode, augment, batch, pad."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline import transforms
from ssa2d_jax.batch import InputError

Batch = dict[str, Any]
_PADDING = {"actor": transforms.IGNORE, "action": transforms.IGNORE}
_MAP_MULTIPLE = 64  # evaluation's maps are padded to multiples of this, so that few shapes are compiled


def num_train_clips(builder: tfds.core.DatasetBuilder) -> int:
    """Clip records in the train split."""
    return builder.info.splits["train"].num_examples


def num_label_frames(builder: tfds.core.DatasetBuilder, split: str) -> int:
    """Labelled frames in a split."""
    return builder.info.metadata["label_frames"][split]


def train_batches(
    builder: tfds.core.DatasetBuilder,
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    size: tuple[int, int],
    clip_frames: int,
    frame_step: int,
    augment: Mapping[str, Any],
    shuffle_buffer: int,
    decode_threads: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Endless training batches of this process, from the one of update `start_step` on.

    Order and augmentation follow from `seed`, epoch and position alone. What is left of an epoch when it
    doesn't fill a batch begins the next one. `batch_size` is that of all processes together.
    """
    share = batch_size // process_count
    records, clips = _records(builder, "train", process_index, process_count)
    done = start_step * share
    epochs = tf.data.Dataset.range(done // clips, np.iinfo(np.int64).max)
    # The whole order is a function of (seed, epoch), so resuming is skipping: no iterator state on disk.
    shuffled = epochs.flat_map(
        lambda epoch: records.shuffle(shuffle_buffer, seed=seed * 1_000_003 + epoch, reshuffle_each_iteration=False)
    )
    ds = shuffled.skip(done % clips)  # before decoding, so skipping is cheap
    ds = ds.enumerate(start=done)
    parse = builder.info.features.deserialize_example

    def to_example(index: tf.Tensor, data: tf.Tensor) -> dict[str, tf.Tensor]:
        draw = tf.stack([tf.constant(seed, tf.int64), index * process_count + process_index])
        return transforms.example(
            parse(data), draw, clip_frames=clip_frames, frame_step=frame_step, size=size, augment=augment
        )

    ds = ds.map(to_example, num_parallel_calls=decode_threads or tf.data.AUTOTUNE, deterministic=True)
    ds = ds.padded_batch(share, _padded_shapes(builder, "train", ds), _padding(ds), drop_remainder=True)
    return _numpy(ds.prefetch(2).with_options(_options(decode_threads)), _files(builder, "train"))


def eval_batches(
    builder: tfds.core.DatasetBuilder,
    split: str,
    *,
    batch_size: int,
    size: tuple[int, int],
    clip_frames: int,
    frame_step: int,
    decode_threads: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Once through a split, every labelled frame exactly once: whole frames, maps at their own size.

    Short batches are filled up with invalid clips, and every process gives the same number of batches.
    """
    share = batch_size // process_count
    records, _ = _records(builder, split, process_index, process_count)
    if process_count > 1:  # files divide unevenly; evaluation has to be even to a record
        records = tf.data.TFRecordDataset(_files(builder, split)).shard(process_count, process_index)
    parse = builder.info.features.deserialize_example
    ds = records.map(
        lambda data: transforms.example(
            parse(data), None, clip_frames=clip_frames, frame_step=frame_step, size=size, augment=None
        ),
        num_parallel_calls=decode_threads or tf.data.AUTOTUNE,
        deterministic=True,
    )
    ds = ds.padded_batch(share, _padded_shapes(builder, split, ds), _padding(ds))
    longest = -(-builder.info.splits[split].num_examples // process_count)
    batches = _numpy(ds.prefetch(2).with_options(_options(decode_threads)), _files(builder, split))
    last = None
    for _ in range(-(-longest // share)):
        batch = next(batches, None)
        last = _filled(batch, share) if batch is not None else _invalid(last)
        yield last


def _files(builder: tfds.core.DatasetBuilder, split: str) -> list[str]:
    """The split's shards; InputError when one is missing."""
    if split not in builder.info.splits:
        raise InputError(f"{builder.data_path} has no split {split!r}, only {sorted(builder.info.splits)}")
    files = [str(path) for path in builder.info.splits[split].filepaths]
    missing = [path for path in files if not Path(path).is_file()]
    if missing:
        raise InputError(f"{missing[0]}: this shard is missing; {_rebuild(missing[0])}")
    return files


def _rebuild(file: str) -> str:
    return f"delete the folder {Path(file).parent} and build it again with --mode=prepare"


def _records(
    builder: tfds.core.DatasetBuilder, split: str, process_index: int, process_count: int
) -> tuple[tf.data.Dataset, int]:
    """This process's serialized records, read shard after shard, and how many they are."""
    files = _files(builder, split)
    lengths = builder.info.splits[split].shard_lengths
    if len(files) >= process_count:
        return tf.data.TFRecordDataset(files[process_index::process_count]), sum(lengths[process_index::process_count])
    ds = tf.data.TFRecordDataset(files).shard(process_count, process_index)
    return ds, len(range(process_index, sum(lengths), process_count))


def _padded_shapes(builder: tfds.core.DatasetBuilder, split: str, ds: tf.data.Dataset) -> dict[str, Any]:
    """Labels are padded to the split's most labels a clip; maps to the largest of the batch."""
    most = builder.info.metadata["labels_a_clip"][split]
    shapes = {key: spec.shape for key, spec in ds.element_spec.items()}
    maps = [most, *shapes["actor"][1:]]
    return shapes | {"label_time": [most], "label_valid": [most], "actor": maps, "action": maps, "label_size": [2]}


def _padding(ds: tf.data.Dataset) -> dict[str, Any]:
    return {
        key: tf.cast(_PADDING.get(key, 0), spec.dtype) if spec.dtype != tf.string else ""
        for key, spec in ds.element_spec.items()
    }


def _options(threads: int) -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    if threads:
        options.threading.private_threadpool_size = threads
    return options


def _numpy(ds: tf.data.Dataset, files: list[str]) -> Iterator[Batch]:
    """Batches as numpy arrays; a shard that can't be read becomes an InputError that names it."""
    iterator = ds.as_numpy_iterator()
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            file = _first_bad(files)
            raise InputError(f"{file}: this shard is damaged ({str(error).splitlines()[0][:160]}); {_rebuild(file)}") from error
        yield batch | {"clip_id": [name.decode() for name in batch["clip_id"]]}


def _first_bad(files: list[str]) -> str:
    for file in files:
        try:
            for _ in tf.data.TFRecordDataset(file):
                pass
        except tf.errors.OpError:
            return file
    return files[0]


def _filled(batch: Batch, share: int) -> Batch:
    """Pads maps to multiples of `_MAP_MULTIPLE` and the batch to `share` clips, with invalid ones."""
    batch = dict(batch)
    for key in _PADDING:
        height, width = batch[key].shape[2:]
        room = [(0, 0), (0, 0), (0, -height % _MAP_MULTIPLE), (0, -width % _MAP_MULTIPLE)]
        batch[key] = np.pad(batch[key], room, constant_values=transforms.IGNORE)
    lacking = share - len(batch["clip_id"])
    if lacking:
        repeat = np.r_[np.arange(share - lacking), np.zeros(lacking, int)]
        names = batch.pop("clip_id")
        batch = {key: value[repeat] for key, value in batch.items()}
        batch["clip_id"] = [names[i] for i in repeat]
        batch["clip_valid"][-lacking:] = False
    return batch


def _invalid(batch: Batch) -> Batch:
    return dict(batch) | {"clip_valid": np.zeros_like(batch["clip_valid"])}
