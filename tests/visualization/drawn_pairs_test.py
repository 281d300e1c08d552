"""What is drawn where a pixel may have several actions."""

import numpy as np

from ssa2d_jax.data.label_space import VIDOR
from ssa2d_jax.visualization.drawn_pairs import draw_pairs

DOG, BALL = VIDOR.actors.index("dog"), VIDOR.actors.index("ball/sports_ball")
CHASE, WATCH = VIDOR.actions.index("chase"), VIDOR.actions.index("watch")


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
