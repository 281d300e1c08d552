"""Probabilities for prediction, on the network's grid and on the frames'."""

import jax
import jax.numpy as jnp
import numpy as np

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.models.layers import upsample_linear
from ssa2d_jax.steps.forward import make_forward, probabilities
from tests.fixtures.toy import toy_run


def test_interpolated_logarithms_are_the_probabilities_of_whole_frames():
    run = toy_run(A2D, encoder="pooled")
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 48, 3)).astype(np.uint8)
    coarse = make_forward(run.model, run.variables)(frames)
    whole = jax.jit(lambda frames: probabilities(run.model, run.variables, frames, multilabel=False, whole=True))(
        frames
    )
    assert [p.shape for p in coarse] == [(2, 4, 8, 12, 8), (2, 4, 8, 12, 10), (2, 4, 8, 12)]
    for p, expected in zip(coarse[:2], whole[:2], strict=True):
        np.testing.assert_allclose(p.sum(-1), 1, atol=1e-5)
        found = jax.nn.softmax(upsample_linear(jnp.log(p), (4, 32, 48)), axis=-1)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert whole[2].shape == (2, 4, 32, 48)


def test_variables_are_on_the_device_before_the_first_call():
    run = toy_run(A2D, encoder="pooled")
    variables = jax.tree.map(np.asarray, run.variables)
    forward = make_forward(run.model, variables)
    frames = jax.device_put(np.zeros((1, 4, 32, 32, 3), np.uint8))
    forward(frames)
    with jax.transfer_guard("disallow"):
        forward(frames)
