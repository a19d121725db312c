"""The blocks of the image network, from the residual block up. Everything takes and gives B x C x H x W.

Attribute names are those of the released files.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_cosmos.functional import activate, attend, conv_of_doubled, normalise
from tokenbench_cosmos.winograd import conv3x3


class Norm(nn.GroupNorm):
    """Normalisation of every image on its own, in groups of channels."""

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__(groups, channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return normalise(x, self)


class ResBlock(nn.Module):
    """Two rounds of normalise, activate and convolve, beside a shortcut."""

    def __init__(self, in_channels: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = Norm(groups, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = Norm(groups, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.nin_shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """B x in x H x W -> B x out x H x W."""
        h = conv3x3(activate(self.norm1(x)), self.conv1.weight, self.conv1.bias)
        h = conv3x3(activate(self.norm2(h)), self.conv2.weight, self.conv2.bias)
        return h.add_(self.nin_shortcut(x))


class DownSample(nn.Module):
    """Halve height and width with a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """H, W -> H/2, W/2."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class UpSample(nn.Module):
    """Double height and width by nearest neighbour, and convolve."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """H, W -> 2H, 2W."""
        return conv_of_doubled(x, self.conv.weight, self.conv.bias)


class Attention(nn.Module):
    """Every pixel attends to all pixels of its image."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = Norm(groups, channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        normalised = self.norm(x)
        attended = attend(self.q(normalised), self.k(normalised), self.v(normalised))
        return self.proj_out(attended).add_(x)
