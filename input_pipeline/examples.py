"""Makes one example of a batch from a clip record."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from input_pipeline import transforms
from input_pipeline.transforms import Range


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    """What an example holds; configs/default.py describes the options.

    Attributes:
        size: (height, width) of the network's input.
        clip_frames: frames of a clip.
        frame_step: a clip takes every `frame_step`-th frame of its record.
        flow: whether the example has optical flow; the record must have it.
        multilabel: whether a pixel can have several actions.
    """

    size: tuple[int, int]
    clip_frames: int
    frame_step: int
    flow: bool = False
    multilabel: bool = False


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of training examples; configs/default.py describes the options."""

    crop_scale: Range
    crop_aspect: Range
    flip: bool
    jitter_time: bool
    brightness: float
    contrast: float
    saturation: float
    hue: float

    @property
    def crops(self) -> bool:
        """Whether crops are smaller than the frame."""
        return tuple(self.crop_scale) != (1.0, 1.0)

    @property
    def recolours(self) -> bool:
        """Whether colours change."""
        return any((self.brightness, self.contrast, self.saturation, self.hue))


class _Seeds(NamedTuple):
    """One seed for each kind of augmentation."""

    time: tf.Tensor
    crop: tf.Tensor
    flip: tf.Tensor
    colour: tf.Tensor


def make_example(
    record: Mapping[str, tf.Tensor], seed: tf.Tensor | None, options: ClipOptions, augmentation: Augmentation | None
) -> dict[str, tf.Tensor]:
    """Makes one example of a batch, as ssa2d_jax/data/batch.py describes it but without the batch axis.

    For training, one random draw holds for all frames, flow and maps. Without augmentation, the example has the whole
    frame, the labels in the middle of the clip, and maps at their own size.

    Args:
        record: a clip record.
        seed: int64 [2], needed for augmentation.
        options: what the example holds.
        augmentation: None for evaluation.
    """
    stored = tf.size(record["frames"], tf.int64)
    seeds = None
    if augmentation is not None:
        assert seed is not None, "augmentation needs a seed"
        seeds = _Seeds(*tf.unstack(tf.random.split(seed, 4)))
    jitter = seeds.time if augmentation and seeds and augmentation.jitter_time else None
    start = transforms.clip_start(record["label_position"], stored, options.clip_frames, options.frame_step, jitter)
    reached = start + tf.range(options.clip_frames, dtype=tf.int64) * options.frame_step
    index = tf.clip_by_value(reached, 0, stored - 1)
    data = tf.gather(record["frames"], index)
    frame_size = tf.image.extract_jpeg_shape(data[0])[:2]
    box = transforms.full_box(frame_size)
    if augmentation and seeds and augmentation.crops:
        box = transforms.crop_box(seeds.crop, frame_size, augmentation.crop_scale, augmentation.crop_aspect)
    frames = {"video": transforms.decode_frames(data, box, options.size, options.clip_frames)}
    if options.flow:
        outside = tf.logical_or(reached < 0, reached >= stored)  # beyond the ends of the record nothing moves
        flow_data = tf.ensure_shape(tf.gather(record["flow"], index), [options.clip_frames])
        flow = transforms.decode_flow(flow_data, box, frame_size, options.size)
        frames["flow"] = tf.where(outside[:, None, None, None], 0.0, flow)
    regions = transforms.region_maps(record["regions"])
    if augmentation and seeds:
        regions = transforms.crop_maps(regions, box, frame_size, options.size)
        frames, regions = _augment(frames, regions, seeds, augmentation)
    actor, action = transforms.class_maps(regions, record, options.multilabel)
    names = tf.strings.reduce_join(tf.strings.as_string(record["label_frame"]), separator=",")
    return frames | {
        "label_time": tf.cast((record["label_position"] - start) // options.frame_step, tf.int32),
        "label_valid": tf.ones_like(record["label_position"], tf.bool),
        "actor": actor,
        "action": action,
        "label_size": tf.shape(actor)[1:],
        "clip_valid": tf.constant(True),
        "clip_id": tf.strings.join([record["video"], names], ":"),
    }


def _augment(
    frames: dict[str, tf.Tensor], regions: tf.Tensor, seeds: _Seeds, augmentation: Augmentation
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Mirrors frames and maps, and changes the colours of the video."""
    if augmentation.flip:
        mirrored = tf.random.stateless_uniform([], seeds.flip) < 0.5
        frames, regions = tf.cond(
            mirrored, lambda: (transforms.mirror(frames), regions[:, :, ::-1]), lambda: (frames, regions)
        )
    if augmentation.recolours:
        matrix, offset = transforms.colour_transform(
            seeds.colour, augmentation.brightness, augmentation.contrast, augmentation.saturation, augmentation.hue
        )
        frames = frames | {"video": transforms.recolour(frames["video"], matrix, offset)}
    return frames, regions
