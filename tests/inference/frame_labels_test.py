"""Label maps of a frame and their statistics, where a pixel has one action and where it may have several."""

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, VIDOR
from ssa2d_jax.inference.frame_labels import LabelStatistics, frame_labels, unpack_actions
from ssa2d_jax.runs.defaults import THRESHOLD

DOG, RUNNING, FLYING = A2D.actors.index("dog"), A2D.actions.index("running"), A2D.actions.index("flying")
BIRD = A2D.actors.index("bird")
VIDOR_DOG, BALL = VIDOR.actors.index("dog"), VIDOR.actors.index("ball/sports_ball")
CHASE, WATCH = VIDOR.actions.index("chase"), VIDOR.actions.index("watch")


def cell(actor, action):
    """Probabilities [18] from {class: probability}."""
    values = np.zeros(18, np.float32)
    values[list(actor)] = list(actor.values())
    values[[8 + number for number in action]] = list(action.values())
    return values


def multilabel_cell(actor, actions):
    """Probabilities [81 + 42] from {class: probability}; actions from 1."""
    values = np.zeros(81 + 42, np.float32)
    values[list(actor)] = list(actor.values())
    values[[81 + action - 1 for action in actions]] = list(actions.values())
    return values


def test_logarithms_are_interpolated_by_hand():
    left, right = cell({0: 0.8, DOG: 0.2}, {0: 0.8, RUNNING: 0.2}), cell({0: 0.2, DOG: 0.8}, {0: 0.2, RUNNING: 0.8})
    labels = frame_labels(np.array([[left, right]]), 3, 8, A2D, THRESHOLD)
    np.testing.assert_array_equal(labels.maps["actor"], [[0, 0, 0, 0, DOG, DOG, DOG, DOG]] * 3)
    np.testing.assert_array_equal(labels.maps["joint"] > 0, labels.maps["actor"] > 0)
    assert labels.pixels["actor"][DOG] == 12
    # Centres of the cells are at pixels 1.5 and 5.5: the right one has shares 0, 0, 1/8, 3/8, 5/8, 7/8, 1, 1.
    # At share s the logarithm of dog to background is log 4 * (2 s - 1).
    odds = 4.0 ** (2 * np.array([5 / 8, 7 / 8, 1, 1]) - 1)
    expected = odds / (1 + odds)
    np.testing.assert_allclose(labels.confidence["actor"][DOG], 3 * expected.sum(), rtol=1e-6)
    np.testing.assert_allclose(labels.confidence["joint"][0], 3 * (expected**2).sum(), rtol=1e-6)


def test_a_probability_of_zero_is_interpolated():
    left, right = cell({0: 1.0}, {0: 1.0}), cell({DOG: 1.0}, {RUNNING: 1.0})
    labels = frame_labels(np.array([[left, right]]), 3, 8, A2D, THRESHOLD)
    np.testing.assert_array_equal(labels.maps["actor"], [[0, 0, 0, 0, DOG, DOG, DOG, DOG]] * 3)
    np.testing.assert_allclose(labels.confidence["actor"][DOG], 12, rtol=1e-3)


def test_joint_is_the_best_valid_pair():
    # dog-flying is no pair: of dog-running 0.6 * 0.3 and bird-flying 0.4 * 0.7 the latter is more probable.
    labels = frame_labels(cell({DOG: 0.6, BIRD: 0.4}, {FLYING: 0.7, RUNNING: 0.3})[None, None], 2, 2, A2D, THRESHOLD)
    assert (labels.maps["actor"] == DOG).all() and (labels.maps["action"] == FLYING).all()
    assert (labels.maps["joint"] == A2D.joint.index("bird-flying")).all()
    np.testing.assert_allclose(labels.confidence["joint"].sum(), 4 * 0.28, rtol=1e-6)


@pytest.mark.parametrize("height, width", [(7, 5), (33, 300), (500, 400)])
def test_joint_equals_the_search_over_all_pairs(height, width):
    grid = np.random.RandomState(0).dirichlet(np.ones(18) * 0.2, (6, 9)).astype(np.float32)
    grid[..., :8] /= grid[..., :8].sum(-1, keepdims=True) + 1e-12
    grid[..., 8:] /= grid[..., 8:].sum(-1, keepdims=True) + 1e-12
    labels = frame_labels(grid, height, width, A2D, THRESHOLD)
    rows, columns = (np.clip((np.arange(n) + 0.5) * c / n - 0.5, 0, c - 1) for n, c in ((height, 6), (width, 9)))
    weights = [np.maximum(0, 1 - np.abs(p[:, None] - np.arange(c))) for p, c in ((rows, 6), (columns, 9))]
    full = np.einsum("yr,xc,rck->yxk", *weights, np.log(np.maximum(grid, np.finfo(np.float32).tiny).astype(np.float64)))
    scores = full[..., A2D.pair_actor] + full[..., 8 + A2D.pair_action]
    ranked = np.sort(scores, axis=-1)
    clear = ranked[..., -1] - ranked[..., -2] > 1e-4
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(labels.maps["joint"][clear], scores.argmax(-1)[clear])
    assert labels.maps["joint"].max() < 44


def test_certainty_of_an_invalid_pair_keeps_one_half_of_it():
    labels = frame_labels(cell({DOG: 1.0}, {FLYING: 1.0})[None, None], 1, 1, A2D, THRESHOLD)
    joint = labels.maps["joint"].item()  # background would contradict both
    assert A2D.pair_actor[joint] == DOG or A2D.pair_action[joint] == FLYING


def test_statistics_count_frames_share_and_confidence():
    statistics = LabelStatistics()
    statistics.add(frame_labels(cell({0: 1.0}, {0: 1.0})[None, None], 2, 2, A2D, THRESHOLD))
    statistics.add(frame_labels(cell({DOG: 0.8, 0: 0.2}, {RUNNING: 0.6, 0: 0.4})[None, None], 2, 2, A2D, THRESHOLD))
    summary = statistics.summary(A2D)
    assert summary["actor"]["dog"] == {"frames": 1, "share": 0.5, "confidence": pytest.approx(0.8)}
    assert summary["joint"]["dog-running"] == {"frames": 1, "share": 0.5, "confidence": pytest.approx(0.48)}
    assert summary["joint"]["cat-eating"] == {"frames": 0, "share": 0.0, "confidence": None}
    assert [len(summary[kind]) for kind in ("actor", "action", "joint")] == [8, 10, 44]


def test_sets_of_actions_by_hand():
    left = multilabel_cell({VIDOR_DOG: 0.8, 0: 0.2}, {CHASE: 0.9, WATCH: 0.6})
    right = multilabel_cell({0: 0.9, BALL: 0.1}, {CHASE: 0.7, WATCH: 0.1})
    labels = frame_labels(np.array([[left, right]]), 2, 2, VIDOR, 0.5)
    np.testing.assert_array_equal(labels.maps["actor"], [[VIDOR_DOG, 0]] * 2)
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
    statistics = LabelStatistics()
    statistics.add(labels)
    summary = statistics.summary(VIDOR)
    assert set(summary["joint"]) == set(pairs) and len(summary["action"]) == 43
    assert summary["action"]["chase"]["share"] == 1.0 and summary["joint"]["dog-watch"]["share"] == 0.5


def test_the_threshold_decides():
    grid = multilabel_cell({VIDOR_DOG: 1.0}, {CHASE: 0.55})[None, None]
    for threshold, expected in ((0.5, CHASE), (0.6, 0)):
        labels = frame_labels(grid, 1, 1, VIDOR, threshold)
        assert labels.maps["action"].item() == expected and labels.maps["actions"].any() == (expected > 0)


def test_pairs_that_were_not_learned_are_never_decided():
    taught = A2D.taught([(DOG, RUNNING), (BIRD, FLYING), (BIRD, RUNNING)])
    grid = (
        np.random.RandomState(0).dirichlet(np.ones(8), (6, 9)),
        np.random.RandomState(1).dirichlet(np.ones(10), (6, 9)),
    )
    labels = frame_labels(np.concatenate(grid, -1).astype(np.float32), 6, 9, taught, THRESHOLD)
    chosen = [0, *taught.choices]
    scores = np.log(grid[0])[..., A2D.pair_actor[chosen]] + np.log(grid[1])[..., A2D.pair_action[chosen]]
    np.testing.assert_array_equal(labels.maps["joint"], np.array(chosen)[scores.argmax(-1)])
    assert len(np.unique(labels.maps["joint"])) > 2
