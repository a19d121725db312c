"""RAFT, torchvision's network for optical flow. Importing this module loads torch."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.optical_flow import raft_large, raft_small  # type: ignore[import-untyped]

from tokenbench.networks.state import fill
from tokenbench.weights import read_tensors

# The network halves its input three times, and correlates what is left at four scales.
_MULTIPLE = 8
_LEAST = 128

UPDATES = 12


class RaftFlow:
    """Optical flow between pairs of frames, after twelve updates.

    Frames are padded to multiples of 8, and to 128 at least, by repeating their borders on all sides.

    Source:
        Teed and Deng 2020 (arXiv 2003.12039), as torchvision has it.

    Args:
        network: torchvision's.
        device: to put it on.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.device = device
        self._network = network.to(device)

    @torch.inference_mode()
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """N x 2 x H x W, float32: how many pixels to the right (0) and down (1) the content of x lies in y.

        Args:
            x: N x H x W x 3, uint8, [0, 255], RGB, on the device.
            y: the same shape.
        """
        return self.flow(*(side.permute(0, 3, 1, 2) / 127.5 - 1 for side in (x, y)))

    def flow(self, x: Tensor, y: Tensor) -> Tensor:
        """The same of N x 3 x H x W, float32, [-1, 1], with gradients to both."""
        height, width = x.shape[2:]
        (left, right), (top, bottom) = _padding(width), _padding(height)
        images = (F.pad(side, (left, right, top, bottom), mode="replicate") for side in (x, y))
        flow = self._network(*images, num_flow_updates=UPDATES)[-1]
        return flow[:, :, top : top + height, left : left + width]


def load_large(path: Path, device: torch.device) -> RaftFlow:
    """The large network with the weights of torchvision's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    return _load(raft_large(weights=None), path, device)


def load_small(path: Path, device: torch.device) -> RaftFlow:
    """The small network with the weights of torchvision's file.

    Raises:
        TokenBenchError: the file cannot be read, or holds other tensors.
    """
    return _load(raft_small(weights=None), path, device)


def _load(network: nn.Module, path: Path, device: torch.device) -> RaftFlow:
    fill(network, read_tensors(path), path)
    return RaftFlow(network, device)


def _padding(side: int) -> tuple[int, int]:
    """Pixels before and after."""
    needed = max(_LEAST, -(-side // _MULTIPLE) * _MULTIPLE) - side
    return needed // 2, needed - needed // 2
