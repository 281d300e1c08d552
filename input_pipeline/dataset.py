"""tf.data from shards to numpy batches: read, shuffle (still encoded), decode, augment, batch, pad."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline import transforms
from ssa2d_jax.utils.errors import InputError

Batch = dict[str, Any]
_RECORD_OVERHEAD = 16  # bytes that a TFRecord adds to each record
_MAP_MULTIPLE = 64  # evaluation's maps are padded to multiples of this, so that few shapes are compiled


def num_train_clips(builder: tfds.core.DatasetBuilder) -> int:
    """Clip records in the train split."""
    return _split(builder, "train").num_examples


def num_label_frames(builder: tfds.core.DatasetBuilder, split: str) -> int:
    """Labelled frames in a split."""
    _split(builder, split)
    return builder.info.metadata["label_frames"][split]


def check_shards(builder: tfds.core.DatasetBuilder) -> None:
    """InputError when a shard of any split is missing or not as long as it was written."""
    for split in builder.info.splits:
        _files(builder, split)


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
    flow: bool = False,
    multilabel: bool = False,
    shuffle_buffer: int,
    decode_threads: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Endless training batches of this process, from the one of update `start_step` on.

    Order and augmentation follow from `seed`, epoch and position alone. What is left of an epoch when it
    doesn't fill a batch begins the next one. `batch_size` is that of all processes together.
    """
    share = _share(batch_size, process_count)
    shape = dict(clip_frames=clip_frames, frame_step=frame_step, size=size, flow=flow, multilabel=multilabel)
    records, clips = _train_records(builder, process_index, process_count)
    done = start_step * share
    epochs = tf.data.Dataset.range(done // clips, np.iinfo(np.int64).max)

    def epoch_order(epoch: tf.Tensor) -> tf.data.Dataset:
        return records.shuffle(shuffle_buffer, seed=seed * 1_000_003 + epoch, reshuffle_each_iteration=False)

    # The whole order is a function of (seed, epoch), so resuming is skipping: no iterator state on disk.
    ds = epochs.flat_map(epoch_order).skip(done % clips)  # before decoding, so skipping is cheap
    ds = ds.enumerate(start=done)
    parse = builder.info.features.deserialize_example

    def to_example(index: tf.Tensor, data: tf.Tensor) -> dict[str, tf.Tensor]:
        draw = tf.stack([tf.constant(seed, tf.int64), index * process_count + process_index])
        return transforms.example(parse(data), draw, augment=augment, **shape)

    ds = ds.map(to_example, num_parallel_calls=decode_threads or tf.data.AUTOTUNE, deterministic=True)
    ds = ds.padded_batch(share, _padded_shapes(builder, "train", ds), _padding(ds), drop_remainder=True)
    return _numpy(ds.prefetch(2).with_options(_options(decode_threads)), builder, "train")


def eval_batches(
    builder: tfds.core.DatasetBuilder,
    split: str,
    *,
    batch_size: int,
    size: tuple[int, int],
    clip_frames: int,
    frame_step: int,
    flow: bool = False,
    multilabel: bool = False,
    decode_threads: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[Batch]:
    """Once through a split, every labelled frame exactly once: whole frames, maps at their own size.

    The last batch is filled up with invalid clips, and every process gives the same number of batches. Maps
    are padded to the batch's largest; with several processes, whose shapes have to agree, to the split's.
    """
    share = _share(batch_size, process_count)
    shape = dict(clip_frames=clip_frames, frame_step=frame_step, size=size, flow=flow, multilabel=multilabel)
    clips = _split(builder, split).num_examples
    records = tf.data.TFRecordDataset(_files(builder, split))
    lacking = -clips % (share * process_count)
    records = records.concatenate(records.take(1).repeat(lacking)).enumerate()
    parse = builder.info.features.deserialize_example

    def to_example(index: tf.Tensor, data: tf.Tensor) -> dict[str, tf.Tensor]:
        one = transforms.example(parse(data), None, augment=None, **shape)
        return one | {"clip_valid": index < clips}

    ds = records.shard(process_count, process_index)
    ds = ds.map(to_example, num_parallel_calls=decode_threads or tf.data.AUTOTUNE, deterministic=True)
    ds = ds.padded_batch(share, _padded_shapes(builder, split, ds), _padding(ds), drop_remainder=True)
    least = builder.info.metadata["label_size"][split] if process_count > 1 else (0, 0)
    for batch in _numpy(ds.prefetch(2).with_options(_options(decode_threads)), builder, split):
        yield batch | {key: _padded_maps(batch[key], least) for key in ("actor", "action")}


def _share(batch_size: int, process_count: int) -> int:
    if batch_size < process_count or batch_size % process_count:
        raise InputError(f"batch size {batch_size} can't be divided among {process_count} processes")
    return batch_size // process_count


def _split(builder: tfds.core.DatasetBuilder, split: str) -> tfds.core.SplitInfo:
    if split not in builder.info.splits:
        raise InputError(f"{builder.data_path} has no split {split!r}, only {sorted(builder.info.splits)}")
    return builder.info.splits[split]


def _files(builder: tfds.core.DatasetBuilder, split: str) -> list[str]:
    """The split's shards; InputError when one is missing or not as long as it was written."""
    info = _split(builder, split)
    files = [str(path) for path in info.filepaths]
    missing = [path for path in files if not Path(path).is_file()]
    if missing:
        raise InputError(f"{missing[0]}: this shard is missing; {_rebuild(missing[0])}")
    # TensorFlow takes a file that ends between two records for a whole one.
    written = info.num_bytes + _RECORD_OVERHEAD * info.num_examples
    if sum(Path(path).stat().st_size for path in files) != written:
        raise _damaged(builder, split, "it is not as long as it was written")
    return files


def _damaged(builder: tfds.core.DatasetBuilder, split: str, reason: str) -> InputError:
    info = _split(builder, split)
    files = zip(map(str, info.filepaths), info.shard_lengths, strict=True)
    bad = next((file for file, length in files if not _is_whole(file, length)), None)
    which = f"{bad}: this shard" if bad else f"{builder.data_path}: one of the shards"
    return InputError(f"{which} is damaged ({reason}); {_rebuild(info.filepaths[0])}")


def _is_whole(file: str, length: int) -> bool:
    try:
        return sum(1 for _ in tf.data.TFRecordDataset(file)) == length
    except tf.errors.OpError:
        return False


def _rebuild(file: str) -> str:
    return f"delete the folder {Path(file).parent} and build it again with --mode=prepare"


def _train_records(
    builder: tfds.core.DatasetBuilder, process_index: int, process_count: int
) -> tuple[tf.data.Dataset, int]:
    """This process's serialized records, whole files of them where those suffice, and how many they are."""
    files, lengths = _files(builder, "train"), _split(builder, "train").shard_lengths
    if sum(lengths) < process_count:
        raise InputError(f"{sum(lengths)} clips can't be divided among {process_count} processes")
    if all(sum(lengths[index::process_count]) for index in range(process_count)):
        mine = slice(process_index, None, process_count)
        return tf.data.TFRecordDataset(files[mine]), sum(lengths[mine])
    ds = tf.data.TFRecordDataset(files).shard(process_count, process_index)
    return ds, len(range(process_index, sum(lengths), process_count))


def _padded_shapes(builder: tfds.core.DatasetBuilder, split: str, ds: tf.data.Dataset) -> dict[str, Any]:
    """Labels are padded to the split's most labels a clip; maps to the largest of the batch."""
    most = builder.info.metadata["labels_a_clip"][split]
    shapes = {key: spec.shape for key, spec in ds.element_spec.items()}
    maps = [most, *shapes["actor"][1:]]
    return shapes | {
        "label_time": [most],
        "label_valid": [most],
        "actor": maps,
        "action": [*maps, *shapes["action"][3:]],
        "label_size": [2],
    }


def _padding(ds: tf.data.Dataset) -> dict[str, Any]:
    """Label maps are padded with what counts nowhere; of several actions a pixel, with none (the actor tells)."""
    maps = {"actor": transforms.IGNORE, "action": transforms.IGNORE}
    value = lambda key, spec: maps.get(key, 0) if spec.dtype == tf.uint8 else 0
    return {
        key: tf.cast(value(key, spec), spec.dtype) if spec.dtype != tf.string else ""
        for key, spec in ds.element_spec.items()
    }


def _options(threads: int) -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    if threads:
        options.threading.private_threadpool_size = threads
    return options


def _numpy(ds: tf.data.Dataset, builder: tfds.core.DatasetBuilder, split: str) -> Iterator[Batch]:
    """Batches as numpy arrays; a shard that can't be read becomes an InputError that names it."""
    iterator = ds.as_numpy_iterator()
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            raise _damaged(builder, split, str(error).splitlines()[0][:160]) from error
        yield batch | {"clip_id": [name.decode() for name in batch["clip_id"]]}


def _padded_maps(maps: np.ndarray, least: tuple[int, int]) -> np.ndarray:
    """[B, L, h, w, ...] filled up with IGNORE or false: h, w become multiples of `_MAP_MULTIPLE`, at least `least`."""
    height, width = (max(size, at_least) for size, at_least in zip(maps.shape[2:4], least, strict=True))
    height, width = height + -height % _MAP_MULTIPLE, width + -width % _MAP_MULTIPLE
    room = [(0, 0), (0, 0), (0, height - maps.shape[2]), (0, width - maps.shape[3])]
    room += [(0, 0)] * (maps.ndim - 4)
    return np.pad(maps, room, constant_values=False if maps.dtype == bool else transforms.IGNORE)
