"""Transforms: frames and maps change together, one random draw per clip, the same eagerly and inside tf.data."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from input_pipeline import transforms
from input_pipeline.records import clip_record
from input_pipeline.records.features import record_features
from input_pipeline.releases.regions import Regions
from input_pipeline.transforms import Augmentation, ClipOptions
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
    tensors = transforms.example(record, draw, options, augment)
    return {key: value.numpy() for key, value in tensors.items()}


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


def test_short_videos_reach_over_their_ends():
    # 10 frames, label at 5: the clip of 16 may start from -6 (video last) to 0 (video first).
    assert {start([5], 10, number=i) for i in range(200)} == set(range(-6, 1))
    made = example(record(frames=10, labelled=(5,)), None, None)
    red = made["video"][:, 0, 0, 0].astype(int)
    position = start([5], 10)
    np.testing.assert_allclose(red, 8 * np.clip(position + np.arange(16), 0, 9), atol=5)
    assert made["label_time"].tolist() == [5 - position]


@pytest.mark.parametrize("frame_step", [1, 2])
@pytest.mark.parametrize("number", range(4))
def test_label_time_points_at_the_labelled_frame(frame_step, number):
    labelled = (13, 15, 17)
    made = example(
        record(frames=32, labelled=labelled),
        seed(number),
        replace(PLAIN, jitter_time=True),
        frame_step=frame_step,
    )
    red = made["video"][made["label_time"], 2, 2, 0].astype(int)
    np.testing.assert_allclose(red, [8 * frame for frame in labelled], atol=5)
    np.testing.assert_allclose(np.diff(made["video"][:, 2, 2, 0].astype(int))[:3], 8 * frame_step, atol=5)
    assert made["label_valid"].all() and made["clip_valid"]
    assert made["clip_id"] == b"v:14,16,18"


@pytest.mark.parametrize("size", [(32, 48), (96, 80), (24, 24)])
def test_frames_and_maps_move_together(size):
    flips, shares = set(), []
    for number in range(12):
        made = example(record(), seed(number), MOVING, size=size)
        green, blue = made["video"][0, ..., 1].astype(int), made["video"][0, ..., 2].astype(int)
        clear = (abs(green - 127) > 12) & (abs(blue - 127) > 12)  # away from the regions' borders
        expected = np.where(green > 127, 3, np.where(blue > 127, 255, 0))
        np.testing.assert_array_equal(made["actor"][1][clear], expected[clear])
        np.testing.assert_array_equal(made["action"][2][clear], np.where(expected == 3, 4, expected)[clear])
        for frame in made["video"][1:]:  # one draw for all frames
            np.testing.assert_allclose(frame[..., 1:].astype(int), made["video"][0, ..., 1:].astype(int), atol=8)
        flips.add(bool(blue[:, 0].mean() > blue[:, -1].mean()))
        shares.append((green.max() - green.min()) / 255 * (blue.max() - blue.min()) / 255)
        assert made["label_size"].tolist() == list(size) and made["actor"].shape == (3, *size)
    assert flips == {False, True}
    assert min(shares) > 0.25 and max(shares) < 1.02 and np.std(shares) > 0.1


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


def test_evaluation_shows_the_whole_frame_and_unchanged_maps():
    made = example(record(), None, None, size=(32, 48))
    green, blue = made["video"][0, :, 5, 1].astype(int), made["video"][0, 5, :, 2].astype(int)
    np.testing.assert_allclose(green, (np.arange(32) * 2 + 0.5) / 63 * 255, atol=4)
    np.testing.assert_allclose(blue, (np.arange(48) * 2 + 0.5) / 95 * 255, atol=6)
    expected = np.zeros((32, 48))
    expected[:, 24:], expected[16:] = 255, 3
    np.testing.assert_array_equal(made["actor"], [expected] * 3)
    assert made["label_size"].tolist() == [32, 48]


def test_shrinking_does_not_alias():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    encoded = tf.constant(fixture.jpegs([stripes], 100))
    box = transforms.full_box(tf.constant([64, 64]))
    for size in ((16, 16), (64, 16), (96, 16)):
        small = transforms.decode_frames(encoded, box, size, 1).numpy()
        assert small.shape == (1, *size, 3)
        np.testing.assert_allclose(small[:, :, 1:-1].astype(int), 127, atol=12)


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
    made = transforms.recolour(video, 2.0 * tf.eye(3), tf.constant([-100.0, 0.0, 0.0]))
    assert made.numpy().tolist() == [[[[0, 255, 255]]]]


def test_inside_tf_data_as_eagerly():
    sample = record()
    augment = replace(MOVING, brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05)
    options = ClipOptions(size=(32, 32), clip_frames=16, frame_step=1)
    ds = tf.data.Dataset.range(3).map(lambda i: transforms.example(sample, tf.stack([3, i]), options, augment))
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


def flow_of(one, draw, augment, size):
    options = ClipOptions(size=size, clip_frames=4, frame_step=1, flow=True)
    tensors = transforms.example(one, draw, options, augment)
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
        made = flow_of(flow_record(), seed(number), MOVING, size)
        blue = made["video"][0, 0, :, 2].astype(int)  # grows to the right before it is mirrored
        mirrored = bool(blue[0] > blue[-1])
        u, v = (0.5 * column - 6) * 2 * size[1] / width, (3 + 0.25 * row) * 2 * size[0] / height
        expected = np.stack(np.broadcast_arrays(-u[::-1] if mirrored else u, v[:, None]), axis=-1)
        inner = np.s_[1:-1, 1:-1]
        np.testing.assert_allclose(made["flow"][0][inner] * 20, np.clip(expected, -20, 20)[inner], atol=0.25)
        flips.add(mirrored)
    assert flips == {False, True}


def test_a_clip_that_reaches_over_the_ends_of_its_video_stands_still_there():
    one = flow_record(frames=3)
    options = ClipOptions(size=(20, 30), clip_frames=8, frame_step=1, flow=True)
    made = transforms.example(one, None, options, None)
    start_ = 3 - int(made["label_time"][0])
    inside = [0 <= start_ + i < 3 for i in range(8)]
    assert [bool(np.any(frame)) for frame in made["flow"].numpy()] == inside
