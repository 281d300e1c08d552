"""The files that tools/mutations.py damages are whole before."""

import numpy as np
import pytest

from ssa2d_jax.utils.errors import InputError
from tools.mutations import KINDS, mutate


@pytest.mark.parametrize("kind", KINDS)
def test_the_undamaged_file_of_every_kind_is_read(tmp_path, kind):
    write, read = KINDS[kind]
    path = write(tmp_path)
    if kind in ("safetensors", "torch"):  # which is as far as a file of a few tensors gets
        with pytest.raises(InputError, match="holds no I3D weights"):
            read(path)
    else:
        read(path)


def test_copies_differ_from_the_file_and_from_one_another():
    content = bytes(range(256)) * 4
    copies = [mutate(content, np.random.default_rng([0, number])) for number in range(20)]
    assert len(set(copies)) >= 19 and sum(copy == content for copy in copies) <= 1
    assert mutate(content, np.random.default_rng([0, 3])) == copies[3]
