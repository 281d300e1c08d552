"""Labels on frames: tint, contour, names and legend."""

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.visualization.overlay import draw_overlay, letter_height

DOG_RUNNING, ADULT_CLIMBING = A2D.joint.index("dog-running"), 1


def square(height, width, top, left, side, label=DOG_RUNNING):
    joint = np.zeros((height, width), np.uint8)
    joint[top : top + side, left : left + side] = label
    return joint


def text_boxes(frame, joint, label, **options):
    """Pixels of full strength in a label's colour that names add."""
    plain = draw_overlay(frame, joint, A2D, opacity=0.5, names=False)
    named = draw_overlay(frame, joint, A2D, opacity=0.5, **options)
    return np.all(named == A2D.joint_colours[label], axis=2) & (plain != named).any(axis=2)


def test_tint_contour_and_untouched_background():
    frame = np.full((100, 100, 3), 100, np.uint8)
    picture = draw_overlay(frame, square(100, 100, 30, 30, 40), A2D, opacity=0.5, names=False)
    # dog is (255, 1, 153); running, action 7, is 2/5 of the way to white: (255, 103, 194).
    np.testing.assert_array_equal(A2D.joint_colours[DOG_RUNNING], (255, 103, 194))
    np.testing.assert_allclose(picture[50, 50], (177.5, 101.5, 147), atol=0.5)
    np.testing.assert_allclose(picture[30, 50], (255, 179, 224.5), atol=0.5)
    picture[30:70, 30:70] = 100
    np.testing.assert_array_equal(picture, frame)


def test_opacity_zero_leaves_all_but_the_contour():
    frame = np.random.RandomState(0).randint(0, 255, (60, 60, 3)).astype(np.uint8)
    picture = draw_overlay(frame, square(60, 60, 20, 20, 20), A2D, opacity=0.0, names=False)
    assert (picture != frame).any(axis=2).sum() == 4 * 19


def test_background_only_is_the_frame_itself():
    frame = np.random.RandomState(0).randint(0, 255, (40, 50, 3)).astype(np.uint8)
    np.testing.assert_array_equal(draw_overlay(frame, np.zeros((40, 50), np.uint8), A2D, opacity=0.5), frame)


@pytest.mark.parametrize("height, width", [(128, 128), (320, 427), (1080, 1920)])
def test_name_stands_above_the_actor_and_says_its_confidence(height, width):
    frame = np.full((height, width, 3), 100, np.uint8)
    side = height // 4
    joint = square(height, width, height // 2, width // 2, side)
    joint[height // 8 : height // 8 + side // 4, width // 8 : width // 8 + side // 4] = DOG_RUNNING  # under 1 %
    plain = draw_overlay(frame, joint, A2D, opacity=0.5, names=False)
    named = draw_overlay(frame, joint, A2D, opacity=0.5, confidence=lambda number: np.full((8, 8), 0.87))
    rows, columns = np.nonzero((plain != named).any(axis=2))
    letters = letter_height(height, width)
    name, legend = rows < height // 2, rows >= height - 2 * letters
    assert np.all(name | legend) and name.any() and legend.any()
    assert rows[name].min() >= height // 2 - 2 * letters - 3
    middle = (columns[name].min() + columns[name].max()) / 2
    assert abs(middle - (width // 2 + side / 2)) < letters
    assert 0.95 * 9 * letters < np.ptp(columns[name])  # 15 letters, none cut off


def test_small_and_doubtful_actors_have_no_name():
    frame = np.full((200, 300, 3), 100, np.uint8)
    large, small = square(200, 300, 100, 100, 26), square(200, 300, 100, 100, 23)  # 1.1 and 0.9 % of the frame
    above = np.s_[:99]
    assert text_boxes(frame, large, DOG_RUNNING)[above].any()
    assert not text_boxes(frame, small, DOG_RUNNING)[above].any()
    for share, is_named in ((0.16, True), (0.14, False)):
        boxes = text_boxes(frame, large, DOG_RUNNING, confidence=lambda number, share=share: np.full((4, 4), share))
        assert boxes[above].any() == is_named


def test_an_actor_has_one_name_whatever_its_pixels_say():
    frame = np.full((200, 300, 3), 100, np.uint8)
    walking = A2D.joint.index("dog-walking")
    joint = square(200, 300, 100, 100, 60) + square(200, 300, 120, 110, 30, label=walking - DOG_RUNNING)
    assert text_boxes(frame, joint, DOG_RUNNING)[:99].any() and not text_boxes(frame, joint, walking)[:180].any()
    two = square(200, 300, 100, 20, 40) + square(200, 300, 100, 200, 40)
    named = text_boxes(frame, two, DOG_RUNNING)[:99]
    assert named[:, :120].any() and named[:, 180:].any()


def test_names_do_not_cover_one_another_or_the_legend():
    frame = np.full((200, 300, 3), 100, np.uint8)
    joint = square(200, 300, 100, 100, 30) + square(200, 300, 100, 130, 30, label=ADULT_CLIMBING)
    rows = [np.nonzero(text_boxes(frame, joint, number).sum(axis=1) > 20)[0] for number in (DOG_RUNNING, 1)]
    assert not set(rows[0]) & set(rows[1]) and len(rows[0]) and len(rows[1])
    low = square(200, 300, 150, 100, 50)  # to the lower edge, all of which the legend may use
    name = np.nonzero(text_boxes(frame, low, DOG_RUNNING).sum(axis=1) > 20)[0]
    assert name.max() < 150


def test_every_class_at_once_on_a_tiny_frame():
    joint = np.arange(16 * 16, dtype=np.uint8).reshape(16, 16) % 44
    picture = draw_overlay(np.zeros((16, 16, 3), np.uint8), joint, A2D, opacity=0.5)
    assert picture.shape == (16, 16, 3) and picture.any()


def test_frame_and_labels_of_different_size_are_an_error():
    with pytest.raises(ValueError, match=r"frame is \(4, 4, 3\), its labels are \(4, 5\)"):
        draw_overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8), A2D, opacity=0.5, names=False)


@pytest.mark.parametrize(
    ("opacity", "message"),
    [(1.5, r"opacity is 1.5; allowed: 0 to 1"), (np.zeros((2, 4, 4, 3)), "opacity is an array; it must be a number")],
)
def test_opacity_is_a_number_from_0_to_1(opacity, message):
    with pytest.raises(ValueError, match=message):
        draw_overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), A2D, opacity=opacity)
