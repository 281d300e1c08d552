from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.models.decoder import Decoder
from ssa2d_jax.models.i3d import I3D
from ssa2d_jax.models.ssa2d import SSA2D, coarse_mask
from ssa2d_jax.steps.label_grid import joint_decision

toy = partial(SSA2D, classes=(8, 10), encoder_width=0.0625, decoder_width=0.0625)
branches = partial(toy, encoder="pooled")  # where the decoders and heads matter: it compiles sooner


def _random(model, *inputs):
    """Random variables, without compiling the network; variances from 0.5 up."""
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), *inputs))
    rng, variables = np.random.default_rng(0), {}
    for name, leaf in flatten_dict(shapes).items():
        values = rng.standard_normal(leaf.shape, np.float32)
        if name[-1] == "kernel":
            values /= np.sqrt(np.prod(leaf.shape[:-1]))
        variables[name] = np.abs(values) + 0.5 if name[-1] == "var" else values
    return unflatten_dict(variables)


def _init(model):
    """Random variables and a random video."""
    video = jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))
    return _random(model, video), video


def _count(tree):
    return sum(x.size for x in jax.tree.leaves(tree))


def test_the_papers_model_has_35_million_parameters():
    shapes = jax.eval_shape(lambda: SSA2D(classes=(8, 10)).init(jax.random.key(0), jnp.zeros((1, 16, 224, 224, 3))))
    assert _count(shapes["params"]) == 35_095_428
    assert abs(_count(shapes["params"]) / 35e6 - 1) < 0.02


def test_the_papers_output_shapes():
    model = SSA2D(classes=(8, 10))
    video = jnp.zeros((1, 16, 224, 224, 3))
    outputs = jax.eval_shape(lambda: model.init_with_output(jax.random.key(0), video)[0])
    assert outputs.mask.shape == (1, 8, 112, 112, 2)
    assert outputs.actor.shape == (1, 8, 56, 56, 8)
    assert outputs.action.shape == (1, 8, 56, 56, 10)


@pytest.mark.parametrize(("frames", "height", "width"), [(4, 16, 16), (8, 48, 32), (12, 16, 80), (20, 32, 16)])
def test_any_length_divisible_by_4_and_size_by_16(frames, height, width):
    model = toy()
    outputs = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), jnp.zeros((2, frames, height, width, 3)))[0]
    )
    assert outputs.actor.shape == (2, frames // 2, height // 4, width // 4, 8)
    assert outputs.action.shape == (2, frames // 2, height // 4, width // 4, 10)
    assert outputs.mask.shape == (2, frames // 2, height // 2, width // 2, 2)


@pytest.mark.parametrize(
    "shape", [(1, 6, 32, 32, 3), (1, 4, 40, 32, 3), (1, 4, 32, 32, 2), (4, 32, 32, 3), (1, 0, 32, 32, 3)]
)
def test_other_shapes_are_refused_with_what_is_allowed(shape):
    with pytest.raises(ValueError, match="T divisible by 4, H and W by 16"):
        toy().init(jax.random.key(0), jnp.zeros(shape))


def test_decoders_share_nothing():
    variables, _ = _init(branches())
    names = set(variables["params"])
    assert {"encoder", "mask_decoder", "actor_decoder", "action_decoder"} <= names
    sizes = {_count(variables["params"][f"{kind}_decoder"]) for kind in ("mask", "actor", "action")}
    assert len(sizes) == 1


def _gradient_reaches(model, branch, decoder):
    """Whether the loss of `branch` moves the weights of `decoder`."""
    variables, video = _init(model)
    params = variables["params"]
    name = f"{decoder}_decoder"

    def total(weights):
        outputs = model.apply(variables | {"params": params | {name: weights}}, video)
        return jnp.sum(getattr(outputs, branch) ** 2)

    gradient = jax.jit(jax.grad(total))(params[name])
    return any(float(jnp.abs(g).max()) > 0 for g in jax.tree.leaves(gradient))


@pytest.mark.parametrize(("prior", "reaches"), [("concat", True), ("add", True), ("off", False)])
def test_actor_prior_carries_the_actor_branch_into_the_action_branch(prior, reaches):
    model = branches(actor_prior=prior)
    assert _gradient_reaches(model, "action", "actor") is reaches
    assert not _gradient_reaches(model, "actor", "action")


def test_action_loss_does_not_reach_the_mask_branch():
    assert not _gradient_reaches(branches(), "action", "mask")
    assert _gradient_reaches(branches(), "mask", "mask")


def test_each_switch_changes_the_parameters_as_it_should():
    def count_of(**fields):
        video = jnp.zeros((1, 4, 32, 32, 3))
        model = SSA2D(**dict(classes=(8, 10), encoder="pooled", encoder_width=0.0625, decoder_width=0.0625) | fields)
        return _count(jax.eval_shape(lambda: model.init(jax.random.key(0), video)["params"]))

    count = {
        "full": count_of(),
        "add": count_of(actor_prior="add"),
        "off": count_of(actor_prior="off"),
        "unmasked": count_of(ssa_masking=False),
        "no_atrous": count_of(atrous=False),
        "single_scale": count_of(multi_scale=False),
    }
    assert count["add"] == count["off"] < count["full"]
    assert count["unmasked"] == count["full"] - 4 * 10  # the action head loses one of its two inputs of 4 channels
    assert count["no_atrous"] == count["full"]
    assert count["single_scale"] < count["full"]
    assert count_of(encoder="i3d", temporal_kernels=False) < count_of(encoder="i3d")


def test_atrous_rates_reach_further():
    # A skip from the stem with one pixel set, all else constant: what reaches the pyramid is a patch of 3 x 3 cells.
    shapes = {"Mixed_5c": (1, 1, 4, 4, 8), "Mixed_3c": (1, 2, 8, 8, 8), "Conv3d_2c_3x3": (1, 2, 16, 16, 8)}
    flat = {name: jnp.ones(shape) for name, shape in shapes.items()}
    dot = flat | {"Conv3d_2c_3x3": flat["Conv3d_2c_3x3"].at[:, :, 8, 8].set(100.0)}

    def touched(atrous):
        decoder = Decoder(1.0, atrous, multi_scale=False)
        variables = jax.jit(decoder.init)(jax.random.key(0), flat)
        forward = jax.jit(lambda x: decoder.apply(variables, x))
        moved = jnp.abs(forward(dot) - forward(flat)).max((0, 1, 4)) > 1e-7
        return moved.any(1).nonzero()[0].tolist()

    assert touched(False) == list(range(6, 11))
    assert touched(True)[0] == 0 and touched(True)[-1] == 15


def test_coarse_mask_is_the_mean_foreground_probability():
    logits = jnp.zeros((1, 2, 4, 4, 2)).at[0, :, :2, :2, 1].set(50.0).at[0, 0, 2:, 2:, 1].set(50.0)
    np.testing.assert_allclose(coarse_mask(logits)[0, 0], [[1.0, 0.5], [0.5, 0.75]], atol=1e-6)


def test_known_truth_replaces_the_mask_in_ssa_masking():
    def actions(model):
        """The action logits with the model's own mask, and as a function of a truth that is known or not."""
        variables, video = _init(model)
        action = jax.jit(lambda *truth: model.apply(variables, video, None, *truth).action)
        return action(), lambda truth, known: action(jnp.full((1, 1, 8, 8), truth), jnp.full((1, 1, 8, 8), known))

    own, action = actions(branches())
    np.testing.assert_allclose(action(1.0, False), own, rtol=1e-5, atol=1e-6)
    assert float(jnp.abs(action(1.0, True) - action(0.0, True)).max()) > 1e-3
    own, action = actions(branches(ssa_masking=False))
    np.testing.assert_allclose(action(1.0, True), own, rtol=1e-5, atol=1e-6)


def test_bfloat16_keeps_parameters_and_logits_in_float32():
    model = branches(dtype=jnp.bfloat16)
    variables, video = _init(model)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), video))
    assert {x.dtype for x in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    outputs = jax.jit(model.apply)(variables, video)
    assert outputs.actor.dtype == outputs.action.dtype == outputs.mask.dtype == jnp.float32
    exact = jax.jit(branches().apply)(variables, video)
    assert float(jnp.abs(outputs.actor - exact.actor).max()) < 0.1 * float(jnp.abs(exact.actor).max())
    assert (outputs.actor != exact.actor).any()


def test_the_temporal_control_sees_no_motion_in_its_encoder():
    # With every temporal kernel one frame long, the encoder's output at a time depends on few frames alone.

    video = jnp.zeros((1, 16, 32, 32, 3))
    moved = video.at[:, 15].set(5.0)
    for temporal, first_changes in ((True, True), (False, False)):
        encoder = I3D(0.0625, temporal)
        variables = _random(encoder, video)
        forward = jax.jit(lambda x: encoder.apply(variables, x)["Mixed_5c"])  # noqa: B023
        change = forward(moved) - forward(video)
        early = float(jnp.abs(change[:, :2]).max())
        assert (early > 0) is first_changes


@pytest.mark.parametrize("decoders", [True, False])
def test_without_any_temporal_kernel_the_first_output_sees_one_frame(decoders):
    video = jax.random.normal(jax.random.key(1), (1, 8, 32, 32, 3))
    model = toy(temporal_kernels=False, decoder_temporal_kernels=decoders)
    variables, _ = _init(model)  # fresh kernels would be one frame's, whatever their length
    total = lambda video: jnp.sum(model.apply(variables, video).mask[:, 0] ** 2)
    seen = jnp.abs(jax.jit(jax.grad(total))(video)).max((0, 2, 3, 4)).nonzero()[0].tolist()
    assert (seen == [0]) is not decoders


def test_two_streams_have_55_million_parameters_and_the_same_outputs():
    model, video = SSA2D(classes=(8, 10), flow=True), jnp.zeros((1, 16, 224, 224, 3))
    init = lambda: model.init_with_output(jax.random.key(0), video, jnp.zeros((1, 16, 224, 224, 2)))  # noqa: E731
    outputs, variables = jax.eval_shape(init)
    assert _count(variables["params"]) == 55_075_204
    assert abs(_count(variables["params"]) / 55e6 - 1) < 0.02
    shapes = [(1, 8, 56, 56, 8), (1, 8, 56, 56, 10), (1, 8, 112, 112, 2)]
    assert [outputs.actor.shape, outputs.action.shape, outputs.mask.shape] == shapes


def test_streams_have_trunks_of_their_own_and_share_the_last_two_blocks():
    encoder = I3D(width=0.0625)
    video, flow = jax.random.normal(jax.random.key(0), (2, 4, 32, 32, 3)), jnp.ones((2, 4, 32, 32, 2))
    variables = _random(encoder, video, flow)
    params = variables["params"]
    assert set(params) == {"rgb", "flow", "Mixed_5b", "Mixed_5c"}
    assert set(params["rgb"]) == set(params["flow"])
    assert params["rgb"]["Conv3d_1a_7x7"]["conv_3d"]["kernel"].shape[3] == 3
    assert params["flow"]["Conv3d_1a_7x7"]["conv_3d"]["kernel"].shape[3] == 2
    both = jax.jit(encoder.apply)(variables, video, flow)
    alone = jax.jit(encoder.apply)(variables, video)
    for name, endpoint in both.items():
        channels = alone[name].shape[-1]
        assert endpoint.shape == (*alone[name].shape[:-1], 2 * channels)
        # RGB comes first and is untouched by flow.
        np.testing.assert_allclose(endpoint[..., :channels], alone[name], rtol=1e-4, atol=1e-5)
    # The flow stream goes through the very same blocks: put RGB's trunk in its place, and it gives RGB's answer.
    swapped = {"params": params | {"rgb": params["flow"]}, "batch_stats": variables["batch_stats"]
               | {"rgb": variables["batch_stats"]["flow"]}}  # fmt: skip
    flow_alone = jax.jit(encoder.apply)(swapped, flow)
    np.testing.assert_allclose(both["Mixed_5c"][..., flow_alone["Mixed_5c"].shape[-1] :], flow_alone["Mixed_5c"],
                               rtol=1e-4, atol=1e-5)  # fmt: skip


def test_flow_is_given_exactly_if_there_are_two_streams():
    video, flow = jnp.zeros((1, 4, 32, 32, 3)), jnp.zeros((1, 4, 32, 32, 2))
    with pytest.raises(ValueError, match="no flow stream, flow was given"):
        toy().init(jax.random.key(0), video, flow)
    with pytest.raises(ValueError, match="two streams, flow was not given"):
        toy(flow=True).init(jax.random.key(0), video)
    with pytest.raises(ValueError, match=r"must be \(1, 4, 32, 32, 2\)"):
        toy(flow=True).init(jax.random.key(0), video, flow[:, :2])


@pytest.fixture(scope="module")
def case():
    """Variables of a new network and a video."""
    video = jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))
    return jax.jit(branches().init)(jax.random.key(0), video), video


def _voted(case, train=False, **fields):
    variables, video = case
    model = branches(**fields)
    if train:
        return model.apply(variables, video, train=True, mutable=["batch_stats"])[0]
    return model.apply(variables, video)


def test_a_joint_decision_multiplies_the_probabilities_of_three_branches(case):
    plain, voted = _voted(case), _voted(case, mask_vote=0.5)
    np.testing.assert_array_equal(plain.mask, voted.mask)
    actor, action = (np.asarray(jax.nn.log_softmax(x, -1)) for x in (plain.actor, plain.action))
    # The head's own cells: inside a block of two cells, linear interpolation gives 3/4 of one and 1/4 of the other.
    odds = np.asarray(plain.mask[..., 1] - plain.mask[..., 0])
    first, second = odds[:, :, 1:-1:2], odds[:, :, 2::2]
    rows = np.concatenate([odds[:, :, :1], second * 1.5 - first * 0.5], axis=2)
    first, second = rows[..., 1:-1:2], rows[..., 2::2]
    odds = np.concatenate([rows[..., :1], second * 1.5 - first * 0.5], axis=3)
    mask = np.stack([-np.logaddexp(0, odds), -np.logaddexp(0, -odds)], -1)
    scores = np.stack([actor[..., a] + action[..., b] + mask[..., min(a, 1)] for a, b in [(0, 0), *A2D.pairs]], axis=-1)
    np.testing.assert_array_equal(joint_decision(voted.actor, voted.action, A2D), scores.argmax(-1))
    assert (scores.argmax(-1) != np.asarray(joint_decision(plain.actor, plain.action, A2D))).any()


def test_the_order_of_actors_and_of_actions_stays(case):
    plain, voted = _voted(case), _voted(case, mask_vote=1.0)
    for one, other in ((plain.actor, voted.actor), (plain.action, voted.action)):
        np.testing.assert_array_equal(one[..., 0], other[..., 0])
        change = np.asarray(other - one)[..., 1:]
        np.testing.assert_allclose(change, change[..., :1].repeat(change.shape[-1], -1), atol=1e-5)
        assert np.abs(change).max() > 1e-3


def test_training_is_without_it(case):
    for one, other in zip(_voted(case, train=True), _voted(case, train=True, mask_vote=1.0), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_a_background_of_actions_there_is_no_vote(case):
    plain, voted = (_voted(case, mask_vote=vote, has_background=False) for vote in (0.0, 1.0))
    np.testing.assert_array_equal(plain.action, voted.action)
    np.testing.assert_array_equal(plain.actor, voted.actor)
