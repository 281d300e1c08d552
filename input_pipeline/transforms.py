"""The steps from a clip record to an example: choose frames, decode, crop, resize, mirror, recolour; label maps."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.video import optical_flow

Tensors = Mapping[str, tf.Tensor]
Range = tuple[float, float]

_RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def clip_start(
    position: tf.Tensor, frames: tf.Tensor, clip_frames: int, frame_step: int, seed: tf.Tensor | None
) -> tf.Tensor:
    """Chooses the first frame of a clip that contains every labelled frame.

    If the record has enough frames, the clip stays inside it; otherwise it extends beyond its ends.

    Args:
        position: [L] int64, indices of the labelled frames in the record, ascending.
        frames: int64, number of frames of the record.
        clip_frames: frames of the clip.
        frame_step: the clip takes every `frame_step`-th frame.
        seed: for a random start; None = the start with the labels nearest to the middle of the clip.

    Returns:
        The index of the first frame in the record, int64; may be negative.
    """
    first, last = position[0], position[-1]
    span = tf.constant((clip_frames - 1) * frame_step, tf.int64)
    most = (span - (last - first)) // frame_step  # largest number of steps from the start to the first label
    earliest = tf.minimum(most, first // frame_step)
    latest = tf.maximum(tf.constant(0, tf.int64), -((frames - 1 - span - first) // frame_step))
    low, high = tf.minimum(earliest, latest), tf.minimum(tf.maximum(earliest, latest), most)
    low = tf.minimum(low, high)
    if seed is None:
        steps = tf.clip_by_value(most // 2, low, high)
    else:
        steps = tf.random.stateless_uniform([], seed, low, high + 1, tf.int64)
    return first - steps * frame_step


def crop_box(seed: tf.Tensor, size: tf.Tensor, scale: Range, aspect: Range) -> tf.Tensor:
    """Draws a random crop of a frame.

    Args:
        seed: of the draw.
        size: (height, width) of the frame.
        scale: range of the share of the frame's area that the crop keeps.
        aspect: range of the factor between the crop's aspect ratio and the frame's, uniform in its logarithm; the crop
            is cut where the frame ends.

    Returns:
        (top, left, height, width) in pixels, int32.
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


def full_box(size: tf.Tensor) -> tf.Tensor:
    """The box (top, left, height, width) of a whole frame of `size` (height, width)."""
    return tf.concat([tf.zeros([2], tf.int32), tf.cast(size, tf.int32)], 0)


def decode_frames(data: tf.Tensor, box: tf.Tensor, size: tuple[int, int], count: int) -> tf.Tensor:
    """Decodes the box of every frame, resized to `size`: JPEG bytes [count] -> uint8 [count, H, W, 3].

    The resizing is that of `ssa2d_jax.utils.images.resize`: an axis that shrinks averages areas, one that grows
    interpolates linearly. The JPEGs are decoded by the exact integer transform, as every other reader does it:
    TensorFlow's default shifts colours.
    """
    decode = lambda jpeg: tf.io.decode_and_crop_jpeg(jpeg, box, channels=3, dct_method="INTEGER_ACCURATE")
    frames = tf.stack([decode(data[i]) for i in range(count)])
    shrunk = tf.minimum(box[2:], size)
    frames = tf.image.resize(frames, shrunk, method="area")
    frames = tf.cond(
        tf.reduce_any(shrunk < size),
        lambda: tf.image.resize(frames, size, method="bilinear", antialias=True),
        lambda: frames,
    )
    frames = tf.cast(tf.round(frames), tf.uint8)
    return tf.ensure_shape(frames, (count, *size, 3))


def decode_flow(data: tf.Tensor, box: tf.Tensor, frame_size: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Decodes the flow of the box of every frame, resized to `size`: PNG bytes [T] -> float32 [T, H, W, 2] in [-1, 1].

    Vectors are scaled like the picture, and clipped again.

    Args:
        data: the flow of every frame.
        box: (top, left, height, width) in a frame.
        frame_size: (height, width) of a frame; the flow may have another resolution.
        size: (height, width) of the result.
    """
    both = _decode_pngs(data, tf.uint8)
    flow = optical_flow.unpack(tf.cast(tf.stack(tf.split(both, 2, axis=2), axis=-1), tf.float32))
    part = tf.cast(box, tf.float32) * tf.cast(tf.tile(tf.shape(flow)[1:3] / frame_size, [2]), tf.float32)
    weights = [_resize_weights(part[axis], part[2 + axis], tf.shape(flow)[1 + axis], size[axis]) for axis in (0, 1)]
    flow = tf.einsum("yh,thwc,xw->tyxc", weights[0], flow, weights[1])
    scale = tf.stack([size[1] / part[3], size[0] / part[2]])
    return tf.ensure_shape(tf.clip_by_value(flow * scale, -1.0, 1.0), (data.shape[0], *size, 2))


def _resize_weights(start: tf.Tensor, length: tf.Tensor, pixels: tf.Tensor, size: int) -> tf.Tensor:
    """The matrix float32 [size, pixels] that resizes the part `start` to `start + length` of an axis to `size` pixels.

    Linear interpolation at the centres of the pixels, over a wider range where the axis shrinks, so that nothing
    aliases.
    """
    centre = start + (tf.range(size, dtype=tf.float32) + 0.5) * length / size - 0.5
    centre = tf.clip_by_value(centre, 0.0, tf.cast(pixels, tf.float32) - 1.0)
    distance = tf.abs(centre[:, None] - tf.range(tf.cast(pixels, tf.float32)))
    weights = tf.maximum(0.0, 1.0 - distance / tf.maximum(length / size, 1.0))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def region_maps(data: tf.Tensor) -> tf.Tensor:
    """Decodes maps of region numbers: PNG bytes [L] -> int32 [L, height, width]."""
    return tf.cast(_decode_pngs(data, tf.uint16), tf.int32)


def _decode_pngs(data: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Decodes grey pictures of one size: PNG bytes [N] -> [N, height, width]."""

    def decode(png: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_png(png, channels=1, dtype=dtype)[..., 0]

    signature: Any = tf.TensorSpec([None, None], dtype)  # the stubs do not know this kind of signature
    return tf.map_fn(decode, data, fn_output_signature=signature)


def crop_maps(maps: tf.Tensor, box: tf.Tensor, frame_size: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Crops label maps like the frames, with the nearest label for every pixel: [L, height, width] -> [L, H, W].

    Args:
        maps: the maps of whole frames.
        box: (top, left, height, width) in a frame.
        frame_size: (height, width) of a frame; the maps may have another resolution.
        size: (height, width) of the result.
    """
    for axis in (0, 1):
        pixels = tf.shape(maps)[axis + 1]
        centre = (tf.range(size[axis], dtype=tf.float32) + 0.5) / size[axis] * tf.cast(box[2 + axis], tf.float32)
        centre += tf.cast(box[axis], tf.float32)
        index = tf.cast(centre * tf.cast(pixels, tf.float32) / tf.cast(frame_size[axis], tf.float32), tf.int32)
        maps = tf.gather(maps, tf.minimum(index, pixels - 1), axis=axis + 1)
    return maps


def class_maps(regions: tf.Tensor, record: Tensors, multilabel: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
    """Looks up the classes of every pixel.

    Args:
        regions: [L, H, W] region numbers.
        record: the tables of the regions.
        multilabel: whether a pixel can have several actions.

    Returns:
        Actor and action classes, uint8 [L, H, W], `IGNORE` in ignored regions. With `multilabel`, the actions are bool
        [L, H, W, A], and ignored regions have none.
    """
    before = tf.cumsum(record["region_count"], exclusive=True)[:, None, None]
    row = tf.where(regions > 0, regions + tf.cast(before, tf.int32), 0)  # of the table; 0 = background
    ignored, actions = record["region_ignore"], record["region_actions"]

    def classes(table: tf.Tensor) -> tf.Tensor:
        table = tf.concat([[0], tf.where(ignored, tf.cast(IGNORE, tf.int64), table)], 0)
        return tf.cast(tf.gather(table, row), tf.uint8)

    if not multilabel:
        return classes(record["region_actor"]), classes(tf.argmax(tf.cast(actions, tf.uint8), axis=-1))
    table = tf.logical_and(actions, tf.logical_not(ignored[:, None]))
    return classes(record["region_actor"]), tf.gather(tf.pad(table, [[1, 0], [0, 0]]), row)


def colour_transform(
    seed: tf.Tensor, brightness: float, contrast: float, saturation: float, hue: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws a random change of colours as one affine map: rgb @ matrix [3, 3] + offset [3], in 0 to 255.

    Contrast leaves medium grey unchanged; saturation and hue leave every grey unchanged and change the colours in YIQ.

    Args:
        seed: of the draw.
        brightness: largest change, as a share of the full scale.
        contrast: the factor lies in 1 +- this.
        saturation: the factor lies in 1 +- this.
        hue: largest rotation, as a share of the colour circle.
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
    """Applies an affine map to the colours of uint8 [T, H, W, 3]; the result is rounded and clipped."""
    changed = tf.tensordot(tf.cast(video, tf.float32), matrix, 1) + offset
    return tf.cast(tf.clip_by_value(tf.round(changed), 0.0, 255.0), tf.uint8)


def mirror(frames: Tensors) -> dict[str, tf.Tensor]:
    """Mirrors video and, if present, flow left to right: motion to the right becomes motion to the left."""
    return {key: _mirror(x) * ([-1.0, 1.0] if key == "flow" else tf.ones([], x.dtype)) for key, x in frames.items()}


def _mirror(video: tf.Tensor) -> tf.Tensor:
    """Mirrors left to right. tf.reverse is fast with three axes, but slow with four, and slices are slower still."""
    return tf.reshape(tf.reverse(tf.reshape(video, [-1, *video.shape[2:]]), [1]), video.shape)
