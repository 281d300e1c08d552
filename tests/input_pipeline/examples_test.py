"""Examples: frames and maps change together, one random draw per clip, the same eagerly and inside tf.data."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from input_pipeline import transforms
from input_pipeline.examples import Augmentation, ClipOptions, make_example
from input_pipeline.records import clip_record
from input_pipeline.records.features import record_features
from input_pipeline.releases.regions import Regions
from ssa2d_jax.video import optical_flow
from tests.fixtures import a2d_release as fixture

PLAIN = Augmentation(
    crop_scale=(1.0, 1.0), crop_aspect=(1.0, 1.0), flip=False, jitter_time=False,
    brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0,
)  # fmt: skip
MOVING = replace(PLAIN, crop_scale=(0.3, 1.0), crop_aspect=(0.7, 1.4), flip=True, jitter_time=True)


def seed(number):
    return tf.constant([3, number], tf.int64)


def start(position, frames, clip_frames=16, frame_step=1, number=None):
    draw = None if number is None else seed(number)
    labelled = tf.constant(position, tf.int64)
    return int(transforms.clip_start(labelled, tf.constant(frames, tf.int64), clip_frames, frame_step, draw))


def record(frames=31, labelled=(13, 16, 17), size=(64, 96), label_size=(32, 48), quality=98):
    """Region 1 where green is above 127 (the lower half), else region 2, ignored, where blue is (right)."""
    down, right = (np.arange(n) * 2 >= n for n in label_size)
    map_ = np.where(down[:, None], 1, np.where(right, 2, 0)).astype(np.uint16)
    actions = np.zeros((2, 10), bool)
    actions[0, 4] = True
    label = Regions(map_, np.array([3, 0]), actions, np.array([False, True]), np.array([34, 99]))
    window = clip_record.Window(labelled, 0, frames - 1)
    video = fixture.frames(frames, size)
    encoded = clip_record.encode("v", window, fixture.jpegs(video, quality), [], [label] * len(labelled))
    features = record_features(10)
    return features.deserialize_example(features.serialize_example(features.encode_example(encoded)))


def example(record, draw, augment, size=(32, 48), clip_frames=16, frame_step=1):
    options = ClipOptions(size=size, clip_frames=clip_frames, frame_step=frame_step)
    tensors = make_example(record, draw, options, augment)
    return {key: value.numpy() for key, value in tensors.items()}


def test_short_videos_reach_over_their_ends():
    # 10 frames, label at 5: the clip of 16 may start from -6 (video last) to 0 (video first).
    assert {start([5], 10, number=i) for i in range(200)} == set(range(-6, 1))
    result = example(record(frames=10, labelled=(5,)), None, None)
    red = result["video"][:, 0, 0, 0].astype(int)
    position = start([5], 10)
    np.testing.assert_allclose(red, 8 * np.clip(position + np.arange(16), 0, 9), atol=5)
    assert result["label_time"].tolist() == [5 - position]


@pytest.mark.parametrize("frame_step", [1, 2])
@pytest.mark.parametrize("number", range(4))
def test_label_time_points_at_the_labelled_frame(frame_step, number):
    labelled = (13, 15, 17)
    result = example(
        record(frames=32, labelled=labelled),
        seed(number),
        replace(PLAIN, jitter_time=True),
        frame_step=frame_step,
    )
    red = result["video"][result["label_time"], 2, 2, 0].astype(int)
    np.testing.assert_allclose(red, [8 * frame for frame in labelled], atol=5)
    np.testing.assert_allclose(np.diff(result["video"][:, 2, 2, 0].astype(int))[:3], 8 * frame_step, atol=5)
    assert result["label_valid"].all() and result["clip_valid"]
    assert result["clip_id"] == b"v:14,16,18"


@pytest.mark.parametrize("size", [(32, 48), (96, 80), (24, 24)])
def test_frames_and_maps_move_together(size):
    flips, shares = set(), []
    for number in range(12):
        result = example(record(), seed(number), MOVING, size=size)
        green, blue = result["video"][0, ..., 1].astype(int), result["video"][0, ..., 2].astype(int)
        clear = (abs(green - 127) > 12) & (abs(blue - 127) > 12)  # away from the regions' borders
        expected = np.where(green > 127, 3, np.where(blue > 127, 255, 0))
        np.testing.assert_array_equal(result["actor"][1][clear], expected[clear])
        np.testing.assert_array_equal(result["action"][2][clear], np.where(expected == 3, 4, expected)[clear])
        for frame in result["video"][1:]:  # one draw for all frames
            np.testing.assert_allclose(frame[..., 1:].astype(int), result["video"][0, ..., 1:].astype(int), atol=8)
        flips.add(bool(blue[:, 0].mean() > blue[:, -1].mean()))
        shares.append((green.max() - green.min()) / 255 * (blue.max() - blue.min()) / 255)
        assert result["label_size"].tolist() == list(size) and result["actor"].shape == (3, *size)
    assert flips == {False, True}
    assert min(shares) > 0.25 and max(shares) < 1.02 and np.std(shares) > 0.1


def test_evaluation_shows_the_whole_frame_and_unchanged_maps():
    result = example(record(), None, None, size=(32, 48))
    green, blue = result["video"][0, :, 5, 1].astype(int), result["video"][0, 5, :, 2].astype(int)
    np.testing.assert_allclose(green, (np.arange(32) * 2 + 0.5) / 63 * 255, atol=4)
    np.testing.assert_allclose(blue, (np.arange(48) * 2 + 0.5) / 95 * 255, atol=6)
    expected = np.zeros((32, 48))
    expected[:, 24:], expected[16:] = 255, 3
    np.testing.assert_array_equal(result["actor"], [expected] * 3)
    assert result["label_size"].tolist() == [32, 48]


def test_inside_tf_data_as_eagerly():
    sample = record()
    augment = replace(MOVING, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05)
    options = ClipOptions(size=(32, 32), clip_frames=16, frame_step=1)
    ds = tf.data.Dataset.range(3).map(lambda i: make_example(sample, tf.stack([3, i]), options, augment))
    for number, inside in enumerate(ds.as_numpy_iterator()):
        eager = example(sample, seed(number), augment, size=(32, 32))
        for key in eager:
            np.testing.assert_array_equal(inside[key], eager[key], err_msg=key)


def flow_record(frames=8, size=(40, 60), flow_size=(20, 30)):
    """Flow u = 0.5 * column - 6, v = 3 + 0.25 * row, in pixels of its own size, the same in every frame."""
    row, column = np.indices(flow_size)
    flow = optical_flow.pack(np.stack([0.5 * column - 6, 3 + 0.25 * row], axis=-1))
    plain = record(frames=frames, labelled=(3,), size=size, label_size=size)
    return plain | {"flow": tf.constant([clip_record.encode_flow(flow)] * frames)}


def flow_of(record, draw, augment, size):
    options = ClipOptions(size=size, clip_frames=4, frame_step=1, flow=True)
    tensors = make_example(record, draw, options, augment)
    return {key: value.numpy() for key, value in tensors.items()}


def test_flow_keeps_its_place_and_grows_with_the_picture():
    flow = flow_of(flow_record(), None, None, (20, 30))["flow"]
    row, column = np.indices((20, 30))
    assert flow.shape == (4, 20, 30, 2) and flow.dtype == np.float32
    np.testing.assert_allclose(flow[0] * 20, np.stack([0.5 * column - 6, 3 + 0.25 * row], -1), atol=0.08)
    twice = flow_of(flow_record(), None, None, (40, 30))["flow"]  # twice as high, as wide: v is twice as long
    np.testing.assert_allclose(twice[0, 1:-1, :, 1] * 20, 2 * (3 + 0.25 * (np.arange(1, 39) - 0.5) / 2)[:, None]
                               * np.ones(30), atol=0.16)  # fmt: skip
    np.testing.assert_allclose(twice[..., 0], flow[:, :1, :, 0] * np.ones((40, 1)), atol=1e-6)


@pytest.mark.parametrize("size", [(32, 48), (16, 16)])
def test_flow_is_cropped_and_mirrored_with_the_frames(size, monkeypatch):
    top, left, height, width = 4, 10, 32, 40  # of 40 x 60; the flow has half that resolution
    monkeypatch.setattr(transforms, "crop_box", lambda *_: tf.constant([top, left, height, width]))
    row = (top + (np.arange(size[0]) + 0.5) * height / size[0]) / 2 - 0.5
    column = (left + (np.arange(size[1]) + 0.5) * width / size[1]) / 2 - 0.5
    flips = set()
    for number in range(12):
        result = flow_of(flow_record(), seed(number), MOVING, size)
        blue = result["video"][0, 0, :, 2].astype(int)  # grows to the right before it is mirrored
        mirrored = bool(blue[0] > blue[-1])
        u, v = (0.5 * column - 6) * 2 * size[1] / width, (3 + 0.25 * row) * 2 * size[0] / height
        expected = np.stack(np.broadcast_arrays(-u[::-1] if mirrored else u, v[:, None]), axis=-1)
        inner = np.s_[1:-1, 1:-1]
        np.testing.assert_allclose(result["flow"][0][inner] * 20, np.clip(expected, -20, 20)[inner], atol=0.25)
        flips.add(mirrored)
    assert flips == {False, True}


def test_a_clip_that_reaches_over_the_ends_of_its_video_stands_still_there():
    short = flow_record(frames=3)
    options = ClipOptions(size=(20, 30), clip_frames=8, frame_step=1, flow=True)
    result = make_example(short, None, options, None)
    start_ = 3 - int(result["label_time"][0])
    inside = [0 <= start_ + i < 3 for i in range(8)]
    assert [bool(np.any(frame)) for frame in result["flow"].numpy()] == inside
