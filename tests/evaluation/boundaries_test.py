"""Outlines and flicker: exact for what was drawn."""

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, IGNORE
from ssa2d_jax.evaluation.boundaries import BoundaryTotals, Flicker, describe

DOG, CAT = A2D.actors.index("dog"), A2D.actors.index("cat")


def _square(top, left, side=40, number=DOG, size=(320, 320)):
    maps = np.zeros(size, np.uint8)
    maps[top : top + side, left : left + side] = number
    return maps


def _scores(truth, predicted):
    totals = BoundaryTotals.empty(A2D)
    totals.add("actor", truth, predicted)
    return totals.f_scores("actor")


@pytest.mark.parametrize(("shift", "expected"), [(0, 100), (3, 100), (30, None), (150, 0)])
def test_outlines_fit_within_three_pixels_at_a_height_of_320(shift, expected):
    scores = _scores(_square(100, 100), _square(100, 100 + shift))
    if expected is None:
        # The upper and lower edges overlap over 10 of 40 pixels, and 3 more are near; so are those beside the corners.
        assert 20 < scores[DOG] < 45
    else:
        assert scores[DOG] == expected
    assert np.isnan(np.delete(scores, DOG)).all()


def test_four_pixels_are_too_many_for_two_of_the_edges():
    scores = _scores(_square(100, 100), _square(100, 104))
    assert 50 < scores[DOG] < 60  # upper and lower edges


def test_half_the_height_has_half_the_tolerance():
    truth = _square(50, 50, 60, size=(160, 160))
    assert _scores(truth, _square(50, 52, 60, size=(160, 160)))[DOG] == 100  # 1.5 rounds to 2
    assert _scores(truth, _square(50, 53, 60, size=(160, 160)))[DOG] < 60


def test_precision_and_recall_count_both():
    truth = np.maximum(_square(50, 50), _square(200, 200))
    predicted = _square(50, 50)
    assert _scores(truth, predicted)[DOG] == pytest.approx(100 * 2 / 3)  # precision 1, recall 1/2
    assert _scores(predicted, truth)[DOG] == pytest.approx(100 * 2 / 3)


def test_a_class_that_is_only_predicted_or_only_true_has_0():
    scores = _scores(_square(50, 50), _square(50, 50, number=CAT))
    assert scores[DOG] == scores[CAT] == 0
    totals = BoundaryTotals.empty(A2D)
    assert totals.to_result() == {"actor": 0.0, "action": 0.0, "joint": 0.0}
    totals.add("actor", _square(50, 50), _square(50, 50))
    totals.add("actor", _square(50, 50, number=CAT), np.zeros((320, 320), np.uint8))
    assert totals.to_result()["actor"] == 50


def test_neither_the_frame_s_border_nor_ignored_pixels_are_outlines():
    assert np.isnan(_scores(np.full((64, 64), DOG, np.uint8), np.full((64, 64), DOG, np.uint8))).all()
    truth = _square(100, 100)
    truth[90:150, 138:150] = IGNORE  # hides the right edge
    predicted = _square(100, 100)
    predicted[100:140, 130:140] = 0  # whose right edge lies elsewhere, eight pixels before the ignored ones
    without = _square(100, 100)
    assert _scores(truth, without)[DOG] == 100
    assert _scores(truth, predicted)[DOG] < 100


def test_flicker_counts_changes_where_nothing_moves():
    frames = [np.full((40, 60, 3), 100, np.uint8) for _ in range(4)]
    labels = np.zeros((4, 40, 60), np.uint8)
    labels[2, :10] = 1  # appears and goes
    flicker = Flicker()
    flicker.add(frames, labels)
    assert flicker.percent == pytest.approx(100 * (2 * 600) / (3 * 2400))
    moving = [frame.copy() for frame in frames]
    moving[2][:20] = 200  # the upper half changes: nothing is counted there, nor where the blur reaches
    flicker = Flicker()
    flicker.add(moving, labels)
    assert flicker.percent == 0 and flicker.still == 2400 + 2 * 18 * 60
    assert Flicker().percent == 0


def test_both_are_said_with_their_units():
    text = describe({"actor": 51.24, "joint": 40.0}, 1.234)
    assert text == (
        "boundary F-score, within 3 pixels at a height of 320: actor 51.2, joint 40.0\n"
        "pixels that change their class from frame to frame where the picture is still: 1.23 %"
    )
