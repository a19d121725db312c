"""EfficientNet-Lite0, written from its state dict. Importing this module loads torch."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenbench.networks.state import fill
from tokenbench.weights import read_tensors

SIDE = 224
_OFFSET = 127.0
_SCALE = 128.0

# Expansion, channels out, blocks, stride of the first of them, kernel.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000
_BATCH_NORM_EPSILON = 1e-3


class EfficientNetLite0Features:
    """Features of frames: the average of the last layer before the classifier over space.

    Frames are resized to 224 x 224, bilinearly with antialiasing; values become (x - 127) / 128.

    Args:
        network: on any device.
        device: to put it on.
    """

    features = _HEAD

    def __init__(self, network: EfficientNetLite0, device: torch.device) -> None:
        self.device = device
        self._network = network.to(device)

    @torch.inference_mode()
    def __call__(self, frames: Tensor) -> Tensor:
        """N x 1280, float32, of frames N x H x W x 3, uint8, [0, 255], RGB, on the device, of any size."""
        return self._network.features(self._prepared(frames))

    @torch.inference_mode()
    def logits(self, frames: Tensor) -> Tensor:
        """N x 1000, float32, of the same frames: the classes of ImageNet-1k in their usual order."""
        return self._network(self._prepared(frames))

    def _prepared(self, frames: Tensor) -> Tensor:
        images = frames.permute(0, 3, 1, 2).float()
        resized = F.interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
        return (resized - _OFFSET) / _SCALE


def load(path: Path, device: torch.device) -> EfficientNetLite0Features:
    """The network with the weights of the package's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    network = EfficientNetLite0()
    fill(network, read_tensors(path), path)
    return EfficientNetLite0Features(network, device)


class EfficientNetLite0(nn.Module):
    """The classifier: a stem, sixteen inverted residual blocks, and a head; parameters named as in the file.

    Source:
        Tan and Le 2019 (arXiv 1905.11946), in TensorFlow's variant "lite": ReLU6, no squeeze and excitation.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _Convolution(3, _STEM, 3, stride=2)
        self._bn0 = _batch_norm(_STEM)
        self._blocks = nn.ModuleList()
        channels = _STEM
        for expansion, width, count, stride, kernel in _STAGES:
            for index in range(count):
                self._blocks.append(_Block(channels, width, expansion, kernel, stride if index == 0 else 1))
                channels = width
        self._conv_head = _Convolution(channels, _HEAD, 1)
        self._bn1 = _batch_norm(_HEAD)
        self._fc = nn.Linear(_HEAD, _CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """N x 1280 of N x 3 x 224 x 224, float32, about [-1, 1]."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """N x 1000 logits."""
        return self._fc(self.features(x))


class _Block(nn.Module):
    """Expand the channels, filter each in space, project; added to the input where the shapes are the same."""

    def __init__(self, channels: int, width: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = channels * expansion
        self._expands = expansion != 1
        self._adds = stride == 1 and channels == width
        if self._expands:
            self._expand_conv = _Convolution(channels, inner, 1)
            self._bn0 = _batch_norm(inner)
        self._depthwise_conv = _Convolution(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = _batch_norm(inner)
        self._project_conv = _Convolution(inner, width, 1)
        self._bn2 = _batch_norm(width)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu6(self._bn0(self._expand_conv(x))) if self._expands else x
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return x + inner if self._adds else inner


class _Convolution(nn.Conv2d):
    """With TensorFlow's padding "same": where it is odd, the extra pixel lies below and to the right."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, width, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for side in (x.shape[3], x.shape[2]):
            needed = max(0, (-(-side // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - side)
            pads += [needed // 2, needed - needed // 2]
        return super().forward(F.pad(x, pads))


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_BATCH_NORM_EPSILON)
