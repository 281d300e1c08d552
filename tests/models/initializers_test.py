import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.models import layers
from ssa2d_jax.models.initializers import draw_together, inflated_normal


class _Network(nn.Module):
    """Kernels below, at and above the sizes of draws, one of them in a list, biases, and a parameter of flax's own."""

    @nn.compact
    def __call__(self, x):
        for width, taps in ((16, (3, 2, 2)), (16, (1, 2, 2)), (40, (2, 3, 3)), (5, (1, 1, 1))):
            x = layers.Conv3d(width, taps, use_bias=width == 5)(x)
        x = layers.ConvTranspose3d(7, (3, 3, 3), (2, 1, 1))(x)
        return nn.Dense(3)(x)


@pytest.mark.parametrize("generator", ["rbg", "threefry2x32"])
def test_kernels_drawn_together_have_the_same_numbers(generator):
    arguments = jax.random.key(5, impl=generator), jnp.zeros((1, 4, 4, 4, 16))
    init = _Network().init
    plain, together = jax.jit(init)(*arguments), jax.jit(draw_together(init))(*arguments)
    assert len(jax.tree.leaves(plain)) == 8 and float(jnp.std(plain["params"]["ConvTranspose3d_0"]["kernel"])) > 0
    if generator == "rbg":  # the one in use; a longer draw of the other doesn't begin with the shorter one
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), together, plain)
    else:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a.std(), b.std(), atol=0.1), together, plain)


def test_they_do_so_with_64_bits():
    arguments = jax.random.key(5, impl="rbg"), np.zeros((1, 4, 4, 4, 16), np.float32)
    expected = jax.jit(_Network().init)(*arguments)
    with jax.enable_x64(True):
        together = jax.jit(draw_together(_Network().init))(*arguments)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), together, expected)


def test_a_network_without_kernels_begins_as_it_does():
    arguments = jax.random.key(0, impl="rbg"), jnp.zeros((2, 3))
    jax.tree.map(
        np.testing.assert_array_equal, draw_together(nn.Dense(4).init)(*arguments), nn.Dense(4).init(*arguments)
    )


@pytest.mark.parametrize("stride", [1, 2])
def test_a_kernel_begins_with_its_middle_tap_or_a_triangle(stride):
    kernel = np.asarray(inflated_normal(stride)(jax.random.key(0), (3, 3, 3, 64, 32)))
    assert abs(kernel[1].std() - 576**-0.5) < 0.002
    for tap in (0, 2):
        np.testing.assert_array_equal(kernel[tap], kernel[1] * (stride - 1) / 2)
