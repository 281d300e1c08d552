import numpy as np

from ssa2d_jax.label_space import A2D, IGNORE


def test_sizes_and_names():
    assert (len(A2D.actors), len(A2D.actions), len(A2D.joint)) == (8, 10, 44)
    assert A2D.joint[0] == "background" and A2D.joint[1] == "adult-climbing" and A2D.joint[43] == "dog-none"


def test_joint_of_inverts_the_pairs():
    for joint in range(44):
        assert A2D.joint_of[A2D.pair_actor[joint], A2D.pair_action[joint]] == joint
    assert A2D.joint_of[2, 4] == IGNORE  # baby-flying
    assert A2D.joint_of[IGNORE, 1] == IGNORE
    assert int((A2D.joint_of != IGNORE).sum()) == 44


def test_palette_is_that_of_the_release():
    known = {
        (1, 1): (51, 1, 1),
        (1, 6): (255, 52, 52),
        (2, 7): (255, 240, 103),
        (3, 5): (52, 255, 1),
        (7, 9): (255, 204, 235),
    }
    for (actor, action), colour in known.items():
        assert np.abs(np.subtract(A2D.colour(actor, action), colour)).max() <= 1, (actor, action)
    assert len({tuple(c) for c in A2D.joint_colours}) == 44
