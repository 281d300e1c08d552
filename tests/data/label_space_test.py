"""Classes: names, pairs and colours."""

import itertools

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, IGNORE, VIDOR, LabelSpace


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


def _linear(channel):
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _xyz(rgb):
    r, g, b = (_linear(channel / 255) for channel in rgb)
    return (
        0.4124564 * r + 0.3575761 * g + 0.1804375 * b,
        0.2126729 * r + 0.7151522 * g + 0.0721750 * b,
        0.0193339 * r + 0.1191920 * g + 0.9503041 * b,
    )


def _lab(rgb):
    def root(share):
        return share ** (1 / 3) if share > 216 / 24389 else (24389 / 27 * share + 16) / 116

    x, y, z = (root(value / white) for value, white in zip(_xyz(rgb), (0.95047, 1.0, 1.08883), strict=True))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _nearest(colours):
    return min(np.linalg.norm(_lab(first) - _lab(second)) for first, second in itertools.combinations(colours, 2))


def _space(actors, actions):
    names = [f"actor {i}" for i in range(actors)], [f"action {i}" for i in range(actions)]
    return LabelSpace.from_names(*map(tuple, names), tuple(itertools.product(*names)))


def test_the_conversion_here_is_cielab():
    np.testing.assert_allclose(_lab((255, 0, 0)), (53.24, 80.09, 67.20), atol=0.02)
    np.testing.assert_allclose(_lab((0, 0, 255)), (32.30, 79.19, -107.86), atol=0.02)
    np.testing.assert_allclose(_lab((127, 127, 127)), (53.19, 0, 0), atol=0.02)


@pytest.mark.parametrize("count", range(1, 44))
def test_colours_of_other_classes_are_readable(count):
    for space in (_space(1, count), _space(count, 1)):
        background, *colours = space.joint_colours.tolist()
        assert background == [0, 0, 0] and len(colours) == count
        for chosen in (colours, [list(colour) for colour in space.actor_colours[1:]]):
            assert min(_xyz(colour)[1] for colour in chosen) >= 0.17
            assert _nearest([(0, 0, 0), (127, 127, 127), (255, 255, 255), *chosen[:12]]) >= 40
            assert len(chosen) == 1 or _nearest(chosen) >= 20


def test_a_colour_stays_when_classes_are_added():
    few, many = _space(1, 3).joint_colours, _space(1, 40).joint_colours
    np.testing.assert_array_equal(few, many[: len(few)])


def test_a_pair_that_does_not_occur_has_the_colour_of_its_actor():
    space = LabelSpace.from_names(("cat", "dog"), ("run", "sit"), (("cat", "sit"), ("dog", "run"), ("dog", "sit")))
    assert space.colour(1, 1) == space.colour(1, 2) == tuple(space.joint_colours[1])


def test_vidors_colours_are_not_dark_and_its_actors_differ():
    assert min(_xyz(colour)[1] for colour in VIDOR.joint_colours[1:].tolist()) > 0.08
    assert _nearest(VIDOR.actor_colours) > 12


def test_pairs_that_were_learned_are_the_choices_of_a_decision():
    taught = A2D.taught([(7, 8), (1, 8), (2, 4)])  # the last is no pair
    assert taught.learned == ((1, 8), (7, 8)) and taught.joint == A2D.joint
    assert [A2D.joint[number] for number in taught.choices] == ["adult-walking", "dog-walking"]
    assert A2D.choices == tuple(range(1, 44)) and (A2D.choice_of == A2D.joint_of).all()
    assert taught.choice_of[7, 8] == A2D.joint_of[7, 8] and taught.choice_of[7, 7] == IGNORE
    assert taught.choice_of[0, 0] == 0 and int((taught.choice_of != IGNORE).sum()) == 3
    assert A2D.taught(A2D.pairs) == A2D  # all of them is no choice


def test_learned_pairs_are_saved_and_make_no_other_classes():
    own = LabelSpace.from_names(("dog", "cat"), ("run", "sit"), (("dog", "run"), ("cat", "sit"), ("cat", "run")))
    for space in (A2D, own):
        taught = space.taught(space.pairs[1:2])
        assert LabelSpace.from_json(taught.to_json()) == taught != space
        assert LabelSpace.from_json(space.to_json()) == space and "learned" not in space.to_json()
        assert taught.has_classes_of(space) and space.has_classes_of(taught)
    assert not own.has_classes_of(A2D)
