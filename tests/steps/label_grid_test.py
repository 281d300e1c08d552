import jax
import jax.numpy as jnp
import numpy as np

from ssa2d_jax.data.label_space import A2D, IGNORE
from ssa2d_jax.steps import label_grid


def _batch(actor, *, frames=16, size=None, label_time=None, label_valid=None):
    """A batch round label maps [B, L, h, w]; the network's input has `size` (default: the maps' own)."""
    actor = jnp.asarray(actor, jnp.uint8)
    count, labelled, height, width = actor.shape
    size = size or (height, width)
    return {
        "video": jnp.zeros((count, frames, *size, 3), jnp.uint8),
        "label_time": jnp.asarray(label_time if label_time is not None else [[0] * labelled] * count, jnp.int32),
        "label_valid": jnp.asarray(label_valid if label_valid is not None else [[True] * labelled] * count),
        "label_size": jnp.asarray([[height, width]] * count, jnp.int32),
        "actor": actor,
        "action": actor,
        "clip_valid": jnp.ones(count, bool),
    }


def test_linear_weights_by_hand():
    weights = label_grid.linear_weights(jnp.array([-1.0, 0.0, 0.25, 1.5, 9.0]), 3)
    expected = [[1, 0, 0], [1, 0, 0], [0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 1]]
    np.testing.assert_allclose(weights, expected)


def test_time_weights_meet_the_eight_output_times():
    # 16 frames, 8 cells: frame 0 lies a quarter cell before the first centre, frame 1 a quarter after it.
    weights = label_grid.time_weights(jnp.array([[0, 1, 2, 15]]), 16, 8)[0]
    np.testing.assert_allclose(weights[0], [1, 0, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(weights[1], [0.75, 0.25, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(weights[2], [0.25, 0.75, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(weights[3], [0, 0, 0, 0, 0, 0, 0, 1])


def test_resampling_equals_image_resize_at_the_inputs_size_and_at_every_frame():
    logits = jax.random.normal(jax.random.key(0), (2, 8, 4, 6, 3))
    batch = _batch(np.zeros((2, 8, 16, 24)), label_time=[list(range(8)), list(range(15, 7, -1))])
    whole = jax.image.resize(logits, (2, 16, 16, 24, 3), "linear")
    expected = jnp.take_along_axis(whole, batch["label_time"][:, :, None, None, None], axis=1)
    np.testing.assert_allclose(label_grid.resample_to_labels(logits, batch), expected, atol=1e-5)


def test_resampling_of_unequal_sizes_ignores_the_padding():
    logits = jax.random.normal(jax.random.key(0), (2, 8, 4, 4, 2))
    batch = _batch(np.zeros((2, 1, 40, 50)), size=(16, 16))
    batch["label_size"] = jnp.array([[40, 50], [20, 30]])
    result = label_grid.resample_to_labels(logits, batch)
    pixels = jax.image.resize(logits[:, 0], (2, 16, 16, 2), "linear")
    large = jax.image.resize(pixels[0], (40, 50, 2), "linear")
    small = jax.image.resize(pixels[1], (20, 30, 2), "linear")
    np.testing.assert_allclose(result[0, 0], large, atol=1e-5)
    np.testing.assert_allclose(result[1, 0, :20, :30], small, atol=1e-5)


def test_valid_pixels_leave_out_ignored_padded_and_invalid():
    actor = np.array([[[[1, IGNORE]], [[2, 0]]], [[[1, 1]], [[1, 1]]]])
    batch = _batch(actor, label_valid=[[True, False], [True, True]])
    batch["clip_valid"] = jnp.array([True, False])
    valid = label_grid.valid_pixel_mask(batch["actor"], batch)
    np.testing.assert_array_equal(valid, [[[[True, False]], [[False, False]]], [[[False, False]]] * 2])


def test_foreground_is_where_actors_are_annotated():
    batch = _batch([[[[0, 1, 7, IGNORE]]]])
    np.testing.assert_array_equal(label_grid.foreground_labels(batch)[0, 0, 0], [0, 1, 1, IGNORE])


def test_mask_target_is_known_where_a_labelled_frame_is_read_from():
    actor = np.zeros((1, 1, 8, 8))
    actor[..., :4, :4] = 3  # the first of 2 x 2 cells
    actor[..., 4:, 4:6] = 2  # half of the last
    batch = _batch(actor, label_time=[[1]])
    # Frame 1 of 16 lies 1/8 of a cell before the centre of the first of four cells: cell 0 alone.
    target, known = label_grid.mask_target(batch, (4, 2, 2))
    np.testing.assert_allclose(target[0, 0], [[1, 0], [0, 0.5]])
    np.testing.assert_array_equal(known[0, :, 0, 0], [True, False, False, False])


def test_mask_target_averages_labelled_frames_by_their_weight_and_skips_ignored_cells():
    actor = np.zeros((1, 2, 4, 4))
    actor[0, 0] = 1
    actor[0, 0, 0, 0] = IGNORE
    batch = _batch(actor, label_time=[[3, 4]])
    # Frames 3 and 4 lie 3/8 and 5/8 of the way from cell 0 to cell 1.
    target, known = label_grid.mask_target(batch, (4, 2, 2))
    np.testing.assert_allclose(target[0, 0, 1, 1], (5 / 8) / (5 / 8 + 3 / 8), rtol=1e-6)
    np.testing.assert_allclose(target[0, 1, 1, 1], (3 / 8) / (3 / 8 + 5 / 8), rtol=1e-6)
    np.testing.assert_allclose(target[0, 0, 0, 0], 0.0)  # only the second frame is whole there
    assert bool(known[0, 0, 0, 0]) and not bool(known[0, 2].any())


def test_joint_decision_is_the_best_valid_pair():
    logits = jax.random.normal(jax.random.key(0), (50, 8)), jax.random.normal(jax.random.key(1), (50, 10))
    actor, action = (np.asarray(jax.nn.log_softmax(x)) for x in logits)
    expected = []
    for i in range(50):
        sums = [actor[i, 0] + action[i, 0]] + [actor[i, a] + action[i, b] for a, b in A2D.pairs]
        expected.append(int(np.argmax(sums)))
    np.testing.assert_array_equal(label_grid.joint_decision(*logits, A2D), expected)


def test_joint_decision_never_takes_an_invalid_pair():
    # baby (2) and flying (4) win on their own, but no baby flies.
    actor, action = jnp.zeros(8).at[2].set(9.0), jnp.zeros(10).at[4].set(9.0)
    joint = int(label_grid.joint_decision(actor, action, A2D))
    assert joint > 0
    assert (A2D.pair_actor[joint], A2D.pair_action[joint]) in A2D.pairs


def test_joint_labels_by_hand():
    actor = jnp.array([0, 1, 7, IGNORE, 2], jnp.uint8)
    action = jnp.array([0, 1, 9, 1, 4], jnp.uint8)
    np.testing.assert_array_equal(label_grid.joint_labels(actor, action, A2D), [0, 1, 43, IGNORE, IGNORE])


def test_joint_decision_takes_no_pair_that_was_not_learned():
    logits = jax.random.normal(jax.random.key(0), (50, 8)), jax.random.normal(jax.random.key(1), (50, 10))
    taught = A2D.taught(A2D.pairs[::4])
    actor, action = (np.asarray(jax.nn.log_softmax(x)) for x in logits)
    scores = actor[:, A2D.pair_actor] + action[:, A2D.pair_action]
    chosen = [0, *taught.choices]
    expected = np.array(chosen)[scores[:, chosen].argmax(1)]
    np.testing.assert_array_equal(label_grid.joint_decision(*logits, taught), expected)
    assert (expected != label_grid.joint_decision(*logits, A2D)).any()
