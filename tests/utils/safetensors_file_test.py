import numpy as np
import pytest

from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "array",
    [KERNEL, KERNEL.T, np.asfortranarray(KERNEL), KERNEL[:, ::2], KERNEL[::-1], KERNEL.astype(">f4")],
    ids=["plain", "transposed", "Fortran", "strided", "reversed", "big-endian"],
)
def test_an_array_comes_back_whatever_its_order_in_memory(tmp_path, array):
    safetensors_file.save(tmp_path / "a.safetensors", {"kernel": array}, {"step": 7})
    tensors, metadata = safetensors_file.load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(tensors["kernel"], array)
    assert tensors["kernel"].dtype == np.float32 and metadata == {"step": 7}


def test_another_file_is_an_error(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"no header")
    with pytest.raises(InputError, match="can't be read as .safetensors"):
        safetensors_file.load_metadata(tmp_path / "a.safetensors")
