"""The architecture of FVD's I3D with random weights: the published file, whose code is run, may not be on this machine.

Source:
    Carreira and Zisserman 2017 (arXiv 1705.07750), figure 3; widths of Szegedy et al. 2015 (arXiv 1409.4842), table 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Of an Inception block: channels in; out of its 1 x 1, before and out of its two 3 x 3, out of its pooling.
_BLOCKS_3 = ((192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64))
_BLOCKS_4 = (
    (480, 192, 96, 208, 16, 48, 64),
    (512, 160, 112, 224, 24, 64, 64),
    (512, 128, 128, 256, 24, 64, 64),
    (512, 112, 144, 288, 32, 64, 64),
    (528, 256, 160, 320, 32, 128, 128),
)
_BLOCKS_5 = ((832, 256, 160, 320, 32, 128, 128), (832, 384, 192, 384, 48, 128, 128))


class I3DShape(nn.Module):
    """1 x 3 x T x 224 x 224, T at least 9, to 1 x 400."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(3, 64, 7, stride=2),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            _convolution(64, 64, 1),
            _convolution(64, 192, 3),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *(_Block(*widths) for widths in _BLOCKS_3),
            nn.MaxPool3d(3, 2, 1),
            *(_Block(*widths) for widths in _BLOCKS_4),
            nn.MaxPool3d(2, 2, ceil_mode=True),
            *(_Block(*widths) for widths in _BLOCKS_5),
            nn.AvgPool3d((2, 7, 7), 1),
            nn.Conv3d(1024, 400, 1),
        )

    def forward(self, video: Tensor) -> Tensor:
        """The mean over time of what the last layer gives."""
        return self.layers(video).mean(dim=(2, 3, 4))


class _Block(nn.Module):
    """Four ways side by side, whose outputs are stacked."""

    def __init__(self, width: int, one: int, before: int, three: int, before_second: int, second: int, pooled: int):
        super().__init__()
        self.ways = nn.ModuleList(
            (
                _convolution(width, one, 1),
                nn.Sequential(_convolution(width, before, 1), _convolution(before, three, 3)),
                nn.Sequential(_convolution(width, before_second, 1), _convolution(before_second, second, 3)),
                nn.Sequential(nn.MaxPool3d(3, 1, 1), _convolution(width, pooled, 1)),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([way(x) for way in self.ways], dim=1)


def _convolution(width: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv3d(width, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm3d(out), nn.ReLU(inplace=True))
