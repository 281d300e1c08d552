"""The legend: whole words in at most two lines, and how many classes are left out."""

import numpy as np
import pytest

from ssa2d_jax.visualization.legend import draw_legend, fit_entries

ENTRIES = [(9 - i, f"class number {9 - i}", (200, 10 * i, 0)) for i in range(9)]


def names(lines):
    return [[text for text, _ in line] for line in lines]


def test_words_are_never_cut():
    assert names(fit_entries(ENTRIES[:2], 10, 400, 2)) == [["class number 8", "class number 9"]]
    two = names(fit_entries(ENTRIES, 10, 300, 2))
    assert two == [["class number 7", "class number 8"], ["class number 9", "+6 more"]]


def test_what_has_no_room_is_counted():
    assert names(fit_entries(ENTRIES, 10, 100, 2)) == [["+9 more"]]  # one name is wider than the picture
    assert fit_entries(ENTRIES, 10, 30, 2) == fit_entries(ENTRIES, 10, 400, 0) == []


@pytest.mark.parametrize("height, width", [(60, 96), (128, 128), (240, 320), (426, 240), (1080, 1920)])
def test_it_stays_in_the_picture_and_says_which_box_it_uses(height, width):
    picture = np.full((height, width, 3), 90, np.uint8)
    left, top, box_width, box_height = draw_legend(picture, ENTRIES, 10)
    assert (left, box_width, top + box_height) == (0, width, height) and box_height <= height / 4
    assert np.all(picture[:top] == 90) and (box_height == 0) == (height == 60)
    assert box_height == 0 or np.all(picture[top:, -2:] == 30)  # no letter reaches the edge
