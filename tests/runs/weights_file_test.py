"""Exported weights in 16 bits, and what their file says about them."""

import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.load_run import load_variables
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.toy import toy_config


def _save(path, kernel, **options):
    variables = {
        "params": {"head": {"kernel": kernel, "bias": np.float32([0.1, 0.2])}},
        "batch_stats": {"norm": {"var": np.float32([1e-9, 3e5])}},
    }
    config = toy_config().to_dict()
    weights_file.save_run(path, variables, step=3, config=config, space=A2D, workdir=path.parent, **options)
    return variables


def test_kernels_are_stored_in_16_bits_and_the_rest_in_32(tmp_path):
    path = tmp_path / "half.safetensors"
    kernel = np.random.default_rng(0).standard_normal((3, 3, 8, 64), np.float32)
    saved = _save(path, kernel, half=True, about="for tests")
    _save(tmp_path / "full.safetensors", kernel)
    spared = (tmp_path / "full.safetensors").stat().st_size - path.stat().st_size
    assert abs(spared - 2 * kernel.size) < 100
    step, variables, _, about = load_variables(path)
    assert (step, about) == (3, "for tests")
    read = variables["params"]["head"]["kernel"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, kernel.astype(np.float16))
    np.testing.assert_array_equal(variables["params"]["head"]["bias"], saved["params"]["head"]["bias"])
    np.testing.assert_array_equal(variables["batch_stats"]["norm"]["var"], saved["batch_stats"]["norm"]["var"])


def test_weights_that_another_program_has_rounded_to_bfloat16_become_float32(tmp_path):
    path = tmp_path / "full.safetensors"
    kernel = np.random.default_rng(0).standard_normal((3, 3, 8, 64), np.float32)
    _save(path, kernel)
    tensors, metadata = safetensors_file.load(path)
    del metadata["checksum"]  # of the values before
    safetensors_file.save(path, tensors | {"params/head/kernel": kernel.astype(jnp.bfloat16)}, metadata)
    read = load_variables(path).variables["params"]["head"]["kernel"]
    np.testing.assert_array_equal(read, kernel.astype(jnp.bfloat16).astype(np.float32), strict=True)


@pytest.mark.parametrize("value", [7e4, np.nan])
def test_values_that_16_bits_cannot_hold_are_an_error(tmp_path, value):
    with pytest.raises(InputError, match="params/head/kernel(.: its training diverged| .* as float32)"):
        _save(tmp_path / "half.safetensors", np.full((2, 2), value, np.float32), half=True)
    assert not list(tmp_path.iterdir())


def test_a_file_without_a_sentence_about_itself_is_read(tmp_path):
    _save(tmp_path / "full.safetensors", np.ones((2, 2), np.float32))
    assert load_variables(tmp_path / "full.safetensors").about == ""
