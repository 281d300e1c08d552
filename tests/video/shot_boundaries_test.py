"""Cuts are found; pans, noise, dimming and a colour that crosses from bin to bin are no cuts."""

import cv2
import numpy as np
import pytest

from ssa2d_jax.video.shot_boundaries import with_shot_boundaries


def scene(seed, size=(120, 400)):
    """A picture of soft coloured spots, wider than a frame, so that a frame can pan over it."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 16, 3), dtype=np.uint8)
    return cv2.resize(spots, size[::-1], interpolation=cv2.INTER_CUBIC)


def cuts(frames):
    marked = list(with_shot_boundaries(frames, lambda frame: frame))
    assert all(frame is other for (frame, _), other in zip(marked, frames, strict=True))
    return [i for i, (_, began) in enumerate(marked) if began]


def pan(seed, count, step=6):
    return [np.ascontiguousarray(scene(seed)[:, step * i : step * i + 160]) for i in range(count)]


def test_cuts_between_shots_are_found_and_pans_are_no_cuts():
    assert cuts([*pan(0, 20), *pan(1, 30), *pan(2, 10)]) == [20, 50]
    assert cuts(pan(3, 1)) == []


def test_noise_dimming_and_a_slowly_changing_colour_are_no_cuts():
    rng = np.random.default_rng(0)
    noisy = [np.clip(frame + rng.normal(0, 25, frame.shape), 0, 255).astype(np.uint8) for frame in pan(0, 10)]
    dimmed = [(frame * (1 - 0.03 * i)).astype(np.uint8) for i, frame in enumerate(pan(1, 20))]
    changing = [np.full((120, 160, 3), 90 + i, np.uint8) for i in range(40)]  # over 96 and 128, all pixels at once
    assert cuts(noisy) == cuts(dimmed) == cuts(changing) == []


def test_a_flash_of_one_frame_is_no_cut():
    white = np.full((120, 160, 3), 255, np.uint8)
    assert cuts([*pan(0, 20)[:10], white, *pan(0, 20)[10:]]) == []
    assert cuts([*pan(0, 10), white, white, *pan(0, 10)]) == [10, 12]
    assert cuts([*pan(0, 2), *pan(1, 2)]) == [2] and cuts([*pan(0, 3), *pan(1, 1)]) == [3]
    assert cuts([*pan(0, 1), *pan(1, 3)]) == [1] and cuts([]) == []


@pytest.mark.parametrize("size", [(1, 1), (17, 3), (1080, 1920)])
def test_frames_of_any_size(size):
    black, white = np.zeros((*size, 3), np.uint8), np.full((*size, 3), 255, np.uint8)
    assert cuts([black, black, white, white]) == [2]
