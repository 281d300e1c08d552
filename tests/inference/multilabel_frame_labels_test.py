"""Label maps and their pictures where a pixel may have several actions."""

import numpy as np

from ssa2d_jax.data.label_space import VIDOR
from ssa2d_jax.inference.frame_labels import LabelStatistics
from ssa2d_jax.inference.multilabel_frame_labels import multilabel_frame_labels, unpack_actions
from ssa2d_jax.visualization.drawn_pairs import draw_pairs

DOG, BALL = VIDOR.actors.index("dog"), VIDOR.actors.index("ball/sports_ball")
CHASE, WATCH = VIDOR.actions.index("chase"), VIDOR.actions.index("watch")


def cell(actor, actions):
    """Probabilities [81 + 42] from {class: probability}; actions from 1."""
    values = np.zeros(81 + 42, np.float32)
    values[list(actor)] = list(actor.values())
    values[[81 + action - 1 for action in actions]] = list(actions.values())
    return values


def test_sets_by_hand():
    left = cell({DOG: 0.8, 0: 0.2}, {CHASE: 0.9, WATCH: 0.6})
    right = cell({0: 0.9, BALL: 0.1}, {CHASE: 0.7, WATCH: 0.1})
    labels = multilabel_frame_labels(np.array([[left, right]]), 2, 2, VIDOR, 0.5)
    np.testing.assert_array_equal(labels.maps["actor"], [[DOG, 0]] * 2)
    np.testing.assert_array_equal(labels.maps["action"], [[CHASE, CHASE]] * 2)
    chosen = unpack_actions(labels.maps["actions"], VIDOR)
    assert chosen.shape == (2, 2, 42)
    assert np.flatnonzero(chosen[0, 0]).tolist() == sorted([CHASE - 1, WATCH - 1])
    assert np.flatnonzero(chosen[0, 1]).tolist() == [CHASE - 1]
    assert labels.pixels["action"][[CHASE, WATCH, 0]].tolist() == [4, 2, 0]
    np.testing.assert_allclose(labels.confidence["action"][WATCH], 2 * 0.6, rtol=1e-6)
    # The right half has an action but no actor: there is no pair.
    pairs = {VIDOR.joint[j]: labels.pixels["joint"][j] for j in np.flatnonzero(labels.pixels["joint"])}
    assert pairs == {"background": 2, "dog-chase": 2, "dog-watch": 2}
    tally = LabelStatistics()
    tally.add(labels)
    summary = tally.summary(VIDOR)
    assert set(summary["joint"]) == set(pairs) and len(summary["action"]) == 43
    assert summary["action"]["chase"]["share"] == 1.0 and summary["joint"]["dog-watch"]["share"] == 0.5


def test_the_threshold_decides():
    grid = cell({DOG: 1.0}, {CHASE: 0.55})[None, None]
    for threshold, expected in ((0.5, CHASE), (0.6, 0)):
        labels = multilabel_frame_labels(grid, 1, 1, VIDOR, threshold)
        assert labels.maps["action"].item() == expected and labels.maps["actions"].any() == (expected > 0)


def test_drawn_names_what_half_of_the_pixels_do():
    actor = np.array([[DOG, DOG, DOG, BALL, 0]])
    chosen = np.zeros((1, 5, 42), bool)
    chosen[0, [0, 1, 2, 4], CHASE - 1] = True
    chosen[0, [0, 1], WATCH - 1] = True
    best = np.where(chosen.any(-1), CHASE, 0)
    picture = draw_pairs(actor, chosen, best, VIDOR)
    assert picture.map.tolist() == [[1, 1, 1, 0, 0]]
    assert picture.joint == ("background", "dog-chase+watch")
    assert picture.joint_colours.tolist() == [[0, 0, 0], list(VIDOR.colour(DOG, CHASE))]


def test_drawn_names_three_actions_at_most():
    chosen = np.zeros((1, 2, 42), bool)
    chosen[..., :5] = True
    picture = draw_pairs(np.full((1, 2), DOG), chosen, np.full((1, 2), 3), VIDOR)
    assert picture.joint[1] == f"dog-{VIDOR.actions[3]}+{VIDOR.actions[1]}+{VIDOR.actions[2]}+..."
