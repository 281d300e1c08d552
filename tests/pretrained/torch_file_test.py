"""Files of PyTorch, read without PyTorch: every form of them, and nothing that is wrong with them does harm."""

import collections

import numpy as np
import pytest

from ssa2d_jax.pretrained import torch_file
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.fake_weights import TorchTensor, write_torch

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)
FORMS = [(protocol, legacy) for protocol in (2, 3, 4, 5) for legacy in (False, True)]


def _load(tmp_path, content, **how):
    write_torch(tmp_path / "x.pt", content, **how)
    return torch_file.load(tmp_path / "x.pt")


def _tensor(size=(4,), stride=(1,), offset=0, count=12, kind="FloatStorage", data=None):
    return TorchTensor(kind, data or WEIGHT.tobytes(), count, offset, size, stride)


@pytest.mark.parametrize(("protocol", "legacy"), FORMS)
def test_every_protocol_of_both_formats_is_read(tmp_path, protocol, legacy):
    state = {"a": WEIGHT, "b": WEIGHT.astype(np.float16), "c": WEIGHT.astype(np.int64), "d": np.array(2.5)}
    arrays = _load(tmp_path, collections.OrderedDict(state), protocol=protocol, legacy=legacy)
    assert list(arrays) == list(state)
    for name, array in state.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
    with (tmp_path / "x.pt").open("rb") as file:
        assert torch_file.is_legacy(file.read(32)) == legacy


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_may_show_a_part_of_their_storage(tmp_path, legacy):
    state = {
        "column": _tensor(size=(3,), stride=(4,), offset=1),
        "turned": _tensor(size=(4, 3), stride=(1, 4)),
        "repeated": _tensor(size=(5,), stride=(0,), offset=11),
        "empty": _tensor(size=(0, 3), stride=(3, 1), offset=12),
    }
    arrays = _load(tmp_path, state, legacy=legacy)
    np.testing.assert_array_equal(arrays["column"], WEIGHT[:, 1])
    np.testing.assert_array_equal(arrays["turned"], WEIGHT.T)
    np.testing.assert_array_equal(arrays["repeated"], [11] * 5)
    assert arrays["empty"].shape == (0, 3)


def test_bfloat16_becomes_float32(tmp_path):
    data = np.array([0x3FC0, 0xC000], np.uint16).tobytes()
    (array,) = _load(tmp_path, {"a": _tensor((2,), (1,), 0, 2, "BFloat16Storage", data)}).values()
    np.testing.assert_array_equal(array, np.float32([1.5, -2]), strict=True)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_the_state_dict_of_a_checkpoint_is_found(tmp_path, key):
    content = {"epoch": 3, key: {"a": WEIGHT}, "rate": 1e-3, "best": np.float64(3), "optimizer": {"state": [WEIGHT]}}
    for legacy in (False, True):
        assert list(_load(tmp_path, content, legacy=legacy)) == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds no state_dict, but a list; save its state_dict: torch.save"),
        ({"a": WEIGHT, "step": 3}, "holds no state_dict: step is a int, not a tensor"),
        ({"a": collections.Counter()}, r"holds more than tensors .it names collections.Counter., so it was not loaded"),
    ],
)
def test_what_is_no_state_dict_is_named(tmp_path, content, message):
    for legacy in (False, True):
        with pytest.raises(InputError, match=f"x.pt {message}"):
            _load(tmp_path, content, legacy=legacy)


@pytest.mark.parametrize(
    "tensor",
    [
        _tensor(size=(13,)),
        _tensor(offset=9),
        _tensor(size=(2, 2), stride=(9, 9)),
        _tensor(size=(1 << 40,), stride=(0,)),
        _tensor(count=13),
        _tensor(size=(-1,)),
        _tensor(stride=(-1,)),
        _tensor(size=(1, 1)),
        _tensor(size=("a",)),
    ],
)
def test_no_tensor_reaches_beyond_its_storage(tmp_path, tensor):
    for legacy in (False, True):
        with pytest.raises((ValueError, TypeError)):
            _load(tmp_path, {"a": tensor}, legacy=legacy)


def test_files_of_pytorch_itself_are_read(tmp_path):
    torch = pytest.importorskip("torch")
    block = torch.nn.Sequential(torch.nn.Conv3d(3, 4, (1, 2, 3)), torch.nn.BatchNorm3d(4)).bfloat16()
    for zipped in (False, True):
        for protocol in (2, 3, 4):
            how = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
            torch.save({"model": block.state_dict()}, tmp_path / "x.pt", **how)
            arrays = torch_file.load(tmp_path / "x.pt")
            assert list(arrays) == list(block.state_dict())
            for name, tensor in block.state_dict().items():
                np.testing.assert_array_equal(arrays[name], tensor.float().numpy())
