"""Weight files of I3D as other projects write them, made from the network's own shapes: random numbers, no training."""

import functools
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from ssa2d_jax.i3d import I3D


@functools.cache
def shapes(channels=3):
    """Canonical name -> shape of all of I3D at full width, from the constructor itself; nothing is run."""
    video = jnp.zeros((1, 4, 32, 32, 3))
    flow = jnp.zeros((1, 4, 32, 32, 2)) if channels == 2 else None
    variables = jax.eval_shape(lambda: I3D().init(jax.random.key(0), video, flow))
    trunk = "flow" if channels == 2 else "rgb"
    found = {}
    for name, leaf in flatten_dict(dict(variables), sep="/").items():
        _, _, rest = name.partition("/")
        if rest.startswith(f"{trunk}/") or rest.startswith("Mixed"):
            found[rest.removeprefix(f"{trunk}/")] = leaf.shape
    return found


def weights(seed=0, channels=3, head=False):
    """Random tensors of those shapes, variances positive."""
    rng = np.random.default_rng(seed)
    wanted = dict(shapes(channels))
    if head:
        wanted |= {"Logits/conv_3d/kernel": (1, 1, 1, 1024, 400), "Logits/conv_3d/bias": (400,)}
    made = {name: rng.standard_normal(shape, np.float32) for name, shape in wanted.items()}
    return {name: np.abs(array) + 0.5 if name.endswith("/var") else array for name, array in made.items()}


def _parts(name):
    """-> (unit as DeepMind spells it, kind)."""
    unit, kind = re.fullmatch(r"(.+)/(\w+/\w+)", name).groups()
    unit = re.sub(r"/(Branch_\d)_", r"/\1/", unit)
    return ("Logits/Conv3d_0c_1x1" if unit == "Logits" else unit), kind


def deepmind_names(tensors, prefix="RGB/inception_i3d/"):
    kinds = {"conv_3d/kernel": "conv_3d/w", "conv_3d/bias": "conv_3d/b", "batch_norm/bias": "batch_norm/beta",
             "batch_norm/mean": "batch_norm/moving_mean", "batch_norm/var": "batch_norm/moving_variance"}  # fmt: skip
    named = {}
    for name, array in tensors.items():
        unit, kind = _parts(name)
        unit = unit.replace("Mixed_5b/Branch_2/Conv3d_0b_3x3", "Mixed_5b/Branch_2/Conv3d_0a_3x3")
        wide = array.reshape(1, 1, 1, 1, -1) if kind.startswith("batch_norm") else array
        named[f"{prefix}{unit}/{kinds[kind]}"] = wide
    return named


def write_tensorflow(path, tensors, prefix="RGB/inception_i3d/"):
    import tensorflow as tf

    named = deepmind_names(tensors, prefix)
    tf.raw_ops.SaveV2(
        prefix=str(path), tensor_names=list(named), shape_and_slices=[""] * len(named), tensors=list(named.values())
    )


def write_keras(path, tensors, as_bytes=False, whole_model=False, backwards=False, by_position=False):
    import h5py

    kinds = {"conv_3d/kernel": "kernel", "conv_3d/bias": "bias", "batch_norm/bias": "beta",
             "batch_norm/mean": "moving_mean", "batch_norm/var": "moving_variance"}  # fmt: skip
    layers = {}
    for name, array in tensors.items():
        unit, kind = _parts(name)
        block = re.fullmatch(r"Mixed_(\w+)/Branch_(\d)/Conv3d_0(\w)_(\w+)", unit)
        if block:
            unit = "Conv3d_{}_{}{}_{}".format(*block.groups())
        unit = "Conv3d_6a_1x1" if unit.startswith("Logits") else unit
        layer = f"{unit}_{'conv' if kind.startswith('conv') else 'bn'}"
        layers.setdefault(layer, {})[f"{layer}/{kinds[kind]}:0"] = array
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole_model else file
        text = (lambda names: [n.encode() for n in names]) if as_bytes else list
        order = list(reversed(layers)) if backwards else list(layers)
        root.attrs["layer_names"] = text(order)
        for number, layer in enumerate(order):
            group = root.create_group(f"conv3d_{number}" if by_position else layer)
            group.attrs["weight_names"] = text(layers[layer])
            for weight, array in layers[layer].items():
                group[weight.rpartition("/")[2] if by_position else weight] = array


def torch_state(tensors, gamma=None):
    import torch

    kinds = {"conv_3d/kernel": "conv3d.weight", "conv_3d/bias": "conv3d.bias", "batch_norm/bias": "bn.bias",
             "batch_norm/mean": "bn.running_mean", "batch_norm/var": "bn.running_var"}  # fmt: skip
    state = {}
    for name, array in tensors.items():
        unit, kind = _parts(name)
        block = re.fullmatch(r"(Mixed_\w+)/Branch_(\d)/Conv3d_0(\w)_\w+", unit)
        if block:
            unit = f"{block[1]}.b{block[2]}{'' if block[2] == '0' else block[3]}"
        unit = "logits" if unit.startswith("Logits") else unit
        array = array.transpose(4, 3, 0, 1, 2) if array.ndim == 5 else array
        state[f"{unit}.{kinds[kind]}"] = torch.from_numpy(np.ascontiguousarray(array))
        if kind == "batch_norm/bias":
            state[f"{unit}.bn.weight"] = torch.from_numpy(np.ones_like(array) if gamma is None else gamma(array))
            state[f"{unit}.bn.num_batches_tracked"] = torch.tensor(7)
    return state


def write_pickle(path, tensors):
    kinds = {"conv_3d/kernel": "Conv_0/kernel", "conv_3d/bias": "Conv_0/bias", "batch_norm/bias": "BatchNorm_0/bias",
             "batch_norm/mean": "BatchNorm_0/mean", "batch_norm/var": "BatchNorm_0/var"}  # fmt: skip
    tree = {"params": {}, "batch_stats": {}}
    for name, array in tensors.items():
        unit, kind = _parts(name)
        statistics = kind in ("batch_norm/mean", "batch_norm/var")
        place = tree["batch_stats" if statistics else "params"]
        block, _, branch = unit.partition("/")
        for key in [unit] if block == "Logits" or not branch else [block, branch]:
            place = place.setdefault(key, {})
        layer, _, leaf = kinds[kind].partition("/")
        place.setdefault(layer, {})[leaf] = array.reshape(1, 1, 1, 1, -1) if statistics else array
    path.write_bytes(pickle.dumps(tree))
