"""Initial values of a network."""

import jax
import numpy as np

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.steps.state import build_model, init_variables, variable_shapes
from tests.fixtures.toy import toy_config


def test_chosen_modules_alone_get_the_values_that_they_get_with_all_others():
    config = toy_config("pooled")
    model = build_model(config.model, A2D, stats_axis=None)
    everything, chosen = init_variables(model, config), init_variables(model, config, ("actor_head",))
    assert jax.tree.map(np.shape, everything) == jax.tree.map(np.shape, chosen)
    jax.tree.map(np.testing.assert_array_equal, everything["params"]["actor_head"], chosen["params"]["actor_head"])
    assert np.abs(everything["params"]["action_head"]["kernel"]).max() > 0
    assert not any(np.abs(leaf).max() for leaf in jax.tree.leaves(chosen["params"]["action_head"]))


def test_shapes_are_those_of_the_variables():
    config = toy_config("i3d")
    model = build_model(config.model, A2D, stats_axis=None)
    assert variable_shapes(model, config) == jax.eval_shape(lambda: init_variables(model, config))
