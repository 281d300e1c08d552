"""Optical flow: how it is stored and estimated, and to which frame it belongs."""

import cv2
import numpy as np
import pytest

from ssa2d_jax.video import optical_flow
from ssa2d_jax.video.optical_flow import BOUND, FlowTrack, estimate, pack, resize_flow, unpack


def texture(height=64, width=96):
    """A smooth random picture, uint8, larger than the frames cut out of it."""
    noise = np.random.default_rng(0).integers(0, 256, (height + 80, width + 80, 3)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)


def moving(count, right, down, height=64, width=96):
    """Frames uint8 RGB whose picture moves `right` and `down` pixels per frame."""
    big = texture(height, width)
    spot = lambda i: np.s_[40 - down * i : 40 - down * i + height, 40 - right * i : 40 - right * i + width]  # noqa: E731
    return [np.ascontiguousarray(big[spot(i)]) for i in range(count)]


def test_packing_keeps_flow_within_half_a_step_and_clips():
    flow = np.random.default_rng(0).uniform(-BOUND, BOUND, (50, 50, 2))
    error = np.abs(unpack(pack(flow).astype(np.float32)) * BOUND - flow)
    assert 0.07 < error.max() <= BOUND / 127 / 2 + 1e-5
    assert (unpack(pack(np.zeros((2, 2))).astype(np.float32)) == 0).all()
    far = unpack(pack(np.array([[35.0, -35.0], [np.nan, np.inf]])).astype(np.float32))
    assert far.tolist() == [[1, -1], [0, 0]]


@pytest.mark.parametrize("method", optical_flow.METHODS)
@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -2), (-2, 1)])
def test_estimates_follow_a_moving_picture(method, right, down):
    first, second = (optical_flow.to_grey(rgb, 0) for rgb in moving(2, right, down))
    flow = estimate(first, second, method)
    assert flow.shape == (64, 96, 2) and flow.dtype == np.float32
    np.testing.assert_allclose(np.median(flow[8:-8, 8:-8], axis=(0, 1)), [right, down], atol=0.15)


def test_small_frames_have_flow_too():
    still = np.full((9, 7), 100, np.uint8)
    for method in optical_flow.METHODS:
        flow = estimate(still, still, method)
        assert flow.shape == (9, 7, 2)
        np.testing.assert_allclose(flow, 0, atol=0.01)


@pytest.mark.parametrize("step", [1, 2])
def test_each_frame_gets_the_flow_to_the_one_a_step_later(step):
    # Still for three frames, then moves two pixels per frame.
    frames = [moving(1, 0, 0)[0]] * 2 + moving(5, 2, 0)
    track = FlowTrack("dis", step, 0)
    ready = [track.add(rgb) for rgb in frames]
    assert [flow is None for flow in ready] == [i < step for i in range(7)]
    flows = [flow for flow in ready if flow is not None] + track.finish()
    assert len(flows) == 7
    right = [float(np.median(unpack(flow.astype(np.float32))[8:-8, 8:-8, 0])) * BOUND for flow in flows]
    expected = [0, 0, 2, 2, 2, 2, 2] if step == 1 else [0, 2, 4, 4, 4, 4, 4]
    np.testing.assert_allclose(right, expected, atol=0.3)


def test_a_single_frame_does_not_move():
    track = FlowTrack("dis", 1, 32)
    assert track.add(moving(1, 0, 0)[0]) is None
    (flow,) = track.finish()
    assert flow.shape == (32, 48, 2) and (unpack(flow.astype(np.float32)) == 0).all()


def test_flow_is_estimated_at_the_given_height():
    track = FlowTrack("dis", 1, 32)
    for rgb in moving(2, 4, 0):
        flow = track.add(rgb)
    right = np.median(unpack(flow.astype(np.float32))[4:-4, 4:-4, 0]) * BOUND
    assert flow.shape == (32, 48, 2) and abs(right - 2) < 0.3  # half the size, half the motion


def test_vectors_grow_with_the_picture():
    flow = pack(np.broadcast_to(np.array([4.0, -3.0]), (20, 30, 2)))
    assert resize_flow(flow, (20, 30)) is flow
    grown = unpack(resize_flow(flow, (40, 90)).astype(np.float32)) * BOUND
    np.testing.assert_allclose(grown, np.broadcast_to([12.0, -6.0], (40, 90, 2)), atol=0.25)
