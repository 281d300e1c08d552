"""Transforms of frames, label maps and colours."""

import io

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from input_pipeline import transforms
from input_pipeline.records import clip_record
from ssa2d_jax.utils import images
from ssa2d_jax.video import optical_flow
from tests.fixtures import a2d_release as fixture


def seed(number):
    return tf.constant([3, number], tf.int64)


def start(position, frames, clip_frames=16, frame_step=1, number=None):
    draw = None if number is None else seed(number)
    labelled = tf.constant(position, tf.int64)
    return int(transforms.clip_start(labelled, tf.constant(frames, tf.int64), clip_frames, frame_step, draw))


def test_labels_in_the_middle():
    assert start([15], 31) == 8  # one label of 16 frames stands at 7
    assert start([13, 16, 17], 31) == 8  # 5 of 16 frames: 5 before, 6 after
    assert start([0, 4], 20) == 0  # nothing before the video
    assert start([10, 12], 13) == 0  # 13 frames are all shown; the last is repeated three times
    assert start([5], 10) == -2  # 10 frames are all shown; the first is repeated twice, the last four times


def test_any_start_that_holds_all_labels_and_no_other():
    seen = {start([13, 16, 17], 31, number=i) for i in range(300)}
    assert seen == set(range(2, 14))  # last label at 15 ... first label at 0
    assert {start([15], 31, frame_step=2, clip_frames=4, number=i) for i in range(100)} == {9, 11, 13, 15}
    assert {start([3], 31, number=i) for i in range(100)} == {0, 1, 2, 3}  # never before the video
    assert {start([28], 31, number=i) for i in range(300)} == {13, 14, 15}  # never past its end


def test_crops_stay_in_the_frame_and_keep_their_share():
    boxes = np.array(
        [transforms.crop_box(seed(i), tf.constant([120, 200]), (0.3, 0.8), (0.8, 1.25)) for i in range(400)]
    )
    top, left, height, width = boxes.T
    assert (boxes[:, :2] >= 0).all() and (top + height <= 120).all() and (left + width <= 200).all()
    share, aspect = height * width / 24000, (width / height) / (200 / 120)
    assert 0.29 < share.min() < 0.33 and 0.77 < share.max() < 0.81
    assert 0.78 < aspect.min() < 0.85 and 1.18 < aspect.max() < 1.27
    assert (top == 0).any() and (top + height == 120).any() and (left == 0).any()
    full = transforms.crop_box(seed(0), tf.constant([7, 9]), (1.0, 1.0), (1.0, 1.0))
    assert full.numpy().tolist() == [0, 0, 7, 9]


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (7, 3), (480, 20)])
def test_extreme_crops_are_never_empty_nor_outside(size):
    for number in range(60):
        top, left, height, width = transforms.crop_box(
            seed(number), tf.constant(size), (0.001, 1.0), (0.05, 20.0)
        ).numpy()
        assert min(top, left) >= 0 < min(height, width)
        assert top + height <= size[0] and left + width <= size[1]


def test_maps_are_cropped_by_the_nearest_label():
    maps = tf.range(16)[None, None, :] * tf.ones([1, 4, 1], tf.int32)  # column numbers, half the frames' size
    crop = transforms.crop_maps(maps, tf.constant([0, 8, 8, 16]), tf.constant([8, 32]), (2, 4))
    # Frame columns 8 to 24 in four pixels: centres at 10, 14, 18, 22, which are map columns 5, 7, 9, 11.
    assert crop.numpy().tolist() == [[[5, 7, 9, 11]] * 2]
    same = transforms.crop_maps(maps, tf.constant([0, 0, 8, 32]), tf.constant([8, 32]), (4, 16))
    np.testing.assert_array_equal(same, maps)


def test_shrinking_does_not_alias():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    encoded = tf.constant(fixture.jpegs([stripes], 100))
    box = transforms.full_box(tf.constant([64, 64]))
    for size in ((16, 16), (64, 16), (96, 16)):
        small = transforms.decode_frames(encoded, box, size, 1).numpy()
        assert small.shape == (1, *size, 3)
        np.testing.assert_allclose(small[:, :, 1:-1].astype(int), 127, atol=12)


@pytest.mark.parametrize("size", [(30, 41), (20, 64), (96, 41), (45, 100), (60, 82), (120, 164), (60, 33)])
def test_a_frame_meets_the_network_alike_in_training_and_prediction(size):
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (60, 82, 3), np.uint8), (0, 0), 1.5)
    picture[:, ::7] = 200
    (jpeg,) = fixture.jpegs([picture], 95)
    decoded = np.asarray(Image.open(io.BytesIO(jpeg)))
    assert np.abs(decoded.astype(int) - picture).max() > 0
    trained = transforms.decode_frames(tf.constant([jpeg]), transforms.full_box(tf.constant([60, 82])), size, 1).numpy()
    predicted = images.resize(decoded, size)
    assert np.abs(trained[0].astype(int) - predicted.astype(int)).max() <= 1
    if size == (60, 82):
        np.testing.assert_array_equal(trained[0], decoded)  # JPEG as every other reader has it


@pytest.mark.parametrize("size", [(16, 20), (12, 70), (50, 24)])
def test_flow_meets_the_network_alike_in_training_and_prediction(size):
    random = np.random.default_rng(0)
    field = cv2.GaussianBlur(random.uniform(-60, 60, (32, 48, 2)).astype(np.float32), (0, 0), 2)
    packed = optical_flow.pack(field)
    box = transforms.full_box(tf.constant([32, 48]))
    encoded = tf.constant([clip_record.encode_flow(packed)])
    trained = transforms.decode_flow(encoded, box, tf.constant([32, 48]), size).numpy()[0]
    predicted = optical_flow.unpack(optical_flow.resize_flow(packed, size).astype(np.float32))
    np.testing.assert_allclose(trained, predicted, atol=0.51 / 127)


def test_tables_of_several_frames_follow_one_another():
    regions = tf.constant([[[0, 1, 2]], [[2, 1, 0]]])
    tables = {
        "region_count": tf.constant([2, 2], tf.int64),
        "region_actor": tf.constant([1, 3, 5, 7], tf.int64),
        "region_actions": tf.cast(tf.one_hot([9, 4, 6, 5], 10), tf.bool),
        "region_ignore": tf.constant([False, False, True, False]),
    }
    actor, action = transforms.class_maps(regions, tables)
    assert actor.numpy().tolist() == [[[0, 1, 3]], [[7, 255, 0]]]
    assert action.numpy().tolist() == [[[0, 9, 4]], [[5, 255, 0]]]


def test_colours_change_within_their_bounds():
    identity, zero = transforms.colour_transform(seed(0), 0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(identity, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(zero, np.zeros(3), atol=1e-4)
    grey = np.full(3, 127.5, np.float32)
    offsets = []
    for number in range(60):
        matrix, offset = transforms.colour_transform(seed(number), 0.2, 0.0, 0.3, 0.5)
        changed = grey @ matrix.numpy() + offset.numpy()  # saturation and hue leave grey alone
        np.testing.assert_allclose(changed, changed.mean(), atol=0.05)
        offsets.append(changed.mean() - 127.5)
    assert -51 <= min(offsets) < -40 and 40 < max(offsets) <= 51
    matrix, offset = transforms.colour_transform(seed(1), 0.0, 0.2, 0.0, 0.0)
    gain = matrix.numpy()[0, 0]
    assert 0.8 <= gain <= 1.2 and gain != 1
    np.testing.assert_allclose(matrix, gain * np.eye(3), atol=1e-5)
    np.testing.assert_allclose(grey @ matrix.numpy() + offset.numpy(), grey, atol=1e-3)


def test_one_colour_change_for_all_frames():
    video = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)), tf.uint8)
    changed = transforms.recolour(
        tf.tile(video, [3, 1, 1, 1]), *transforms.colour_transform(seed(5), 0.2, 0.2, 0.2, 0.05)
    )
    assert changed.dtype == tf.uint8 and not np.array_equal(changed[0], video[0])
    np.testing.assert_array_equal(changed[0], changed[2])


def test_extremes_are_clipped():
    video = tf.constant([[[[0, 128, 255]]]], tf.uint8)
    result = transforms.recolour(video, 2.0 * tf.eye(3), tf.constant([-100.0, 0.0, 0.0]))
    assert result.numpy().tolist() == [[[[0, 255, 255]]]]
