"""LPIPS with the trunk's weights from torchvision's files. Importing this module loads torch and lpips."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from pathlib import Path

import lpips
import torch
from torch import Tensor, nn

from tokenbench.errors import NotApplicable
from tokenbench.networks.state import fill
from tokenbench.weights import read_tensors

# Below these sides (pixels) nothing is left of a frame after the trunk's last pooling.
_LEAST_VGG = 16
_LEAST_ALEX = 31

# The part of torchvision's networks that LPIPS leaves out.
_CLASSIFIER = "classifier."


class LpipsDistance:
    """A perceptual distance of pairs of frames.

    Args:
        name: of the network, for messages.
        network: of two N x 3 x H x W in [-1, 1] gives N x 1 x 1 x 1, with gradients to both.
        device: to put it on.
        least: the shortest side, in pixels, of frames that it can take.
    """

    def __init__(self, name: str, network: nn.Module, device: torch.device, least: int) -> None:
        self.device = device
        self._name = name
        self.network = network.to(device)
        self.least = least

    @torch.inference_mode()
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """N distances, float32, of two N x H x W x 3, uint8, [0, 255], RGB, on the device.

        Raises:
            NotApplicable: the frames are too small.
        """
        height, width = x.shape[1:3]
        if min(height, width) < self.least:
            raise NotApplicable(
                f"{self._name} needs frames of at least {self.least} x {self.least} pixels, got {width} x {height}"
            )
        return self.network(*(side.permute(0, 3, 1, 2) / 127.5 - 1 for side in (x, y))).flatten()


def load_vgg(path: Path, device: torch.device) -> LpipsDistance:
    """LPIPS 0.1 of VGG-16.

    Raises:
        TokenBenchError: the file cannot be read, or is not torchvision's VGG-16.
    """
    return LpipsDistance("lpips-vgg", _lpips("vgg", path), device, _LEAST_VGG)


def load_alex(path: Path, device: torch.device) -> LpipsDistance:
    """LPIPS 0.1 of AlexNet.

    Raises:
        TokenBenchError: the file cannot be read, or is not torchvision's AlexNet.
    """
    return LpipsDistance("lpips-alex", _lpips("alex", path), device, _LEAST_ALEX)


def _lpips(net: str, path: Path) -> nn.Module:
    """The package's network and heads, with the trunk of a file."""
    with warnings.catch_warnings():
        # The package builds its trunks with an argument that torchvision has renamed.
        warnings.simplefilter("ignore", UserWarning)
        network = lpips.LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False)
    # The slices of its trunk, put together again, are what torchvision calls "features".
    layers = OrderedDict(layer for part in network.net.children() for layer in part.named_children())
    state = {key: tensor for key, tensor in read_tensors(path).items() if not key.startswith(_CLASSIFIER)}
    fill(nn.ModuleDict({"features": nn.Sequential(layers)}), state, path)
    return _Lpips(network).eval().requires_grad_(False)


class _Lpips(nn.Module):
    """The package's LPIPS, its trunk slice by slice: it keeps the maps of all slices until the end, 6 GB of 1080p."""

    def __init__(self, network: lpips.LPIPS) -> None:
        super().__init__()
        self.scaling = network.scaling_layer
        self.slices = nn.ModuleList(network.net.children())
        self.heads = network.lins

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """N x 1 x 1 x 1 of two N x 3 x H x W in [-1, 1]."""
        x, y = self.scaling(x), self.scaling(y)
        distances = []
        for part, head in zip(self.slices, self.heads, strict=True):
            x, y = part(x), part(y)
            difference = (lpips.normalize_tensor(x) - lpips.normalize_tensor(y)) ** 2
            distances.append(head(difference).mean((2, 3), keepdim=True))
        return sum(distances[1:], distances[0])
