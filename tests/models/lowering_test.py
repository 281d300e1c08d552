"""Nothing is computed where only shapes are needed, and the shapes are those of what is computed."""

import jax
import jax.numpy as jnp
import pytest

from ssa2d_jax.models import layers
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D

X = jnp.ones((2, 5, 7, 6, 4))


@pytest.mark.parametrize(
    "operation",
    [
        lambda: layers.conv3d(X, jnp.ones((3, 3, 3, 4, 6)), (2, 2, 1)),
        lambda: layers.conv3d(X, jnp.ones((1, 1, 1, 4, 3))),
        lambda: layers.conv3d_transpose(X, jnp.ones((3, 3, 3, 4, 6)), (2, 1, 2)),
        lambda: layers.max_pool3d(X, (3, 3, 3), (2, 2, 2)),
    ],
)
def test_shapes_alone_are_zeros_of_the_same_shape(operation):
    expected = operation()
    with use_lowering(Lowering.SHAPES):
        found = operation()
    assert found.shape == expected.shape and found.dtype == expected.dtype
    assert not found.any() and expected.all()


def test_a_network_has_the_same_variables_by_shapes_alone():
    model = SSA2D(classes=(8, 10), encoder_width=0.0625, decoder_width=0.0625)
    arguments = jax.random.key(0), jnp.zeros((1, 4, 32, 32, 3))
    expected = jax.eval_shape(lambda *x: model.init_with_output(*x), *arguments)
    with use_lowering(Lowering.SHAPES):
        assert jax.eval_shape(lambda *x: model.init_with_output(*x), *arguments) == expected
        program = str(jax.make_jaxpr(lambda *x: model.init(*x))(*arguments))
    assert "conv_general_dilated" not in program and "reduce_window" not in program
