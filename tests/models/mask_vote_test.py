"""The vote of the mask branch: its log-odds of foreground in the logits of actors and actions."""

import jax
import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.label_grid import joint_decision

FIELDS = dict(classes=(8, 10), encoder="pooled", encoder_width=0.0625, decoder_width=0.0625)


@pytest.fixture(scope="module")
def case():
    """Variables whose heads differ from pixel to pixel, and a video."""
    video = jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))
    return jax.jit(SSA2D(**FIELDS).init)(jax.random.key(0), video), video


def _outputs(case, train=False, **fields):
    variables, video = case
    model = SSA2D(**FIELDS, **fields)
    if train:
        return model.apply(variables, video, train=True, mutable=["batch_stats"])[0]
    return model.apply(variables, video)


def test_a_joint_decision_multiplies_the_probabilities_of_three_branches(case):
    plain, voted = _outputs(case), _outputs(case, mask_vote=0.5)
    np.testing.assert_array_equal(plain.mask, voted.mask)
    actor, action = (np.asarray(jax.nn.log_softmax(x, -1)) for x in (plain.actor, plain.action))
    # The head's own cells: inside a block of two cells, linear interpolation gives 3/4 of one and 1/4 of the other.
    odds = np.asarray(plain.mask[..., 1] - plain.mask[..., 0])
    first, second = odds[:, :, 1:-1:2], odds[:, :, 2::2]
    rows = np.concatenate([odds[:, :, :1], second * 1.5 - first * 0.5], axis=2)
    first, second = rows[..., 1:-1:2], rows[..., 2::2]
    odds = np.concatenate([rows[..., :1], second * 1.5 - first * 0.5], axis=3)
    mask = np.stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)], -1)
    scores = np.stack([actor[..., a] + action[..., b] + mask[..., min(a, 1)] for a, b in [(0, 0), *A2D.pairs]], axis=-1)
    np.testing.assert_array_equal(joint_decision(voted.actor, voted.action, A2D), scores.argmax(-1))
    assert (scores.argmax(-1) != np.asarray(joint_decision(plain.actor, plain.action, A2D))).any()


def test_the_order_of_actors_and_of_actions_stays(case):
    plain, voted = _outputs(case), _outputs(case, mask_vote=1.0)
    for one, other in ((plain.actor, voted.actor), (plain.action, voted.action)):
        np.testing.assert_array_equal(one[..., 0], other[..., 0])
        change = np.asarray(other - one)[..., 1:]
        np.testing.assert_allclose(change, change[..., :1].repeat(change.shape[-1], -1), atol=1e-5)
        assert np.abs(change).max() > 1e-3


def test_training_is_without_it(case):
    for one, other in zip(_outputs(case, train=True), _outputs(case, train=True, mask_vote=1.0), strict=True):
        np.testing.assert_array_equal(one, other)


def test_actions_without_a_background_stay_as_they_are(case):
    plain, voted = (_outputs(case, mask_vote=vote, has_background=False) for vote in (0.0, 1.0))
    np.testing.assert_array_equal(plain.action, voted.action)
    assert np.abs(voted.actor - plain.actor).max() > 1e-3
