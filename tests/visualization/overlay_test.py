"""Labels on frames: tint, contour, names and legend."""

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.visualization.overlay import draw_overlay, letter_height

DOG_RUNNING = A2D.joint.index("dog-running")


def square(height, width, top, left, side, label=DOG_RUNNING):
    joint = np.zeros((height, width), np.uint8)
    joint[top : top + side, left : left + side] = label
    return joint


def test_tint_contour_and_untouched_background():
    frame = np.full((100, 100, 3), 100, np.uint8)
    picture = draw_overlay(frame, square(100, 100, 30, 30, 40), A2D, opacity=0.5, names=None)
    # dog is (255, 1, 153); running, action 7, is 2/5 of the way to white: (255, 103, 194).
    np.testing.assert_array_equal(A2D.joint_colours[DOG_RUNNING], (255, 103, 194))
    np.testing.assert_allclose(picture[50, 50], (177.5, 101.5, 147), atol=0.5)
    np.testing.assert_allclose(picture[30, 50], (255, 179, 224.5), atol=0.5)
    picture[30:70, 30:70] = 100
    np.testing.assert_array_equal(picture, frame)


def test_opacity_zero_leaves_all_but_the_contour():
    frame = np.random.RandomState(0).randint(0, 255, (60, 60, 3)).astype(np.uint8)
    picture = draw_overlay(frame, square(60, 60, 20, 20, 20), A2D, opacity=0.0, names=None)
    assert (picture != frame).any(axis=2).sum() == 4 * 19


def test_background_only_is_the_frame_itself():
    frame = np.random.RandomState(0).randint(0, 255, (40, 50, 3)).astype(np.uint8)
    np.testing.assert_array_equal(draw_overlay(frame, np.zeros((40, 50), np.uint8), A2D, opacity=0.5, names={}), frame)


@pytest.mark.parametrize("height, width", [(128, 128), (320, 427), (1080, 1920)])
def test_name_stands_above_the_biggest_region(height, width):
    frame = np.full((height, width, 3), 100, np.uint8)
    side = height // 4
    joint = square(height, width, height // 2, width // 2, side)
    joint[height // 8 : height // 8 + side // 4, width // 8 : width // 8 + side // 4] = DOG_RUNNING
    plain = draw_overlay(frame, joint, A2D, opacity=0.5, names=None)
    named = draw_overlay(frame, joint, A2D, opacity=0.5, names={DOG_RUNNING: "dog-running 87%"})
    rows, columns = np.nonzero((plain != named).any(axis=2))
    letters = letter_height(height, width)
    name, legend = rows < height // 2, rows >= height - 2 * letters
    assert np.all(name | legend) and name.any() and legend.any()
    assert rows[name].min() >= height // 2 - 2 * letters - 3
    middle = (columns[name].min() + columns[name].max()) / 2
    assert abs(middle - (width // 2 + side / 2)) < letters
    assert 0.95 * 9 * letters < np.ptp(columns[name])  # 15 letters, none cut off


def test_names_do_not_cover_one_another():
    frame = np.full((200, 300, 3), 100, np.uint8)
    joint = square(200, 300, 100, 100, 20) + square(200, 300, 100, 120, 20, label=1)
    plain = draw_overlay(frame, joint, A2D, opacity=0.5, names=None)
    both = draw_overlay(frame, joint, A2D, opacity=0.5, names={})
    boxes = (plain != both).any(axis=2)
    colours = [np.all(both == A2D.joint_colours[number], axis=2) & boxes for number in (DOG_RUNNING, 1)]
    rows = [np.nonzero(pixels.sum(axis=1) > 20)[0] for pixels in colours]  # rows of the boxes, not of swatches
    assert not set(rows[0]) & set(rows[1]) and len(rows[0]) and len(rows[1])


def test_every_class_at_once_on_a_tiny_frame():
    joint = np.arange(16 * 16, dtype=np.uint8).reshape(16, 16) % 44
    picture = draw_overlay(np.zeros((16, 16, 3), np.uint8), joint, A2D, opacity=0.5, names={})
    assert picture.shape == (16, 16, 3) and picture.any()


def test_frame_and_labels_of_different_size_are_an_error():
    with pytest.raises(ValueError, match=r"frame is \(4, 4, 3\), its labels are \(4, 5\)"):
        draw_overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8), A2D, opacity=0.5, names=None)
