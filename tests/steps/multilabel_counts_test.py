"""The score for several actions a pixel: against a plain numpy reading of its definition, and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.evaluation.multilabel_metrics import MultilabelTotals, average_precision, mean_overlap
from ssa2d_jax.models.ssa2d import Outputs
from ssa2d_jax.steps import label_grid, multilabel_counts

# 3 actors, 2 actions; actor 1 and action 2 are the frequent ones.
SPACE = LabelSpace(
    actors=("background", "dog", "cat", "ball"),
    actions=("background", "chase", "bite"),
    pairs=tuple((a, b) for a in (1, 2, 3) for b in (1, 2)),
    actor_colours=((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)),
    multilabel=True,
    frequent=((1,), (2,)),
)


def _batch(rng, batch=2, labelled=3, size=(6, 8)):
    actor = rng.integers(0, 4, (batch, labelled, *size)).astype(np.uint8)
    action = (rng.random((batch, labelled, *size, 2)) < 0.4) & (actor > 0)[..., None]
    actor[rng.random(actor.shape) < 0.05] = IGNORE
    return {
        "video": np.zeros((batch, 4, 16, 16, 3), np.uint8),
        "label_time": np.tile(np.arange(labelled, dtype=np.int32), (batch, 1)),
        "label_valid": np.array([[True] * labelled, [True] * (labelled - 1) + [False]]),
        "actor": actor,
        "action": action,
        "label_size": np.full((batch, 2), size, np.int32),
        "clip_valid": np.ones(batch, bool),
    }


def _sets(actor, actions):
    """The three label sets of one pixel, as the docstring of multilabel_metrics defines them."""
    doing = {k + 1 for k in np.flatnonzero(actions)}
    pairs = {(actor, k) for k in doing} if actor else set()
    return {"actor": {actor}, "action": doing or {0}, "joint": pairs or {0}}


def _oracle(pixels, frequent):
    """Scores of (truth, prediction) pixels, each (actor, actions), straight from the definition."""
    few = {"actor": {0, 1}, "action": {0, 2}, "joint": {0, (1, 2)}}
    result = {}
    for kind in ("actor", "action", "joint"):
        sets = [(_sets(*t)[kind], _sets(*p)[kind]) for t, p in pixels]
        classes = few[kind] if frequent else set().union(*(t | p for t, p in sets))
        chosen = [(t & classes, p & classes) for t, p in sets if t & classes]
        if kind == "actor":  # one label a pixel: among pixels of these classes, the share that is right
            glo = np.mean([t == p for t, p in sets if t & classes])
        else:
            glo = np.mean([len(t & p) / len(t | p) for t, p in chosen])
        recall, iou = [], []
        for c in classes:
            hit = sum(c in t and c in p for t, p in sets)
            truth, either = sum(c in t for t, _ in sets), sum(c in t or c in p for t, p in sets)
            recall += [hit / truth] if truth else []
            iou += [hit / either] if either else []
        result[kind] = {"glo": 100 * glo, "ave": 100 * np.mean(recall), "miou": 100 * np.mean(iou)}
    return result


def test_scores_follow_their_definition():
    rng = np.random.default_rng(0)
    counts, pixels = MultilabelTotals.empty(SPACE), []
    for _ in range(2):
        batch = _batch(rng)
        on_device = jax.tree.map(jnp.asarray, batch)
        # Logits on a grid as fine as the labels in time; coarser in space, so interpolation is in play.
        outputs = Outputs(
            actor=jnp.asarray(rng.normal(size=(2, 4, 3, 4, 4)), jnp.float32),
            action=jnp.asarray(rng.normal(size=(2, 4, 3, 4, 2)), jnp.float32),
            mask=jnp.zeros((2, 4, 6, 8, 2)),
        )
        batch_counts, agreement = jax.device_get(
            jax.jit(lambda o, b: multilabel_counts.count(o, b, SPACE, 0.6))(outputs, on_device)
        )
        counts.add(batch_counts)

        actor = np.asarray(label_grid.resample_to_labels(outputs.actor, on_device)).argmax(-1)
        action = 1 / (1 + np.exp(-np.asarray(label_grid.resample_to_labels(outputs.action, on_device)))) >= 0.6
        expected = np.zeros((2, 2))
        for place in np.ndindex(batch["actor"].shape):
            if batch["actor"][place] != IGNORE and batch["label_valid"][place[:2]]:
                truth = int(batch["actor"][place]), batch["action"][place]
                pixels.append((truth, (int(actor[place]), action[place])))
                sets = [_sets(*side)["joint"] for side in pixels[-1]]
                if sets != [{0}, {0}]:
                    expected[place[0]] += len(sets[0] & sets[1]) / len(sets[0] | sets[1]), 1
        np.testing.assert_allclose(agreement, expected, rtol=1e-5)
    report = counts.to_result(7)
    assert (report["step"], report["frames"]) == (7, 10)
    for frequent, found in ((False, report), (True, report["frequent"])):
        for kind, expected in _oracle(pixels, frequent).items():
            for name, value in expected.items():
                assert found[kind][name] == pytest.approx(value, abs=1e-4), (frequent, kind, name)
    nothing = [(truth, (0, np.zeros(2, bool))) for truth, _ in pixels]
    for kind, expected in _oracle(nothing, False).items():
        assert report["background_baseline"][kind] == pytest.approx(expected, abs=1e-4)


def test_four_pixels_by_hand():
    # Truth: dog {chase, bite}; dog {chase}; cat {}; nothing. Predicted: dog {chase}; cat {chase}; cat {bite}; nothing.
    actor_logits = 10.0 * jnp.eye(4)[jnp.array([[1, 2, 2, 0]])]
    action_logits = jnp.array([[[9, -9], [9, -9], [-9, 9], [-9, -9]]], float)
    frame_counts, agreement = multilabel_counts.count_frame(
        actor_logits,
        action_logits,
        actor=jnp.array([[1, 1, 2, 0]]),
        action=jnp.array([[[1, 1], [1, 0], [0, 0], [0, 0]]], bool),
        frame_valid=jnp.array(True),
        space=SPACE,
        threshold=0.5,
    )
    # Foreground on either side: the first three pixels, whose joint overlaps are 1/2, 0, 0.
    assert agreement.tolist() == [0.5, 3]
    counts = MultilabelTotals.empty(SPACE)
    counts.add(jax.device_get(frame_counts))
    assert counts.frames == 1
    report = counts.to_result(0)
    # Actions: overlaps 1/2, 1, 0 (background against bite), 1.
    assert report["action"]["glo"] == pytest.approx(100 * (0.5 + 1 + 0 + 1) / 4)
    # Recall: background 1 of 2, chase 2 of 2, bite 0 of 1. IoU: background 1/2, chase 2/2, bite 0/2.
    assert report["action"]["ave"] == pytest.approx(100 * (0.5 + 1 + 0) / 3)
    assert report["action"]["miou"] == pytest.approx(100 * (0.5 + 1 + 0) / 3)
    # Joint: the second pixel says cat-chase for dog-chase, the third cat-bite for background.
    assert report["joint"]["glo"] == pytest.approx(100 * (0.5 + 0 + 0 + 1) / 4)
    # IoU: background 1/2, dog-chase 1/2, dog-bite 0/1, cat-chase 0/1, cat-bite 0/1.
    assert report["joint"]["miou"] == pytest.approx(100 * (0.5 + 0.5) / 5)
    assert report["joint"]["ave"] == pytest.approx(100 * (0.5 + 0.5 + 0) / 3)
    # Of the frequent (background, bite; dog-bite): pixel 2 drops out (chase alone), pixel 1 is {bite} against {}.
    assert report["frequent"]["action"]["glo"] == pytest.approx(100 * (0 + 0 + 1) / 3)
    assert report["frequent"]["joint"]["glo"] == pytest.approx(100 * (0 + 0 + 1) / 3)


def test_average_precision_by_hand():
    # From the highest bin down: with the class 1 of 1, 1 of 2, 2 of 4 -> precisions at the two gains: 1 and 2/4.
    histogram = np.array([[[0, 1, 0, 1], [0, 0, 0, 0]], [[5, 2, 1, 1], [5, 2, 1, 1]]])
    found = average_precision(histogram)
    assert found[0] == pytest.approx(100 * (1 * 1 + 1 * 2 / 4) / 2)
    assert np.isnan(found[1])


def test_mean_overlap_by_hand():
    histogram = np.zeros((3, 5), int)
    histogram[1, 1], histogram[1, 2], histogram[0, 2] = 2, 4, 2
    assert mean_overlap(histogram) == pytest.approx(100 * (2 * 1 + 4 * 0.5 + 0) / 8)
    assert mean_overlap(np.zeros((3, 5), int)) == 0.0
