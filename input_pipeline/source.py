"""Makes batches from a config: renders and prepares what is missing, and opens the shards."""

import dataclasses
from typing import Any, TypeVar

import tensorflow as tf
from ml_collections import ConfigDict

from input_pipeline import dataset
from input_pipeline.examples import Augmentation, ClipOptions
from input_pipeline.records import prepare
from input_pipeline.records.options import RecordOptions, RegionOptions, VidorOptions
from input_pipeline.sprites.render_a2d import A2dRenderOptions, render_a2d
from input_pipeline.sprites.render_vidor import VidorRenderOptions, render_vidor
from input_pipeline.sprites.rendered_folder import RenderOptions
from ssa2d_jax.data.batch import Source

Options = TypeVar("Options", bound=RecordOptions)


def prepare_shards(config: ConfigDict) -> prepare.Builder:
    """Renders and builds what is missing, and opens the shards that `config.data` describes.

    TensorFlow does not use a GPU.

    Raises:
        InputError: the data can't be used.
    """
    tf.config.set_visible_devices([], "GPU")
    data = config.data
    if data.layout == "vidor":
        if data.sprites.train_clips:
            clips = VidorRenderOptions(**_values(VidorRenderOptions, data.sprites))
            render_vidor(data.root, clips, data.sprites.processes)
        return prepare.prepare_vidor(
            data.root,
            data.shards_dir,
            record_options(VidorOptions, data),
            processes=data.processes,
            beam=data.beam,
            strict=data.strict,
        )
    if data.sprites.train_clips:
        render_a2d(data.root, A2dRenderOptions(**_values(A2dRenderOptions, data.sprites)), data.sprites.processes)
    return prepare.prepare_regions(
        data.root, data.shards_dir, record_options(RegionOptions, data), processes=data.processes, strict=data.strict
    )


def record_options(kind: type[Options], data: ConfigDict) -> Options:
    """The options of the same names in `config.data`; the default height of the flow is that of the network's input."""
    return kind(**_values(kind, data) | {"flow_height": data.flow_height or data.size[0]})


def _values(kind: type[RecordOptions | RenderOptions], section: ConfigDict) -> dict[str, Any]:
    """The values of the options of the same names in a section of a config."""
    return {field.name: section[field.name] for field in dataclasses.fields(kind)}


def open_batches(config: ConfigDict, process_index: int = 0, process_count: int = 1) -> Source:
    """Prepares the shards if they are missing, and opens the batches of this process of `process_count` processes."""
    builder = prepare_shards(config)
    dataset.check_shards(builder)  # now, and not only before the first evaluation
    data, space = config.data, builder.space
    # Shards of earlier versions don't say which pairs they show.
    if pairs := builder.info.metadata.get("pairs", {}).get("train"):
        space = space.taught([(actor, action) for actor, action in pairs])
    clip = ClipOptions(
        size=data.size,
        clip_frames=data.clip_frames,
        # A record of VidOR has exactly the frames of a clip, whatever the step between them.
        frame_step=1 if data.layout == "vidor" else data.frame_step,
        flow=config.model.flow,
        multilabel=space.multilabel,
    )
    options = dataset.BatchOptions(clip, data.decode_threads, process_index, process_count)
    return Source(
        space=space,
        train_clips=dataset.num_train_clips(builder),
        label_frames={split: dataset.num_label_frames(builder, split) for split in builder.info.splits},
        left_out=prepare.count_left_out(builder),
        identity=f"{builder.builder_config.name}, {dataset.num_train_clips(builder)} clips to train on",
        train_batches=lambda start: dataset.train_batches(
            builder,
            options,
            Augmentation(**config.augment),
            batch_size=config.train.batch_size,
            seed=config.seed,
            start_step=start,
            shuffle_buffer=data.shuffle_buffer,
        ),
        eval_batches=lambda split: dataset.eval_batches(builder, split, options, batch_size=config.eval.batch_size),
    )
