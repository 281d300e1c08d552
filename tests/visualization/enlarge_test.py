"""Factors for small frames, and labels enlarged by them."""

import numpy as np
import pytest

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.visualization.enlarge import enlarge_labels, enlargement


def test_small_frames_are_enlarged_by_a_whole_factor():
    sizes = {(128, 128): 2, (240, 320): 2, (320, 570): 1, (426, 240): 2, (1080, 1920): 1, (256, 352): 1, (64, 64): 4}
    assert {size: enlargement(*size) for size in sizes} == sizes
    assert enlargement(20, 1000) == 1 and enlargement(16, 16) == 16
    assert enlargement(128, 128, 1) == 1 and enlargement(1080, 1920, 4) == 4 and enlargement(9000, 100, 1) == 1
    for scale in (-1, 5):
        with pytest.raises(InputError, match=rf"scale is {scale}; allowed for frames of 1920x1080: 0 .automatic. to 4"):
            enlargement(1080, 1920, scale)


def test_enlarged_labels_keep_their_classes_and_get_smooth_borders():
    labels = np.zeros((20, 30), np.uint8)
    labels[5:15, 5:15], labels[5:15, 15:25] = 43, 2
    large = enlarge_labels(labels, 3)
    assert large.shape == (60, 90) and set(np.unique(large)) == {0, 2, 43}
    np.testing.assert_array_equal(large[1::3, 1::3], labels)  # the centre of every pixel
    slope = np.tril(np.ones((20, 20), np.uint8))  # a border of 45 degrees
    ends = [border.sum(1)[8:-8] for border in (np.kron(slope, np.ones((4, 4), np.uint8)), enlarge_labels(slope, 4))]
    assert [np.abs(np.diff(end)).max() for end in ends] == [4, 2]  # stairs of 4 pixels; hardly any
    assert enlarge_labels(labels, 1) is labels
