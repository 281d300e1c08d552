"""Clip records: which frames share a window, which frames it has, and that the bytes are read back unchanged."""

import numpy as np
import tensorflow as tf

from input_pipeline.records import clip_record
from input_pipeline.records.clip_record import Window
from input_pipeline.records.features import record_features
from input_pipeline.releases import a2d
from tests.fixtures import a2d_release as fixture


def windows(labelled, frames=100, clip_frames=16, frame_step=1, label_span=13):
    return clip_record.divide_into_windows(
        labelled, frames, clip_frames=clip_frames, frame_step=frame_step, label_span=label_span
    )


def test_frames_within_the_span_share_a_window():
    # 20 to 32 are 13 frames, both included; 33 would be the 14th. Window: 32 - 15 to 20 + 15, 33 -+ 15.
    assert windows([20, 26, 32, 33]) == [Window((20, 26, 32), 17, 35), Window((33,), 18, 48)]


def test_a_group_never_outgrows_the_clip():
    assert windows([20, 23, 24], clip_frames=4) == [Window((20, 23), 20, 23), Window((24,), 21, 27)]
    assert windows([20, 26, 28], clip_frames=4, frame_step=2) == [
        Window((20, 26), 20, 26),
        Window((28,), 22, 34),
    ]


def test_frames_off_the_clips_grid_are_separated():
    assert windows([20, 22, 23, 25], frame_step=2) == [Window((20, 22), 0, 50), Window((23, 25), 0, 53)]


def test_windows_end_where_the_video_does():
    assert windows([2], frames=10) == [Window((2,), 0, 9)]
    assert windows([0, 9], frames=10) == [Window((0, 9), 0, 9)]


def test_every_frame_is_in_exactly_one_window():
    rng = np.random.default_rng(0)
    for step in (1, 2, 3):
        labelled = sorted(rng.choice(90, 25, replace=False).tolist())
        groups = windows(labelled, 90, clip_frames=8, frame_step=step, label_span=11)
        assert [frame for window in groups for frame in window.labelled] == labelled
        for window in groups:
            span = window.labelled[-1] - window.labelled[0]
            assert span < 11 and span <= 7 * step and span % step == 0
            assert 0 <= window.first <= window.labelled[0] <= window.labelled[-1] <= window.last < 90


def test_record_holds_frames_maps_and_tables(tmp_path):
    codes = [np.array([[11, 0, 34]] * 2), np.array([[14, 75, 75]] * 2)]
    regions = [a2d.read_annotation(fixture.write_mat(tmp_path / f"{i}.mat", label)) for i, label in enumerate(codes)]
    frames = fixture.frames(9, (16, 24))
    record = clip_record.encode("v", Window((3, 5), 2, 8), fixture.jpegs(frames[2:], 100), [], regions)
    features = record_features(10)
    back = features.deserialize_example(features.serialize_example(features.encode_example(record)))
    assert back["video"] == b"v" and back["first_frame"] == 2
    assert back["label_position"].numpy().tolist() == [1, 3] and back["label_frame"].numpy().tolist() == [
        4,
        6,
    ]
    assert back["label_size"].numpy().tolist() == [2, 3]
    decoded = np.stack([tf.io.decode_jpeg(jpeg).numpy() for jpeg in back["frames"]])
    np.testing.assert_allclose(decoded, frames[2:], atol=14)  # JPEG halves the colours' resolution
    maps = [tf.io.decode_png(png, dtype=tf.uint16).numpy()[..., 0] for png in back["regions"]]
    np.testing.assert_array_equal(maps, [[[1, 0, 2]] * 2, [[1, 2, 2]] * 2])
    assert back["region_count"].numpy().tolist() == [2, 2]
    assert back["region_actor"].numpy().tolist() == [1, 3, 0, 7]
    assert back["region_ignore"].numpy().tolist() == [False, False, True, False]
    assert [np.flatnonzero(row).tolist() for row in back["region_actions"].numpy()] == [[1], [4], [], [5]]


def test_more_regions_than_a_byte_can_count(tmp_path):
    # 200 instances of two pixels each, which differ in their label: 400 regions.
    pixel = np.arange(400).reshape(20, 20)
    masks = pixel // 2 == np.arange(200)[:, None, None]
    path = fixture.write_mat(tmp_path / "a.mat", np.where(pixel % 2, 19, 18), masks)
    label = a2d.read_annotation(path)
    record = clip_record.encode("v", Window((0,), 0, 0), fixture.jpegs(fixture.frames(1), 90), [], [label])
    assert record["region_count"].tolist() == [400]
    regions = tf.io.decode_png(record["regions"][0], dtype=tf.uint16).numpy()[..., 0]
    np.testing.assert_array_equal(regions, np.arange(1, 401).reshape(20, 20))


def test_stored_height_scales_frames_alone(tmp_path):
    label = a2d.read_annotation(fixture.write_mat(tmp_path / "a.mat", fixture.label(1, (32, 48))))
    for height, shape in ((16, (16, 24, 3)), (64, (64, 96, 3)), (32, (32, 48, 3)), (0, (32, 48, 3))):
        frames = fixture.jpegs(fixture.frames(1), 95, height)
        record = clip_record.encode("v", Window((0,), 0, 0), frames, [], [label])
        assert tf.io.decode_jpeg(record["frames"][0]).shape == shape
        assert record["label_size"].tolist() == [32, 48]
