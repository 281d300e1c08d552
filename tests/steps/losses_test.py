import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.steps import losses


def _maps(values, dtype=None):
    """A clip of one labelled frame, one row: [1, 1, 1, len(values)]."""
    return jnp.asarray(values, dtype)[None, None, None]


def _logits(probabilities):
    return jnp.log(jnp.asarray(probabilities, jnp.float32))[None, None, None]


def _on_device(loss, *arrays):
    return loss(*map(jnp.asarray, arrays))


def test_cross_entropy_is_the_mean_over_valid_pixels():
    logits = _logits([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    labels, valid = _maps([0, 0, 0]), _maps([True, True, False])
    expected = (np.log(2) + np.log(4)) / 2
    np.testing.assert_allclose(losses.cross_entropy(logits, labels, valid), [expected], rtol=1e-6)


def test_dice_by_hand():
    # p = (.5 .5), (.25 .75); g = (1 0), (0 1): overlap 1.25, squares .5 + .625, truth 2.
    logits = _logits([[0.5, 0.5], [0.25, 0.75]])
    value = losses.generalised_dice(logits, _maps([0, 1]), _maps([True, True]))
    np.testing.assert_allclose(value, [1 - 2 * 1.25 / (1.125 + 2)], rtol=1e-6)


def test_dice_is_one_ratio_over_all_classes_and_frames():
    # Two frames in one clip: sums are added before the division, so the value is not the mean of two ratios.
    logits = jnp.concatenate([_logits([[0.5, 0.5]]), _logits([[0.25, 0.75]])], axis=1)
    labels = jnp.concatenate([_maps([0]), _maps([1])], axis=1)
    value = losses.generalised_dice(logits, labels, jnp.ones((1, 2, 1, 1), bool))
    np.testing.assert_allclose(value, [1 - 2 * 1.25 / (1.125 + 2)], rtol=1e-6)
    mean_of_ratios = np.mean([1 - 2 * 0.5 / 1.5, 1 - 2 * 0.75 / 1.625])
    assert abs(float(value[0]) - mean_of_ratios) > 1e-3


def test_dice_of_perfect_and_disjoint_answers():
    sure = 100 * jax.nn.one_hot(jnp.array([0, 1, 2]), 3)[None, None, None]
    valid = _maps([True] * 3)
    np.testing.assert_allclose(losses.generalised_dice(sure, _maps([0, 1, 2]), valid), [0.0], atol=1e-6)
    np.testing.assert_allclose(losses.generalised_dice(sure, _maps([1, 2, 0]), valid), [1.0], atol=1e-6)


def test_segmentation_loss_and_its_gradient_are_those_of_its_parts():
    rng = np.random.default_rng(0)
    logits = jnp.asarray(3 * rng.normal(size=(4, 2, 3, 5, 4)), jnp.float32).at[3, 0, 0, 0, 1].set(200.0)
    logits = logits.at[0, 0, 0, :2].add(-300.0)  # where no class is true
    labels = jnp.asarray(rng.integers(0, 4, (4, 2, 3, 5)), jnp.uint8).at[0, 0, 0, :2].set(255).at[1, 0].set(255)
    valid = jnp.asarray(rng.uniform(size=labels.shape) < 0.7).at[2].set(False)  # some of them without a class
    assert bool((valid & (labels == 255)).any())
    weights = jnp.arange(1.0, 5.0)

    def of_parts(logits):
        parts = losses.cross_entropy(logits, labels, valid), losses.generalised_dice(logits, labels, valid)
        return jnp.sum(weights * sum(parts))

    def whole(logits):
        return jnp.sum(weights * losses.segmentation_loss(logits, labels, valid))

    value, gradient = jax.value_and_grad(whole)(logits)
    expected, expected_gradient = jax.value_and_grad(of_parts)(logits)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-6)
    assert float(jnp.abs(expected_gradient).max()) > 0.01 and not gradient[2].any()


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.generalised_dice, losses.segmentation_loss])
def test_a_masked_pixel_equals_a_deleted_one(loss):
    logits = jax.random.normal(jax.random.key(0), (2, 1, 1, 5, 3))
    labels = jnp.array([0, 1, 2, 1, 255])[None, None, None].repeat(2, 0)
    valid = labels != 255
    whole = loss(logits, labels, valid)
    deleted = loss(logits[..., :4, :], labels[..., :4], valid[..., :4])
    np.testing.assert_allclose(whole, deleted, rtol=1e-6)
    other = loss(logits.at[..., 4, :].set(9.0), labels, valid)
    np.testing.assert_allclose(whole, other, rtol=1e-6)


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.generalised_dice])
def test_a_clip_without_labels_has_loss_and_gradient_zero(loss):
    logits = jax.random.normal(jax.random.key(0), (1, 1, 1, 4, 3))
    labels, valid = _maps([255] * 4), _maps([False] * 4)
    value, gradient = jax.value_and_grad(lambda x: loss(x, labels, valid)[0])(logits)
    assert float(value) == 0.0
    np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


def test_absent_classes_and_extreme_logits_have_finite_gradients():
    logits = jnp.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]])[None, None, None]
    gradient = jax.grad(lambda x: losses.segmentation_loss(x, _maps([1, 1]), _maps([True, True]))[0])(logits)
    assert bool(jnp.isfinite(gradient).all())


def test_segmentation_loss_is_cross_entropy_plus_dice():
    logits = jax.random.normal(jax.random.key(1), (1, 2, 3, 4, 5))
    labels = jax.random.randint(jax.random.key(2), (1, 2, 3, 4), 0, 5)
    valid = jnp.ones(labels.shape, bool)
    parts = losses.cross_entropy(logits, labels, valid) + losses.generalised_dice(logits, labels, valid)
    np.testing.assert_allclose(losses.segmentation_loss(logits, labels, valid), parts, rtol=1e-6)


def test_balanced_cross_entropy_by_hand():
    # Two classes; class 0 on one of four pixels, class 1 nowhere. log-odds 0: every -log is log 2.
    truth = np.zeros((1, 1, 2, 2, 2), bool)
    truth[0, 0, 0, 0, 0] = True
    logits = np.zeros(truth.shape, np.float32)
    valid = np.ones((1, 1, 2, 2), bool)
    np.testing.assert_allclose(_on_device(losses.balanced_cross_entropy, logits, truth, valid), [np.log(2)], rtol=1e-6)
    # p = 3/4 on class 0's pixel, 1/4 for class 0 on the other three, 1/2 for class 1: both halves over their classes.
    logits[..., 0] = np.where(truth[..., 0], np.log(3), -np.log(3))
    present, absent = -np.log(0.75), np.mean([-np.log(0.75), -np.log(0.5)])
    expected = 0.5 * (present + absent)
    np.testing.assert_allclose(_on_device(losses.balanced_cross_entropy, logits, truth, valid), [expected], rtol=1e-6)
    # A pixel that is not valid changes nothing.
    logits[0, 0, 1, 1] = 50
    valid[0, 0, 1, 1] = False
    np.testing.assert_allclose(_on_device(losses.balanced_cross_entropy, logits, truth, valid), [expected], rtol=1e-6)


def test_multilabel_dice_by_hand():
    truth = np.zeros((2, 1, 1, 2, 2), bool)
    truth[0, 0, 0, 0] = True  # both classes on the first pixel; the second clip has none at all
    logits = np.zeros(truth.shape, np.float32)
    valid = np.ones((2, 1, 1, 2), bool)
    # p = 1/2 four times: overlap 1, sum of squares 1, two labels.
    np.testing.assert_allclose(
        _on_device(losses.multilabel_dice, logits, truth, valid), [1 - 2 * 1 / (1 + 2), 0], atol=1e-6
    )
    valid[0, 0, 0, 1] = False
    np.testing.assert_allclose(
        _on_device(losses.multilabel_dice, logits, truth, valid), [1 - 2 * 1 / (0.5 + 2), 0], atol=1e-6
    )
    total = _on_device(losses.multilabel_loss, logits, truth, valid)
    np.testing.assert_allclose(total[1], 0.5 * np.log(2), rtol=1e-6)
