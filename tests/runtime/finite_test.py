"""NaN and infinity are found wherever they are, by numpy on a CPU and by the device's own reduction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.runtime.finite import are_finite, non_finite_arrays
from ssa2d_jax.steps import devices

TREE = {
    "params": {
        "a": jnp.ones((3, 4)).at[2, 3].set(jnp.nan),
        "b": jnp.full(5, 3e38),
        "c": jnp.ones(2).at[0].set(-jnp.inf),
    },
    "step": jnp.zeros((), jnp.int32),
}


def test_arrays_with_a_value_that_is_not_finite_are_named():
    assert non_finite_arrays(TREE) == ["params/a", "params/c"]
    assert non_finite_arrays(jax.device_get(TREE)) == ["params/a", "params/c"]
    assert non_finite_arrays({"step": TREE["step"]}) == []


def test_the_devices_own_reduction_says_the_same():
    assert np.asarray(are_finite(list(TREE["params"].values()))).tolist() == [False, True, False]


def test_an_array_on_every_device_can_be_donated_after_the_check():
    tree = devices.replicate({"x": jnp.ones(1000)})
    assert non_finite_arrays(tree) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "gpu")
        assert non_finite_arrays(tree | TREE) == ["params/a", "params/c"]
    jax.jit(lambda x: x + 1, donate_argnums=0)(tree["x"])
    assert tree["x"].is_deleted()
