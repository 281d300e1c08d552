"""Every form of a convolution on CPUs equals the plain lax one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.models import layers
from ssa2d_jax.models.cpu import convolution as cpu_convolution
from ssa2d_jax.models.cpu import kernel_gradient, winograd
from ssa2d_jax.models.cpu import matmul as cpu_matmul
from ssa2d_jax.models.cpu.minimal_filtering import minimal_filtering
from tests.fixtures.same_as_reference import assert_same_with_gradients, normal

CONVOLUTIONS = [
    # size of x, kernel, channels in and out, strides, dilation
    ((8, 10, 12), (7, 7, 7), (3, 4), (2, 2, 2), (1, 1, 1)),
    ((5, 9, 7), (7, 7, 7), (3, 4), (2, 2, 2), (1, 1, 1)),
    ((4, 6, 5), (3, 3, 3), (2, 5), (1, 1, 1), (1, 1, 1)),
    ((4, 6, 5), (3, 3, 3), (5, 2), (1, 1, 1), (1, 1, 1)),
    ((8, 6, 6), (3, 3, 3), (5, 2), (2, 1, 1), (1, 1, 1)),
    ((7, 5, 6), (3, 3, 3), (5, 2), (2, 1, 2), (1, 1, 1)),
    ((7, 5, 6), (3, 3, 3), (2, 3), (3, 2, 1), (1, 1, 1)),
    ((1, 4, 4), (3, 3, 3), (4, 2), (2, 2, 2), (1, 1, 1)),
    ((4, 7, 9), (3, 3, 3), (4, 2), (1, 1, 1), (1, 3, 3)),
    ((4, 7, 9), (3, 3, 3), (2, 4), (1, 1, 1), (1, 12, 12)),
    ((4, 7, 9), (3, 3, 3), (4, 2), (1, 1, 1), (6, 12, 12)),
    ((5, 6, 6), (1, 7, 7), (3, 4), (2, 2, 2), (1, 1, 1)),
    ((4, 4, 4), (2, 4, 1), (3, 3), (1, 1, 1), (1, 1, 1)),
    ((5, 4, 3), (1, 1, 1), (3, 4), (1, 1, 1), (1, 1, 1)),
    ((5, 4, 3), (1, 1, 1), (4, 3), (2, 2, 2), (1, 1, 1)),
    ((4, 6, 9), (5, 4, 3), (2, 3), (2, 2, 3), (1, 1, 1)),
    ((2, 1, 1), (2, 2, 2), (2, 3), (1, 1, 1), (1, 3, 3)),
]


@pytest.fixture
def wide(monkeypatch):
    """No convolution is too narrow for the forms of wide ones."""
    monkeypatch.setattr(cpu_matmul, "NARROW", 0)
    monkeypatch.setattr(cpu_convolution, "NARROW", 0)


def shaped(sizes, dtype=jnp.float32):
    return jnp.zeros((1, *sizes, 1), dtype)


def assert_conv3d_equals_lax(size, taps, channels, strides, dilation):
    assert_same_with_gradients(
        lambda x, kernel: layers.conv3d(x, kernel, strides, dilation),
        lambda x, kernel: layers.conv3d_reference(x, kernel, strides, dilation),
        normal((2, *size, channels[0])),
        normal((*taps, *channels), seed=1),
    )


@pytest.mark.parametrize(("size", "taps", "channels", "strides", "dilation"), CONVOLUTIONS)
def test_conv3d_of_few_channels_equals_lax(size, taps, channels, strides, dilation):
    assert_conv3d_equals_lax(size, taps, channels, strides, dilation)


@pytest.mark.parametrize("most_stacked", [kernel_gradient.MOST_STACKED, 0])
@pytest.mark.parametrize(("size", "taps", "channels", "strides", "dilation"), CONVOLUTIONS)
def test_conv3d_of_many_channels_equals_lax(monkeypatch, wide, most_stacked, size, taps, channels, strides, dilation):
    monkeypatch.setattr(kernel_gradient, "MOST_STACKED", most_stacked)  # 0: taps are copied along one axis only
    assert_conv3d_equals_lax(size, taps, channels, strides, dilation)


WINOGRAD = [
    # size of x, stride in time, temporal taps, channels, rows or columns below which blocks are small
    *(((4, 6, 5), 1, taps, channels, 6) for taps in (1, 2, 3, 5) for channels in ((2, 5), (5, 2), (4, 4))),
    *((size, 1, 3, channels, 1) for size in ((1, 1, 2), (3, 7, 8)) for channels in ((2, 5), (5, 2))),
    *(((4, 5, 9), 2, taps, channels, 6) for taps in (2, 3) for channels in ((2, 5), (5, 2))),
    *(((5, 4, 3), 2, taps, channels, 6) for taps in (2, 3) for channels in ((2, 5), (5, 2))),
    *(((1, 2, 2), 3, taps, (2, 5), 100) for taps in (1, 5)),
    ((3, 7, 8), 1, 3, (4, 4), 100),
]


@pytest.mark.parametrize(("size", "stride", "taps", "channels", "small_axis"), WINOGRAD)
def test_winograd_equals_lax(monkeypatch, wide, size, stride, taps, channels, small_axis):
    monkeypatch.setattr(cpu_convolution, "MANY_POSITIONS", 0)
    for name in ("SMALL_AXIS", "SMALL_AXIS_OF_GRADIENT"):
        monkeypatch.setattr(winograd, name, small_axis)  # blocks of 4x4, of both kinds, of 2x2
    assert cpu_convolution.suits_winograd(shaped(size), (taps, 3, 3, *channels), (stride, 1, 1), (1, 1, 1))
    assert_conv3d_equals_lax(size, (taps, 3, 3), channels, (stride, 1, 1), (1, 1, 1))


@pytest.mark.parametrize(("size", "bound", "times_plain"), [(12, 1e-5, 4), (48, 4e-5, 20)])
def test_winograd_is_exact_enough(size, bound, times_plain):
    """The largest errors in standard deviations, of blocks of 2x2 and of 4x4, and beside the plain form's."""
    x, kernel, cotangent = (
        normal((1, 2, size, size, 48)),
        normal((3, 3, 3, 48, 32), seed=1),
        normal((1, 2, size, size, 32)),
    )

    def with_gradients(*arrays):
        y, transposed = jax.vjp(layers.conv3d_reference, *arrays[:2])
        return y, *transposed(arrays[2])

    with jax.enable_x64(True):
        exact = [np.asarray(y) for y in with_gradients(*(y.astype(jnp.float64) for y in (x, kernel, cotangent)))]
    own = (
        winograd.conv3d_by_winograd(x, kernel),
        winograd.input_gradient_by_winograd(cotangent, kernel, 2),
        winograd.kernel_gradient_by_winograd(x, cotangent, 3),
    )
    for y, plain, true in zip(own, with_gradients(x, kernel, cotangent), exact, strict=True):
        error, plain_error = (np.abs(np.asarray(values) - true).max() / true.std() for values in (y, plain))
        assert error < bound and error < times_plain * plain_error, (error, plain_error)


@pytest.mark.parametrize(("block", "taps"), [(1, 1), (1, 3), (2, 2), (2, 3), (4, 2), (4, 3)])
def test_minimal_filtering_equals_the_sums_of_its_definition(block, taps):
    rng, filtering = np.random.default_rng(0), minimal_filtering(block, taps)
    inputs, weights = rng.normal(size=block + taps - 1), rng.normal(size=taps)
    products = (np.array(filtering.taps) @ weights) * (np.array(filtering.inputs) @ inputs)
    outputs = np.array(filtering.outputs) @ products
    np.testing.assert_allclose(outputs, np.correlate(inputs, weights), atol=1e-12)
    with pytest.raises(ValueError, match="needs 7 products"):
        minimal_filtering(5, 3)


@pytest.mark.parametrize(
    ("sizes", "kernel", "strides", "dilation", "expected"),
    [
        ((4, 28, 28), (3, 3, 3, 400, 224), (1, 1, 1), (1, 1, 1), True),
        ((8, 56, 56), (3, 3, 3, 320, 64), (2, 1, 1), (1, 1, 1), True),
        ((8, 56, 56), (3, 3, 3, 320, 64), (1, 2, 2), (1, 1, 1), False),  # strided in space
        ((8, 56, 56), (3, 3, 3, 64, 48), (1, 1, 1), (1, 6, 6), False),  # dilated
        ((8, 56, 56), (3, 1, 1, 64, 48), (1, 1, 1), (1, 1, 1), False),
        ((4, 12, 12), (3, 3, 3, 160, 320), (1, 1, 1), (1, 1, 1), False),  # few positions
        ((8, 56, 56), (3, 3, 3, 32, 64), (1, 1, 1), (1, 1, 1), False),  # few channels
    ],
)
def test_large_maps_of_many_channels_take_winograds_form(sizes, kernel, strides, dilation, expected):
    assert cpu_convolution.suits_winograd(shaped(sizes), kernel, strides, dilation) == expected
    assert not cpu_convolution.suits_winograd(shaped(sizes, jnp.bfloat16), kernel, strides, dilation)


@pytest.mark.parametrize(
    ("sizes", "kernel", "strides", "expected"),
    [
        ((4, 14, 14), (3, 3, 3, 1024, 144), (1, 2, 2), False),  # few positions
        ((4, 28, 28), (3, 3, 3, 224, 96), (2, 2, 2), True),
        ((4, 12, 12), (3, 3, 3, 224, 96), (2, 2, 2), False),  # few positions
        ((4, 28, 28), (3, 3, 3, 56, 24), (2, 2, 2), False),  # few channels
        ((4, 28, 28), (1, 3, 3, 224, 96), (2, 2, 2), False),  # fewer taps than strides
        ((4, 28, 28), (3, 3, 3, 224, 96), (2, 1, 1), False),
        ((4, 28, 28), (3, 2, 2, 224, 96), (2, 2, 2), False),
    ],
)
def test_large_transposed_convolutions_take_winograds_form(sizes, kernel, strides, expected):
    assert cpu_convolution.transpose_suits_winograd(shaped(sizes), kernel, strides) == expected
    assert not cpu_convolution.transpose_suits_winograd(shaped(sizes, jnp.bfloat16), kernel, strides)


def test_bfloat16_takes_the_plain_sums():
    x, kernel = normal((1, 4, 16, 16, 64)), normal((3, 3, 3, 64, 64), seed=1) / 41
    expected = layers.conv3d_reference(x, kernel)
    y = layers.conv3d(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))
    assert y.dtype == jnp.bfloat16 and np.abs(y.astype(jnp.float32) - expected).max() < 0.05


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "dilation", "expected"),
    [
        ((4, 16, 16), (3, 3, 3, 32, 12), (1, 1, 1), (1, 1, 1), True),
        ((4, 16, 16), (3, 3, 3, 12, 4), (1, 1, 1), (1, 12, 12), True),
        ((4, 16, 16), (3, 3, 3, 80, 16), (2, 1, 1), (1, 1, 1), True),
        ((8, 64, 64), (7, 7, 7, 3, 16), (2, 2, 2), (1, 1, 1), True),
        ((8, 64, 64), (7, 7, 7, 3, 64), (2, 2, 2), (1, 1, 1), False),  # many outputs
        ((7, 64, 64), (7, 7, 7, 3, 16), (2, 2, 2), (1, 1, 1), False),  # no whole blocks of the stride
        ((8, 56, 56), (3, 3, 3, 64, 192), (1, 1, 1), (1, 1, 1), False),  # wide
        ((4, 16, 16), (1, 1, 1, 48, 8), (1, 1, 1), (1, 1, 1), False),  # a matrix product already
    ],
)
def test_narrow_convolutions_become_matrix_products(size, kernel, strides, dilation, expected):
    assert cpu_matmul.suits_matmul(size, kernel, strides, dilation) == expected


@pytest.mark.parametrize("strides", [(1, 2, 2), (2, 2, 2)])
@pytest.mark.parametrize(("size", "taps"), [((4, 6, 5), 3), ((1, 1, 2), 3), ((3, 7, 8), 2), ((2, 3, 4), 5)])
def test_transposed_winograd_equals_lax(monkeypatch, wide, size, taps, strides):
    monkeypatch.setattr(cpu_convolution, "MANY_POSITIONS", 0)
    assert cpu_convolution.transpose_suits_winograd(shaped(size), (taps, 3, 3, 4, 3), strides)
    for channels in ((4, 3), (2, 5)):
        assert_same_with_gradients(
            lambda x, kernel: layers.conv3d_transpose(x, kernel, strides),
            lambda x, kernel: layers.conv3d_transpose_reference(x, kernel, strides),
            normal((2, *size, channels[0])),
            normal((taps, 3, 3, *channels), seed=1),
        )
