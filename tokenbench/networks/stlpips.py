"""ST-LPIPS: LPIPS whose trunk does not mind a shift by a pixel. Importing this module loads torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenbench.networks.lpips import LpipsDistance
from tokenbench.networks.state import fill
from tokenbench.weights import read_tensors

# Below these sides (pixels) a frame cannot be reflected at every blur.
_LEAST_VGG = 18
_LEAST_ALEX = 21

# Channels of the five depths.
_VGG = (64, 128, 256, 512, 512)
_ALEX = (64, 192, 384, 256, 256)

# Keeps pixels without any features from a division by zero.
_EPSILON = 1e-10


def load_vgg(path: Path, device: torch.device) -> LpipsDistance:
    """ST-LPIPS of VGG-16, from the package's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    return _load("st-lpips-vgg", StLpips(_vgg(), _VGG), path, device, _LEAST_VGG)


def load_alex(path: Path, device: torch.device) -> LpipsDistance:
    """ST-LPIPS of AlexNet, from the package's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    return _load("st-lpips-alex", StLpips(_alex(), _ALEX), path, device, _LEAST_ALEX)


class StLpips(nn.Module):
    """Squared differences of a trunk's normalised features, weighted by channel, averaged over space, and summed.

    Parameters are named as in the published files.

    Source:
        Ghildyal and Liu 2022 (arXiv 2207.13686), "Shift-tolerant perceptual similarity metric"; the files vST0.0.

    Args:
        trunk: gives the features of five depths.
        channels: of each of them.
    """

    def __init__(self, trunk: nn.Module, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.scaling_layer = _Scaling()
        self.net = trunk
        for index, count in enumerate(channels):
            self.add_module(f"lin{index}", _Head(count))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """N x 1 x 1 x 1 of two N x 3 x H x W in [-1, 1], RGB."""
        return self.between(self.features(x), self.features(y))

    def features(self, x: Tensor) -> list[Tensor]:
        """Maps of five depths, N x C x H' x W', of N x 3 x H x W in [-1, 1], RGB; each pixel a vector of length one."""
        return [_normalised(features) for features in self.net(self.scaling_layer(x))]

    def between(self, x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
        """N x 1 x 1 x 1 of two frames' maps."""
        distance = torch.zeros((), device=x[0].device)
        for index, (of_x, of_y) in enumerate(zip(x, y, strict=True)):
            difference = (of_x - of_y).square()
            distance = distance + self.get_submodule(f"lin{index}")(difference).mean(dim=(2, 3), keepdim=True)
        return distance


class BlurPool(nn.Module):
    """Halve height and width: the binomial filter [1, 2, 1] x [1, 2, 1] / 16 on every second pixel.

    Source:
        Zhang 2019 (arXiv 1904.11486), with a border of two reflected pixels, as ST-LPIPS has it.
    """

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("filt", (torch.outer(taps, taps) / 16).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> N x C x ((H + 1) // 2 + 1) x ((W + 1) // 2 + 1); sides of three pixels at least."""
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.filt, stride=2, groups=x.shape[1])


def _load(name: str, network: nn.Module, path: Path, device: torch.device, least: int) -> LpipsDistance:
    fill(network, read_tensors(path), path)
    return LpipsDistance(name, network, device, least)


class _Trunk(nn.Module):
    """Layers in five slices, each of which gives its last features."""

    def __init__(self, slices: list[list[nn.Module]]) -> None:
        super().__init__()
        first = 0
        for number, layers in enumerate(slices, start=1):
            part = nn.Sequential()
            for index, layer in enumerate(layers, start=first):
                part.add_module(str(index), layer)
            self.add_module(f"slice{number}", part)
            first += len(layers)

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        for part in self.children():
            x = part(x)
            yield x


class _Scaling(nn.Module):
    """From [-1, 1] to the mean and deviation of ImageNet's channels."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(1, 3, 1, 1))
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.shift) / self.scale


class _Head(nn.Module):
    """One weight a channel; in training, behind a dropout."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def _vgg() -> nn.Module:
    slices = []
    channels = 3
    for depth, (width, convolutions) in enumerate(zip(_VGG, (2, 2, 3, 3, 3), strict=True)):
        layers: list[nn.Module] = [nn.MaxPool2d(2, stride=1), BlurPool(channels)] if depth else []
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        slices.append(layers)
    return _Trunk(slices)


def _alex() -> nn.Module:
    return _Trunk(
        [
            [nn.Conv2d(3, 64, 11, padding=2), BlurPool(64), nn.ReLU(inplace=True)],
            [nn.MaxPool2d(3, stride=1), BlurPool(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True)],
            [nn.MaxPool2d(3, stride=1), BlurPool(192), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)],
            [nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)],
            [nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True)],
        ]
    )


def _normalised(features: Tensor) -> Tensor:
    """Every pixel's features as a vector of length one."""
    squares = features.float().square().sum(dim=1, keepdim=True)
    # At zero the root's slope is infinite, and a gradient through it not a number.
    return features / (squares.clamp_min(torch.finfo(torch.float32).tiny).sqrt() + _EPSILON)
