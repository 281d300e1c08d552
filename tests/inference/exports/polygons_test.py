import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from ssa2d_jax.inference.exports.clip import ClipTrack
from ssa2d_jax.inference.exports.polygons import (
    align,
    between,
    key_frames,
    outline,
    polygon_iou,
    resample,
    track_polygons,
)


def run_lengths(mask):
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))


def track(masks, actions=None):
    encoded = [run_lengths(mask) for mask in masks]
    boxes = [tuple(int(value) for value in coco.toBbox(mask)) for mask in encoded]
    frames = list(range(len(masks)))
    return ClipTrack(1, "dog", 1.0, frames, encoded, boxes, [0] * len(masks), actions or [("run",)] * len(masks))


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 7), (7, 1), (2, 2), (3, 3), (12, 25)])
def test_the_outline_of_a_rectangle_holds_its_pixels(size):
    mask = np.zeros((40, 50), bool)
    mask[5 : 5 + size[0], 9 : 9 + size[1]] = True
    polygon = outline(np.ones(size, bool), 9, 5)
    assert polygon_iou(polygon, run_lengths(mask)) == 1
    assert polygon_iou(polygon + 2.0, run_lengths(mask)) < 1


def test_the_outline_is_of_the_largest_part_without_holes():
    mask = np.zeros((40, 50), bool)
    mask[5:25, 10:30] = True
    mask[10:15, 15:20] = False
    mask[35:37, 40:42] = True
    polygon = outline(mask, 0, 0)
    assert polygon_iou(polygon, run_lengths(mask)) == pytest.approx(375 / 404)  # 20 * 20 - 25 of it and 4 elsewhere


def test_resampled_points_are_equally_far_apart():
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ellipse = np.stack([30 + 20 * np.cos(angles), 30 + 8 * np.sin(angles)], -1)
    polygon = resample(ellipse, 24)
    steps = np.linalg.norm(np.diff(polygon, axis=0, append=polygon[:1]), axis=-1)
    assert polygon.shape == (24, 2) and np.ptp(steps) < 0.05 * steps.mean()
    assert (np.round(polygon, 2) == polygon).all()


def test_aligned_polygons_begin_at_the_same_place():
    polygon = resample(np.array([[0.0, 0], [0, 10], [30, 12], [28, 0]]), 16)
    moved = np.roll(polygon, 5, axis=0) + (7, -3)
    np.testing.assert_allclose(align(moved, polygon), polygon + (7, -3))


def ellipses(count, speed, wobble=4):
    masks = np.zeros((count, 120, 200), np.uint8)
    for i, mask in enumerate(masks):
        cv2.ellipse(mask, (40 + int(speed * i), 60), (int(25 + wobble * np.sin(i / 3)), 18), 0, 0, 360, 1, -1)
    return masks


def test_steady_motion_needs_few_key_frames_and_keeps_the_iou():
    masks = ellipses(40, 2.0)
    moving = track(masks)
    shapes = track_polygons(moving, 0.9)
    keys = key_frames(moving, shapes)
    assert keys[0] == 0 and keys[-1] == 39 and len(keys) <= 8
    for first, last in zip(keys, keys[1:], strict=False):
        for i in range(first, last + 1):
            share = (i - first) / (last - first)
            shown = between(shapes.polygons[first], shapes.polygons[last], share)
            assert polygon_iou(shown, moving.masks[i]) >= 0.9, i


def test_a_higher_iou_takes_more_key_frames_and_jumps_take_all():
    masks = ellipses(30, 2.0, wobble=12)
    counts = [len(key_frames(track(masks), track_polygons(track(masks), iou))) for iou in (0.7, 0.9, 0.97)]
    assert counts == sorted(counts) and counts[0] < counts[2]
    jumps = np.stack([np.roll(mask, 74 * (i % 2), axis=1) for i, mask in enumerate(ellipses(9, 0))])
    assert key_frames(track(jumps), track_polygons(track(jumps), 0.9)) == list(range(9))


def test_actions_and_gaps_make_key_frames():
    masks = ellipses(12, 0, wobble=0)
    actions = [("run",)] * 5 + [("eat",)] * 7
    still = track(masks, actions)
    assert key_frames(still, track_polygons(still, 0.8)) == [0, 5, 11]
    frames = [0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14]
    hidden = ClipTrack(1, "dog", 1.0, frames, still.masks, still.boxes, still.areas, [("run",)] * 12)
    assert key_frames(hidden, track_polygons(hidden, 0.8)) == [0, 3, 4, 11]


def test_one_frame_is_one_key_frame():
    single = track(ellipses(1, 0))
    assert key_frames(single, track_polygons(single, 0.9)) == [0]
