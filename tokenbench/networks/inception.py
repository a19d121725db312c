"""The Inception-v3 of FID: pytorch-fid's network, without its download. Importing this module loads torch."""

from __future__ import annotations

from pathlib import Path

import torch
from pytorch_fid.inception import (
    FIDInceptionA,
    FIDInceptionC,
    FIDInceptionE_1,
    FIDInceptionE_2,
    InceptionV3,
)
from torch import Tensor, nn
from torchvision.models import Inception3  # type: ignore[import-untyped]

from tokenbench.networks.state import fill
from tokenbench.weights import read_tensors

# Of the file's classifier, which no feature needs.
_CLASSES = 1008


class FidInception:
    """Features of frames for FID and KID: the average of the last block over space (pool3).

    Source:
        Heusel et al. 2017 (arXiv 1706.08500), as pytorch-fid 0.3 computes it: bilinear resize to 299 x 299 without
        antialiasing, values to [-1, 1].

    Args:
        network: pytorch-fid's.
        device: that it is on.
    """

    features = 2048

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.device = device
        self._network = network.to(device)

    @torch.inference_mode()
    def __call__(self, frames: Tensor) -> Tensor:
        """N x 2048, float32, of frames N x H x W x 3, uint8, [0, 255], RGB, on the device, of any size."""
        images = frames.permute(0, 3, 1, 2).float() / 255
        return self._network(images)[0].flatten(1)


def load(path: Path, device: torch.device) -> FidInception:
    """The network with the weights of pytorch-fid's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    inception = _fid_inception()
    fill(inception, read_tensors(path), path)
    return FidInception(_UpToPool3(inception), device)


class _UpToPool3(InceptionV3):
    """pytorch-fid's feature network around an Inception that is loaded already; its own constructor downloads one."""

    def __init__(self, inception: Inception3) -> None:
        nn.Module.__init__(self)
        self.resize_input = self.normalize_input = True
        self.output_blocks = [self.DEFAULT_BLOCK_INDEX]
        self.last_needed_block = self.DEFAULT_BLOCK_INDEX
        named = dict(inception.named_children())
        parts = (
            ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1"),
            ("Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2"),
            (*(f"Mixed_5{letter}" for letter in "bcd"), *(f"Mixed_6{letter}" for letter in "abcde")),
            ("Mixed_7a", "Mixed_7b", "Mixed_7c", "avgpool"),
        )
        self.blocks = nn.ModuleList(nn.Sequential(*(named[name] for name in names)) for names in parts)


def _fid_inception() -> Inception3:
    """The network of torchvision with the blocks in which the one of FID differs."""
    inception = Inception3(num_classes=_CLASSES, aux_logits=False, init_weights=False)
    inception.Mixed_5b = FIDInceptionA(192, pool_features=32)
    inception.Mixed_5c = FIDInceptionA(256, pool_features=64)
    inception.Mixed_5d = FIDInceptionA(288, pool_features=64)
    inception.Mixed_6b = FIDInceptionC(768, channels_7x7=128)
    inception.Mixed_6c = FIDInceptionC(768, channels_7x7=160)
    inception.Mixed_6d = FIDInceptionC(768, channels_7x7=160)
    inception.Mixed_6e = FIDInceptionC(768, channels_7x7=192)
    inception.Mixed_7b = FIDInceptionE_1(1280)
    inception.Mixed_7c = FIDInceptionE_2(2048)
    return inception
