"""From a config to batches: renders and prepares what is missing, and opens the shards."""

from typing import Any

import tensorflow as tf
from ml_collections import ConfigDict

from input_pipeline import dataset
from input_pipeline.records import prepare
from input_pipeline.sprites.render_a2d import render_release
from input_pipeline.sprites.render_vidor import render_vidor
from ssa2d_jax.data.batch import Source

_COMMON = ("clip_frames", "store_height", "jpeg_quality", "flow", "processes", "strict")
_A2D = ("frame_step", "label_span", "layout")
_VIDOR = ("labels_per_clip", "clips_per_video", "spatial", "beam")
_RENDER_VIDOR = ("train_clips", "test_clips", "size", "frames", "seed", "processes")


def prepare_shards(config: ConfigDict) -> prepare.Builder:
    """The TFDS builder of the shards that `config.data` describes; renders and builds what is missing.

    TensorFlow never sees a GPU. Raises InputError for data that can't be used.
    """
    tf.config.set_visible_devices([], "GPU")
    data = config.data
    options = {name: data[name] for name in _COMMON} | {"flow_height": data.flow_height or data.size[0]}
    if data.layout == "vidor":
        if data.sprites.train_clips:
            render_vidor(data.root, **{name: data.sprites[name] for name in _RENDER_VIDOR})
        return prepare.prepare_vidor(data.root, data.shards_dir, **options, **{name: data[name] for name in _VIDOR})
    if data.sprites.train_clips:
        render_release(data.root, **dict(data.sprites))
    return prepare.prepare_a2d(data.root, data.shards_dir, **options, **{name: data[name] for name in _A2D})


def open_source(config: ConfigDict, process_index: int = 0, process_count: int = 1) -> Source:
    """The batches of this process, of `process_count`, from shards that are prepared first where they are missing."""
    builder = prepare_shards(config)
    dataset.check_shards(builder)  # now, not when the first evaluation comes to it
    space = prepare.label_space(builder)
    # VidOR's records hold the very frames of a clip, whatever the step between them.
    step = 1 if config.data.layout == "vidor" else config.data.frame_step
    common: dict[str, Any] = dict(
        size=config.data.size,
        clip_frames=config.data.clip_frames,
        frame_step=step,
        flow=config.model.flow,
        multilabel=space.multilabel,
        decode_threads=config.data.decode_threads,
        process_index=process_index,
        process_count=process_count,
    )
    return Source(
        space=space,
        train_clips=dataset.num_train_clips(builder),
        label_frames={split: dataset.num_label_frames(builder, split) for split in builder.info.splits},
        left_out=prepare.left_out(builder),
        identity=f"{builder.builder_config.name}, {dataset.num_train_clips(builder)} clips to train on",
        train_batches=lambda start: dataset.train_batches(
            builder,
            batch_size=config.train.batch_size,
            seed=config.seed,
            start_step=start,
            augment=dict(config.augment),
            shuffle_buffer=config.data.shuffle_buffer,
            **common,
        ),
        eval_batches=lambda split: dataset.eval_batches(builder, split, batch_size=config.eval.batch_size, **common),
    )
