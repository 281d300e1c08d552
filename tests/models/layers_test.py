import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.models import layers
from ssa2d_jax.models.lowering import Lowering, current_lowering, use_lowering
from tests.fixtures.same_as_reference import assert_same_with_gradients, normal


def distinct(shape):
    """Values no two of which are equal, so that no maximum ties."""
    return jnp.asarray(np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 100, jnp.float32)


@pytest.mark.parametrize("strides", [(1, 2, 2), (2, 2, 2), (1, 1, 1), (2, 1, 3)])
@pytest.mark.parametrize(("size", "taps"), [((4, 6, 4), (3, 3, 3)), ((3, 1, 5), (3, 3, 3)), ((2, 3, 4), (1, 2, 4))])
def test_conv3d_transpose_equals_lax(size, taps, strides):
    assert_same_with_gradients(
        lambda x, kernel: layers.conv3d_transpose(x, kernel, strides),
        lambda x, kernel: layers.conv3d_transpose_reference(x, kernel, strides),
        normal((2, *size, 4)),
        normal((*taps, 4, 3), seed=1),
    )


def test_conv3d_transpose_by_hand():
    x = jnp.asarray([1.0, 10.0]).reshape(1, 1, 1, 2, 1)
    kernel = jnp.asarray([2.0, 3.0, 5.0]).reshape(1, 1, 3, 1, 1)
    # even outputs: kernel[0] * previous + kernel[2] * own; odd outputs: kernel[1] * own
    np.testing.assert_allclose(layers.conv3d_transpose(x, kernel, (1, 1, 2)).ravel(), [5, 3, 52, 30])


@pytest.mark.parametrize(
    ("size", "window", "strides"),
    [
        ((4, 6, 5), (3, 3, 3), (1, 1, 1)),
        ((8, 6, 7), (3, 3, 3), (2, 2, 2)),
        ((5, 8, 9), (1, 3, 3), (1, 2, 2)),
        ((6, 3, 3), (2, 1, 1), (2, 1, 1)),
        ((5, 3, 3), (2, 2, 2), (2, 3, 1)),
    ],
)
def test_max_pool3d_equals_lax(size, window, strides):
    x = distinct((2, *size, 3)) - 5  # many are negative: padding with 0 would show
    assert_same_with_gradients(
        lambda x: layers.max_pool3d(x, window, strides),
        lambda x: layers.max_pool3d_reference(x, window, strides),
        x,
    )


def test_max_pool3d_shares_the_gradient_among_ties():
    x = jnp.zeros((1, 3, 3, 3, 1))
    with use_lowering(Lowering.CPU):
        gradient = jax.grad(lambda x: layers.max_pool3d(x, (3, 3, 3), (3, 3, 3)).sum())(x)
    assert gradient.min() > 0
    np.testing.assert_allclose(gradient.sum(), 1, rtol=1e-6)


def test_max_pool3d_passes_nan_on():
    x = jnp.zeros((1, 3, 3, 3, 1)).at[0, 1, 1, 1, 0].set(jnp.nan)
    assert jnp.isnan(layers.max_pool3d(x, (3, 3, 3), (1, 1, 1))).all()


def test_interpolation_matrix_by_hand():
    expected = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    np.testing.assert_allclose(layers.interpolation_matrix(4, 2), expected)


@pytest.mark.parametrize(("size", "size_in"), [(8, 4), (7, 3), (14, 14), (224, 56), (5, 1)])
def test_interpolation_matrix_equals_image_resize(size, size_in):
    matrix = layers.interpolation_matrix(size, size_in)
    assert matrix.dtype == np.float32 and matrix.shape == (size, size_in)
    np.testing.assert_allclose(matrix.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(matrix, jax.image.resize(np.eye(size_in), (size, size_in), "linear"), atol=1e-5)


def test_upsample_linear_equals_image_resize():
    assert_same_with_gradients(
        lambda x: layers.upsample_linear(x, (4, 7, 8)),
        lambda x: jax.image.resize(x, (2, 4, 7, 8, 3), "linear"),
        normal((2, 2, 5, 4, 3)),
    )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_modules_keep_float32_parameters_and_compute_in_their_dtype(dtype):
    x = normal((1, 4, 6, 6, 3))
    conv = layers.Conv3d(5, (3, 3, 3), use_bias=True, dtype=dtype)
    variables = conv.init(jax.random.key(0), x)
    assert variables["params"]["kernel"].shape == (3, 3, 3, 3, 5)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    variables = {"params": {**variables["params"], "bias": jnp.arange(5.0)}}
    y = conv.apply(variables, x)
    assert y.dtype == dtype
    expected = layers.conv3d_reference(x, variables["params"]["kernel"]) + jnp.arange(5.0)
    np.testing.assert_allclose(y.astype(jnp.float32), expected, atol=1e-5 if dtype == jnp.float32 else 0.05)

    deconv = layers.ConvTranspose3d(2, strides=(2, 1, 2), dtype=dtype)
    variables = deconv.init(jax.random.key(0), x)
    assert list(variables["params"]) == ["kernel"]
    y = deconv.apply(variables, x)
    assert y.shape == (1, 8, 6, 12, 2) and y.dtype == dtype
    gradient = jax.grad(lambda v: deconv.apply(v, x).astype(jnp.float32).sum())(variables)
    assert gradient["params"]["kernel"].dtype == jnp.float32
    assert layers.max_pool3d(y, (3, 3, 3), (1, 1, 1)).dtype == dtype
    assert layers.upsample_linear(y, (8, 12, 12)).dtype == dtype


def test_fresh_kernels_see_single_frames():
    x = normal((1, 6, 4, 4, 2))
    conv = layers.Conv3d(8, (3, 3, 3))
    variables = conv.init(jax.random.key(0), x)
    apart = jnp.concatenate([conv.apply(variables, x[:, t : t + 1]) for t in range(6)], axis=1)
    np.testing.assert_allclose(conv.apply(variables, x), apart, atol=1e-5)
    kernel = variables["params"]["kernel"]
    assert kernel.shape == (3, 3, 3, 2, 8) and not kernel[::2].any()
    np.testing.assert_allclose(kernel[1].std(), (9 * 2) ** -0.5, rtol=0.2)  # LeCun's, of the 2-D kernel


def test_fresh_transposed_kernels_interpolate_in_time():
    deconv = layers.ConvTranspose3d(1, strides=(2, 1, 1))
    x = jnp.broadcast_to(jnp.arange(5.0)[None, :, None, None, None], (1, 5, 3, 3, 1))
    y = deconv.apply(deconv.init(jax.random.key(0), x), x)[0, :, 1, 1, 0]
    steps = np.diff(np.asarray(y))[2:-2]
    np.testing.assert_allclose(steps, np.full_like(steps, steps[0]), rtol=1e-4)
    assert abs(steps[0]) > 0


def convolved_ranks(function, *arrays):
    """Ranks of the arrays that the convolutions in `function` work on."""
    text = jax.jit(function).lower(*arrays).as_text()
    lines = [line for line in text.splitlines() if "stablehlo.convolution" in line]
    return {line.split("-> tensor<")[1].count("x") for line in lines}


@pytest.mark.parametrize(("platform", "rank"), [("cpu", 4), ("cuda", 5)])
def test_the_platform_decides_the_lowering(platform, rank):
    x, kernel = normal((1, 4, 6, 6, 48)), normal((3, 3, 3, 48, 48))  # wide
    gradient = lambda op: jax.grad(lambda x, kernel: op(x, kernel).sum(), (0, 1))
    with use_lowering(Lowering.for_platform(platform)):
        assert convolved_ranks(gradient(layers.conv3d), x, kernel) == {rank}
        assert convolved_ranks(gradient(lambda x, k: layers.conv3d_transpose(x, k, (2, 2, 2))), x, kernel) == {rank}
        pooled = jax.jit(lambda x: layers.max_pool3d(x, (3, 3, 3), (1, 1, 1))).lower(x).as_text()
    assert ("reduce_window" in pooled) != (platform == "cpu")


def test_the_default_backend_decides_the_current_lowering():
    own = Lowering.CPU if jax.devices()[0].platform == "cpu" else Lowering.PLAIN
    assert current_lowering() is own
    with use_lowering(Lowering.PLAIN):
        assert current_lowering() is Lowering.PLAIN
        with use_lowering(Lowering.CPU):
            assert current_lowering() is Lowering.CPU
    assert current_lowering() is own


def test_a_narrow_convolution_is_a_matmul_on_cpus_alone():
    x, kernel = normal((1, 4, 6, 6, 3)), normal((3, 3, 3, 3, 2))
    for lowering, ranks in ((Lowering.CPU, set()), (Lowering.PLAIN, {5})):
        with use_lowering(lowering):
            assert convolved_ranks(lambda x, kernel: layers.conv3d(x, kernel), x, kernel) == ranks


def test_pointwise_convolution_is_a_matmul():
    assert convolved_ranks(layers.conv3d, normal((1, 4, 6, 6, 3)), normal((1, 1, 1, 3, 2))) == set()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.conv3d(jnp.ones((2, 3, 3, 4)), jnp.ones((1, 1, 1, 4, 2))), r"shape \(2, 3, 3, 4\)"),
        (lambda: layers.conv3d(jnp.ones((1, 2, 3, 3, 4)), jnp.ones((3, 3, 3, 5, 2))), r"kt, kh, kw, 4, Cout"),
        (
            lambda: layers.conv3d_transpose(jnp.ones((1, 2, 3, 3, 4)), jnp.ones((3, 3, 3, 4, 2)), (2, 2)),
            "three",
        ),
        (lambda: layers.max_pool3d(jnp.ones((1, 2, 3, 3, 4)), (3, 3, 3), (0, 1, 1)), "from 1 up"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
