"""VGG as a giver of feature maps, for the losses of training. Importing this module loads torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench.networks.state import fill
from tokenbench.weights import read_tensors

# Convolutions in each of the five blocks: configurations D and E of the paper.
VGG16 = (2, 2, 3, 3, 3)
VGG19 = (2, 2, 4, 4, 4)

_CHANNELS = (64, 128, 256, 512, 512)

# Nothing is left of a shorter side (pixels) after four poolings.
_LEAST = 16

# Mean and deviation of ImageNet's channels in [-1, 1].
_MEAN = (-0.030, -0.088, -0.188)
_DEVIATION = (0.458, 0.448, 0.450)

# The part of torchvision's networks that gives classes.
_CLASSIFIER = "classifier."


class VggFeatures(nn.Module):
    """The maps after the last ReLU of each of VGG's five blocks: 64, 128, 256, 512 and 512 channels.

    Parameters are named as in torchvision's files. Gradients pass to the frames.

    Source:
        Simonyan and Zisserman 2014 (arXiv 1409.1556), as torchvision has it.

    Args:
        name: of the network, for messages.
        convolutions: in each block.
        mean: of the three channels, subtracted from the frames.
        deviation: of the three channels, by which the rest is divided.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        name: str,
        convolutions: tuple[int, ...],
        mean: tuple[float, ...] = _MEAN,
        deviation: tuple[float, ...] = _DEVIATION,
    ) -> None:
        super().__init__()
        self.name = name
        self.features = nn.Sequential(*_layers(convolutions))
        for side, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(side, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """That it is on."""
        return self.mean.device

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Five maps, N x C x H / 2^i x W / 2^i, of frames N x 3 x H x W, float32, [-1, 1], RGB.

        Raises:
            TokenBenchError: the frames are too small.
        """
        height, width = frames.shape[2:]
        if min(height, width) < _LEAST:
            raise TokenBenchError(
                f"{self.name} needs frames of at least {_LEAST} x {_LEAST} pixels, got {width} x {height}"
            )
        x = (frames - self.mean) / self.deviation
        maps = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                maps.append(x)
            x = layer(x)
        return [*maps, x]


def load_vgg16(path: Path, device: torch.device) -> VggFeatures:
    """VGG-16 with the weights of torchvision's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    return _load(VggFeatures("vgg16", VGG16), path, device)


def load_vgg19(path: Path, device: torch.device) -> VggFeatures:
    """VGG-19 with the weights of torchvision's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    return _load(VggFeatures("vgg19", VGG19), path, device)


def _load(network: VggFeatures, path: Path, device: torch.device) -> VggFeatures:
    state = {key: tensor for key, tensor in read_tensors(path).items() if not key.startswith(_CLASSIFIER)}
    fill(network, state, path)
    return network.to(device)


def _layers(convolutions: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    channels = 3
    for width, count in zip(_CHANNELS, convolutions, strict=True):
        layers += [nn.MaxPool2d(2)] if layers else []
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
    return layers
