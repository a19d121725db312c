"""The VQ-VAE of VideoGPT: strided convolutions, residual blocks with axial attention, a codebook, and all of it back.

Shapes are B x C x T x H x W; names of parameters are those of the released state dicts.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from tokenbench_baselines.videogpt.codebook import Codebook

WIDTH = 240
BLOCKS = 4
HEADS = 2
CODES, CODE_WIDTH = 2048, 256
_RGB = 3
_TIME, _HEIGHT, _WIDTH = 1, 2, 3  # axes of B x T x H x W x C

Triple = tuple[int, int, int]


class VideoGpt(nn.Module):
    """Video in [-0.5, 0.5] to codes and back.

    Args:
        compression: along T, H and W: powers of two.
    """

    def __init__(self, compression: Triple) -> None:
        super().__init__()
        strides = strides_of(compression)
        self.encoder = Encoder(strides)
        self.decoder = Decoder(strides)
        self.pre_vq_conv = SameConv3d(WIDTH, CODE_WIDTH, 1)
        self.post_vq_conv = SameConv3d(CODE_WIDTH, WIDTH, 1)
        self.codebook = Codebook(CODES, CODE_WIDTH)

    def encode(self, video: Tensor) -> Tensor:
        """B x 3 x T x H x W to codes B x T/t x H/h x W/w, int64."""
        return self.codebook.nearest(self.pre_vq_conv(self.encoder(video)).movedim(1, -1))

    def decode(self, codes: Tensor) -> Tensor:
        """Codes to about [-0.5, 0.5]."""
        return self.decoder(self.post_vq_conv(self.codebook(codes).movedim(-1, 1)))


class Encoder(nn.Module):
    """Strided convolutions, then residual blocks at the grid of the tokens."""

    def __init__(self, strides: list[Triple]) -> None:
        super().__init__()
        widths = pairwise([_RGB] + [WIDTH] * len(strides))
        self.convs = nn.ModuleList(SameConv3d(*ends, 4, stride) for ends, stride in zip(widths, strides, strict=True))
        self.conv_last = SameConv3d(WIDTH, WIDTH, 3)
        self.res_stack = _residual_stack()

    def forward(self, x: Tensor) -> Tensor:
        """B x 3 x T x H x W to B x 240 x T/t x H/h x W/w."""
        for conv in self.convs:
            x = F.relu_(conv(x))
        return self.res_stack(self.conv_last(x))


class Decoder(nn.Module):
    """Residual blocks, then transposed convolutions."""

    def __init__(self, strides: list[Triple]) -> None:
        super().__init__()
        self.res_stack = _residual_stack()
        widths = pairwise([WIDTH] * len(strides) + [_RGB])
        self.convts = nn.ModuleList(
            SameConvTranspose3d(*ends, 4, stride) for ends, stride in zip(widths, strides, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """B x 240 x t x h x w to pixels."""
        x = self.res_stack(x)
        for index, conv in enumerate(self.convts):
            x = conv(F.relu_(x) if index else x)
        return x


class ResidualBlock(nn.Module):
    """A bottleneck of convolutions and axial attention, added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.BatchNorm3d(WIDTH),
            nn.ReLU(inplace=True),
            SameConv3d(WIDTH, WIDTH // 2, 3, bias=False),
            nn.BatchNorm3d(WIDTH // 2),
            nn.ReLU(inplace=True),
            SameConv3d(WIDTH // 2, WIDTH, 1, bias=False),
            nn.BatchNorm3d(WIDTH),
            nn.ReLU(inplace=True),
            AxialAttention(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return x + self.block(x)


class AxialAttention(nn.Module):
    """Attention along width, height and time, each on the same input; their sum."""

    def __init__(self) -> None:
        super().__init__()
        self.attn_w = AxisAttention(_WIDTH)
        self.attn_h = AxisAttention(_HEIGHT)
        self.attn_t = AxisAttention(_TIME)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        x = x.movedim(1, -1)
        return (self.attn_w(x) + self.attn_h(x) + self.attn_t(x)).movedim(-1, 1)


class AxisAttention(nn.Module):
    """Every position attends to those that differ from it along one axis only; it knows no positions.

    Args:
        axis: of B x T x H x W x C.
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.w_qs = nn.Linear(WIDTH, WIDTH, bias=False)
        self.w_ks = nn.Linear(WIDTH, WIDTH, bias=False)
        self.w_vs = nn.Linear(WIDTH, WIDTH, bias=False)
        self.fc = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """B x T x H x W x C to the same shape."""
        lines = x.movedim(self.axis, -2)
        q, k, v = (_heads(project(lines)) for project in (self.w_qs, self.w_ks, self.w_vs))
        attended = F.scaled_dot_product_attention(q, k, v)
        attended = attended.unflatten(1, (-1, HEADS)).unflatten(0, lines.shape[:2])
        return self.fc(attended.transpose(-3, -2).flatten(-2)).movedim(-2, self.axis)


class SameConv3d(nn.Module):
    """A convolution whose output is input / stride, by zeros around its input.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: along every axis.
        stride: along T, H, W.
        bias: whether it has one.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: Triple = (1, 1, 1), *, bias: bool = True
    ) -> None:
        super().__init__()
        self.margins = same_margins(kernel, stride)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """B x inputs x T x H x W to B x outputs x T/s x H/s x W/s."""
        return self.conv(F.pad(x, self.margins) if any(self.margins) else x)


class SameConvTranspose3d(nn.Module):
    """A transposed convolution whose output is input * stride; the zeros go around its input as well."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: Triple) -> None:
        super().__init__()
        self.margins = same_margins(kernel, stride)
        self.convt = nn.ConvTranspose3d(inputs, outputs, kernel, stride, padding=kernel - 1)

    def forward(self, x: Tensor) -> Tensor:
        """B x inputs x t x h x w to B x outputs x t*s x h*s x w*s."""
        return self.convt(F.pad(x, self.margins))


def strides_of(compression: Triple) -> list[Triple]:
    """Of each convolution: 2 along an axis as long as there is compression left on it."""
    steps = max(compression).bit_length() - 1
    time, height, width = ([2 if factor >> step > 1 else 1 for step in range(steps)] for factor in compression)
    return list(zip(time, height, width, strict=True))


def same_margins(kernel: int, stride: Triple) -> list[int]:
    """Zeros around each axis, last axis first as `F.pad` wants them; the front has the larger half."""
    margins: list[int] = []
    for step in reversed(stride):
        total = kernel - step
        margins += [total - total // 2, total // 2]
    return margins


def _residual_stack() -> nn.Sequential:
    blocks = [ResidualBlock() for _ in range(BLOCKS)]
    return nn.Sequential(*blocks, nn.BatchNorm3d(WIDTH), nn.ReLU(inplace=True))


def _heads(x: Tensor) -> Tensor:
    """B x M x N x L x C -> BM x N heads x L x c: spread over two axes, of which a kernel takes 65535 at most."""
    return x.unflatten(-1, (HEADS, -1)).transpose(-3, -2).flatten(0, 1).flatten(1, 2)
