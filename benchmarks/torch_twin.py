"""The network in PyTorch, with the same parameters and the same outputs: what benchmarks/peers.py compares with.

Written as a user of PyTorch would: nn.functional's own operations; batch norm folded into the convolutions for
prediction, with the statistics of the batch for training.
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-3
ATROUS_RATES = (3, 6, 9, 12)
MIXED = {
    "Mixed_3": ("b", "c"),
    "Mixed_4": ("b", "c", "d", "e", "f"),
    "Mixed_5": ("b", "c"),
}


class Twin(nn.Module):
    """SSA2D of RGB with I3D. Parameters by their paths in Flax, '/' replaced by '|'."""

    def __init__(
        self, params: Mapping[str, np.ndarray], batch_stats: Mapping[str, np.ndarray], channels_last: bool, train: bool
    ) -> None:
        super().__init__()
        self.trains = train
        self.format = torch.channels_last_3d if channels_last else torch.contiguous_format
        self.weights = nn.ParameterDict()
        for path, value in params.items():
            if path.endswith("/kernel") and not train and (unit := path.removesuffix("conv_3d/kernel")) != path:
                value = value / np.sqrt(batch_stats[f"{unit}batch_norm/var"] + EPSILON)
            if path.endswith("/batch_norm/bias") and not train:
                stats = path.removesuffix("bias")
                value = value - batch_stats[f"{stats}mean"] / np.sqrt(batch_stats[f"{stats}var"] + EPSILON)
            tensor = torch.from_numpy(np.array(value))
            if tensor.ndim == 5:  # [t, h, w, in, out]
                transposed = "/deconv_" in path  # taps flipped, [in, out, t, h, w]; otherwise [out, in, t, h, w]
                tensor = tensor.flip(0, 1, 2).permute(3, 4, 0, 1, 2) if transposed else tensor.permute(4, 3, 0, 1, 2)
                tensor = tensor.contiguous(memory_format=self.format)
            self.weights[path.replace("/", "|")] = nn.Parameter(
                tensor.contiguous(memory_format=self.format) if tensor.ndim == 5 else tensor
            )

    def forward(self, video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of actor, action and mask from video [B, 3, T, H, W] in [-1, 1]."""
        low, middle, high = self._encoder(video)
        mask = self._head("mask_head", self._decoder("mask_decoder", low, middle, high))
        mask = F.interpolate(mask, scale_factor=(1, 2, 2), mode="trilinear", align_corners=False)
        prior = self._decoder("actor_decoder", low, middle, high)
        actor = self._head("actor_head", prior)
        features = torch.cat([self._decoder("action_decoder", low, middle, high), prior], 1)
        features = self._unit("action_conv", features, (2, 1, 1))
        foreground = F.avg_pool3d(mask.softmax(1)[:, 1:], 2).detach()
        action = self._head("action_head", torch.cat([features * foreground, features], 1))
        return actor, F.interpolate(action, size=actor.shape[2:], mode="trilinear", align_corners=False), mask

    def _encoder(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = _max_pool(self._unit("encoder/rgb/Conv3d_1a_7x7", x, (2, 2, 2)), (1, 3, 3), (1, 2, 2))
        low = self._unit("encoder/rgb/Conv3d_2c_3x3", self._unit("encoder/rgb/Conv3d_2b_1x1", x))
        x = middle = low
        for stage, blocks in MIXED.items():
            if stage == "Mixed_3":
                x = _max_pool(x, (1, 3, 3), (1, 2, 2))
            elif stage == "Mixed_4":
                middle = x
                x = _max_pool(x, (3, 3, 3), (2, 2, 2))
            for block in blocks:
                x = self._mixed(f"encoder/{'' if stage == 'Mixed_5' else 'rgb/'}{stage}{block}", x)
        return low, middle, x

    def _mixed(self, name: str, x: Tensor) -> Tensor:
        pooled = _max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat(
            [
                self._unit(f"{name}/Branch_0_Conv3d_0a_1x1", x),
                self._unit(f"{name}/Branch_1_Conv3d_0b_3x3", self._unit(f"{name}/Branch_1_Conv3d_0a_1x1", x)),
                self._unit(f"{name}/Branch_2_Conv3d_0b_3x3", self._unit(f"{name}/Branch_2_Conv3d_0a_1x1", x)),
                self._unit(f"{name}/Branch_3_Conv3d_0b_1x1", pooled),
            ],
            1,
        )

    def _decoder(self, name: str, low: Tensor, middle: Tensor, high: Tensor) -> Tensor:
        skip = self._unit(f"{name}/lateral_8", F.max_pool3d(middle, (2, 1, 1)))
        x = torch.cat([self._deconv(f"{name}/deconv_8", high, (1, 2, 2)), skip], 1)
        eighth = self._unit(f"{name}/conv_8", x)
        x = torch.cat([self._deconv(f"{name}/deconv_4", eighth, (2, 2, 2)), self._unit(f"{name}/lateral_4", low)], 1)
        x = self._unit(f"{name}/conv_4", x)
        pyramid = [self._unit(f"{name}/atrous_{rate}", x, dilation=(1, rate, rate)) for rate in ATROUS_RATES]
        for level, source in (("pyramid_16", high), ("pyramid_8", eighth)):
            features = self._unit(f"{name}/{level}", source)
            pyramid.append(F.interpolate(features, size=x.shape[2:], mode="trilinear", align_corners=False))
        return torch.cat(pyramid, 1)

    def _unit(
        self, name: str, x: Tensor, strides: tuple[int, ...] = (1, 1, 1), dilation: tuple[int, ...] = (1, 1, 1)
    ) -> Tensor:
        kernel = self._weight(f"{name}/conv_3d/kernel")
        bias = None if self.trains else self._weight(f"{name}/batch_norm/bias")
        if strides == (1, 1, 1):
            pads = [rate * (taps // 2) for rate, taps in zip(dilation, kernel.shape[2:], strict=True)]
            x = F.conv3d(x, kernel, bias, padding=pads, dilation=dilation)
        else:
            x = F.conv3d(_pad_same(x, kernel.shape[2:], strides), kernel, bias, strides)
        return self._norm(name, x)

    def _deconv(self, name: str, x: Tensor, strides: tuple[int, ...]) -> Tensor:
        kernel = self._weight(f"{name}/conv_3d/kernel")
        bias = None if self.trains else self._weight(f"{name}/batch_norm/bias")
        pads = [1 if stride == 1 else 0 for stride in strides]
        size = [stride * length for stride, length in zip(strides, x.shape[2:], strict=True)]
        x = F.conv_transpose3d(x, kernel, bias, strides, pads)
        return self._norm(name, x[:, :, : size[0], : size[1], : size[2]].contiguous(memory_format=self.format))

    def _norm(self, name: str, x: Tensor) -> Tensor:
        if self.trains:
            x = F.batch_norm(x, None, None, None, self._weight(f"{name}/batch_norm/bias"), training=True, eps=EPSILON)
        return F.relu(x)

    def _head(self, name: str, x: Tensor) -> Tensor:
        return F.conv3d(x, self._weight(f"{name}/kernel"), self._weight(f"{name}/bias"))

    def _weight(self, path: str) -> Tensor:
        return self.weights[path.replace("/", "|")]


def _max_pool(x: Tensor, window: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    return F.max_pool3d(_pad_same(x, window, strides), window, strides)  # after a ReLU zeros pad as well as -inf


def _pad_same(x: Tensor, window: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    pads: list[int] = []
    for size, taps, stride in zip(x.shape[:1:-1], window[::-1], strides[::-1], strict=True):
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x
