"""From a clip record to one example: pick frames, decode, crop, resize, flip, colour; labels from regions."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.video import optical_flow

_RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def clip_start(
    position: tf.Tensor, frames: tf.Tensor, clip_frames: int, frame_step: int, seed: tf.Tensor | None
) -> tf.Tensor:
    """Index of the clip's first frame, so that every labelled frame (position [L]) is one of the clip's.

    Any such start that stays within the `frames` stored ones, at random if there is a seed, else the one that
    has the labels nearest to the clip's middle. Where the video is too short, the clip reaches over its ends.
    """
    first, last = position[0], position[-1]
    span = tf.constant((clip_frames - 1) * frame_step, tf.int64)
    most = (span - (last - first)) // frame_step  # steps that the start can lie before the first label
    earliest = tf.minimum(most, first // frame_step)
    latest = tf.maximum(tf.constant(0, tf.int64), -((frames - 1 - span - first) // frame_step))
    low, high = tf.minimum(earliest, latest), tf.minimum(tf.maximum(earliest, latest), most)
    low = tf.minimum(low, high)
    if seed is None:
        steps = tf.clip_by_value(most // 2, low, high)
    else:
        steps = tf.random.stateless_uniform([], seed, low, high + 1, tf.int64)
    return first - steps * frame_step


def crop_box(seed: tf.Tensor, size: tf.Tensor, scale: tuple[float, float], aspect: tuple[float, float]) -> tf.Tensor:
    """A random crop (top, left, height, width) in pixels, int32, of a frame of `size` (height, width).

    It keeps a share of the area drawn from `scale`; its aspect leaves the frame's by a factor drawn from
    `aspect`, evenly in its logarithm, as far as the frame has room.
    """
    draws = tf.random.stateless_uniform([4], seed)
    area = scale[0] + draws[0] * (scale[1] - scale[0])
    low, high = tf.math.log(float(aspect[0])), tf.math.log(float(aspect[1]))
    stretch = tf.exp(0.5 * (low + draws[1] * (high - low)))
    share = tf.minimum(tf.sqrt(area) * tf.stack([1.0 / stretch, stretch]), 1.0)
    full = tf.cast(size, tf.float32)
    cropped = tf.maximum(tf.round(full * share), 1.0)
    corner = tf.floor(draws[2:] * (full - cropped + 1.0))
    corner = tf.minimum(corner, full - cropped)
    return tf.cast(tf.concat([corner, cropped], 0), tf.int32)


def whole_box(size: tf.Tensor) -> tf.Tensor:
    """The box (top, left, height, width) that crops nothing off a frame of `size`."""
    return tf.concat([tf.zeros([2], tf.int32), tf.cast(size, tf.int32)], 0)


def decode_frames(data: tf.Tensor, box: tf.Tensor, size: tuple[int, int], count: int) -> tf.Tensor:
    """JPEG bytes [count] -> uint8 [count, H, W, 3]: the box of every frame, resized to `size`.

    Shrinking averages (no aliasing), growing interpolates linearly.
    """
    frames = tf.stack([tf.io.decode_and_crop_jpeg(data[i], box, channels=3) for i in range(count)])
    shrinks = tf.logical_and(box[2] >= size[0], box[3] >= size[1])
    frames = tf.cond(
        shrinks,
        lambda: tf.image.resize(frames, size, method="area"),
        lambda: tf.image.resize(frames, size, method="bilinear", antialias=True),
    )
    frames = tf.cast(tf.round(frames), tf.uint8)
    return tf.ensure_shape(frames, (count, *size, 3))


def decode_flow(data: tf.Tensor, box: tf.Tensor, frame_size: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """PNG bytes [T] -> float32 [T, H, W, 2] in [-1, 1]: the flow of the box of every frame, resized to `size`.

    `frame_size` (height, width) is what `box` is measured in; the flow may have another resolution. Vectors
    shrink and grow with the picture, and are clipped again.
    """
    decode = lambda one: tf.io.decode_png(one, channels=1)[..., 0]
    both = tf.map_fn(decode, data, fn_output_signature=tf.TensorSpec([None, None], tf.uint8))
    flow = optical_flow.unpack(tf.cast(tf.stack(tf.split(both, 2, axis=2), axis=-1), tf.float32))
    part = tf.cast(box, tf.float32) * tf.cast(tf.tile(tf.shape(flow)[1:3] / frame_size, [2]), tf.float32)
    weights = [_resize_weights(part[axis], part[2 + axis], tf.shape(flow)[1 + axis], size[axis]) for axis in (0, 1)]
    flow = tf.einsum("yh,thwc,xw->tyxc", weights[0], flow, weights[1])
    scale = tf.stack([size[1] / part[3], size[0] / part[2]])
    return tf.ensure_shape(tf.clip_by_value(flow * scale, -1.0, 1.0), (data.shape[0], *size, 2))


def _resize_weights(start: tf.Tensor, length: tf.Tensor, pixels: tf.Tensor, size: int) -> tf.Tensor:
    """[size, pixels] float32: how the part `start` to `start + length` of an axis becomes `size` pixels.

    Linear interpolation at the pixels' centres, widened where it shrinks, so that nothing aliases.
    """
    centre = start + (tf.range(size, dtype=tf.float32) + 0.5) * length / size - 0.5
    centre = tf.clip_by_value(centre, 0.0, tf.cast(pixels, tf.float32) - 1.0)
    distance = tf.abs(centre[:, None] - tf.range(tf.cast(pixels, tf.float32)))
    weights = tf.maximum(0.0, 1.0 - distance / tf.maximum(length / size, 1.0))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def region_maps(data: tf.Tensor) -> tf.Tensor:
    """PNG bytes [L] -> int32 [L, height, width]."""
    decode = lambda one: tf.io.decode_png(one, channels=1, dtype=tf.uint16)[..., 0]
    return tf.cast(tf.map_fn(decode, data, fn_output_signature=tf.TensorSpec([None, None], tf.uint16)), tf.int32)


def crop_maps(maps: tf.Tensor, box: tf.Tensor, frame_size: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """[L, height, width] -> [L, H, W]: the nearest label at every pixel's centre of the frames' crop `box`.

    `frame_size` (height, width) is what `box` is measured in; the maps may have another resolution.
    """
    for axis in (0, 1):
        pixels = tf.shape(maps)[axis + 1]
        centre = (tf.range(size[axis], dtype=tf.float32) + 0.5) / size[axis] * tf.cast(box[2 + axis], tf.float32)
        centre += tf.cast(box[axis], tf.float32)
        index = tf.cast(centre * tf.cast(pixels, tf.float32) / tf.cast(frame_size[axis], tf.float32), tf.int32)
        maps = tf.gather(maps, tf.minimum(index, pixels - 1), axis=axis + 1)
    return maps


def class_maps(
    regions: tf.Tensor, record: Mapping[str, tf.Tensor], multilabel: bool = False
) -> tuple[tf.Tensor, tf.Tensor]:
    """Region numbers [L, H, W] -> actor and action classes, uint8, `IGNORE` where the region is ignored.

    With `several`, action is which actions a pixel has, bool [L, H, W, A]; ignored regions have none.
    """
    before = tf.cumsum(record["region_count"], exclusive=True)[:, None, None]
    line = tf.where(regions > 0, regions + tf.cast(before, tf.int32), 0)
    ignored, actions = record["region_ignore"], record["region_actions"]

    def classes(table: tf.Tensor) -> tf.Tensor:
        table = tf.concat([[0], tf.where(ignored, tf.cast(IGNORE, tf.int64), table)], 0)
        return tf.cast(tf.gather(table, line), tf.uint8)

    if not multilabel:
        return classes(record["region_actor"]), classes(tf.argmax(tf.cast(actions, tf.uint8), axis=-1))
    table = tf.logical_and(actions, ~ignored[:, None])
    return classes(record["region_actor"]), tf.gather(tf.pad(table, [[1, 0], [0, 0]]), line)


def colour_transform(
    seed: tf.Tensor, brightness: float, contrast: float, saturation: float, hue: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """A random change of colours as one affine map: rgb @ matrix [3, 3] + offset [3], in 0 to 255.

    Contrast turns about mid-grey, saturation and hue about grey, in YIQ.
    """
    draws = tf.random.stateless_uniform([4], seed, -1.0, 1.0)
    gain, chroma = 1.0 + contrast * draws[1], 1.0 + saturation * draws[2]
    angle = 2.0 * 3.14159265 * hue * draws[3]
    cos, sin = chroma * tf.cos(angle), chroma * tf.sin(angle)
    zero, one = tf.zeros([]), tf.ones([])
    turn = tf.reshape(tf.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos]), [3, 3])
    to_yiq = tf.constant(_RGB_TO_YIQ)
    matrix = gain * tf.linalg.inv(to_yiq) @ turn @ to_yiq
    return tf.transpose(matrix), 127.5 * (1.0 - gain) + 255.0 * brightness * draws[0] + tf.zeros([3])


def recolour(video: tf.Tensor, matrix: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """uint8 [T, H, W, 3] -> the same after an affine map of its colours, rounded and clipped."""
    changed = tf.tensordot(tf.cast(video, tf.float32), matrix, 1) + offset
    return tf.cast(tf.clip_by_value(tf.round(changed), 0.0, 255.0), tf.uint8)


def mirror(frames: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Video and, if there, flow, left to right: motion to the right becomes motion to the left."""
    return {key: _mirror(x) * ([-1.0, 1.0] if key == "flow" else tf.ones([], x.dtype)) for key, x in frames.items()}


def _mirror(video: tf.Tensor) -> tf.Tensor:
    """Left to right. On three axes tf.reverse has a fast path; on four it, and slices more so, are slow."""
    return tf.reshape(tf.reverse(tf.reshape(video, [-1, *video.shape[2:]]), [1]), video.shape)


def example(
    record: Mapping[str, tf.Tensor],
    seed: tf.Tensor | None,
    *,
    clip_frames: int,
    frame_step: int,
    size: tuple[int, int],
    augment: Mapping[str, Any] | None,
    flow: bool = False,
    multilabel: bool = False,
) -> dict[str, tf.Tensor]:
    """One example of a batch from a clip record (see ssa2d_jax/batch.py; no batch axis yet).

    With `augment` and a seed [2] int64: one random draw for all frames, flow and maps. Without: the whole frame,
    the labels in the middle of the clip, and maps at their own size.
    """
    time_seed, crop_seed, flip_seed, colour_seed = (
        tf.unstack(tf.random.split(seed, 4)) if seed is not None else (None,) * 4
    )
    stored = tf.size(record["frames"], tf.int64)
    jitter = time_seed if augment and augment["jitter_time"] else None
    start = clip_start(record["label_position"], stored, clip_frames, frame_step, jitter)
    reached = start + tf.range(clip_frames, dtype=tf.int64) * frame_step
    index = tf.clip_by_value(reached, 0, stored - 1)
    data = tf.gather(record["frames"], index)
    frame_size = tf.image.extract_jpeg_shape(data[0])[:2]
    cropped = augment is not None and tuple(augment["crop_scale"]) != (1.0, 1.0)
    box = (
        crop_box(crop_seed, frame_size, augment["crop_scale"], augment["crop_aspect"])
        if cropped
        else whole_box(frame_size)
    )
    frames = {"video": decode_frames(data, box, size, clip_frames)}
    if flow:
        stills = tf.logical_or(reached < 0, reached >= stored)  # over the video's ends nothing moves
        moved = decode_flow(tf.ensure_shape(tf.gather(record["flow"], index), [clip_frames]), box, frame_size, size)
        frames["flow"] = tf.where(stills[:, None, None, None], 0.0, moved)
    regions = region_maps(record["regions"])
    if augment is not None:
        regions = crop_maps(regions, box, frame_size, size)
        if augment["flip"]:
            mirrored = tf.random.stateless_uniform([], flip_seed) < 0.5
            frames, regions = tf.cond(
                mirrored, lambda: (mirror(frames), regions[:, :, ::-1]), lambda: (frames, regions)
            )
        strength = [augment[name] for name in ("brightness", "contrast", "saturation", "hue")]
        if any(strength):
            frames["video"] = recolour(frames["video"], *colour_transform(colour_seed, *strength))
    actor, action = class_maps(regions, record, multilabel)
    names = tf.strings.reduce_join(tf.strings.as_string(record["label_frame"]), separator=",")
    return frames | {
        "label_time": tf.cast((record["label_position"] - start) // frame_step, tf.int32),
        "label_valid": tf.ones_like(record["label_position"], tf.bool),
        "actor": actor,
        "action": action,
        "label_size": tf.shape(actor)[1:],
        "clip_valid": tf.constant(True),
        "clip_id": tf.strings.join([record["video"], names], ":"),
    }
