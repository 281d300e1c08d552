"""Which arrays of a tree hold values that are not finite, answered without copying the arrays."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, PyTree


def non_finite_arrays(tree: PyTree) -> list[str]:
    """The names ("params/actor_head/bias") of the arrays of `tree` that hold NaN or infinity, in order."""
    leaves = {name: x for name, x in named_leaves(tree).items() if jnp.issubdtype(x.dtype, jnp.inexact)}
    if not leaves:
        return []
    arrays = [_one_copy(x) for x in leaves.values()]
    if jax.default_backend() == "cpu":  # numpy sees the same memory, and nothing has to be compiled
        flags = np.array([np.isfinite(np.asarray(x)).all() for x in arrays])
    else:
        flags = jax.device_get(are_finite(arrays))
    return [name for name, is_finite in zip(leaves, flags, strict=True) if not is_finite]


@jax.jit
def are_finite(arrays: list[jax.Array]) -> Bool[jax.Array, " arrays"]:
    """For each array whether all of its values are finite: one reduction on the device."""
    return jnp.stack([jnp.isfinite(x).all() for x in arrays])


def named_leaves(tree: PyTree) -> dict[str, Any]:
    """The leaves of `tree`, arrays or their shapes, by their path in it ("params/layer/kernel")."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        "/".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path): leaf
        for path, leaf in leaves
    }


def _one_copy(array: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """The array on one of the devices that hold it. A new object: what it caches doesn't outlive the check."""
    return array.addressable_data(0) if isinstance(array, jax.Array) else array
