"""OmniTokenizer: patches, a transformer over space, one over time, a bottleneck, and all of it back.

Names of parameters are those of the released state dicts. Video is B x 3 x T x S x S in [-0.5, 0.5] with T = 1 + 4 k
and S a multiple of 64; features are channels-last, B x t x s x s x 512.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenbench_baselines.omnitokenizer.cards import COMPRESSION, LATENT_CHANNELS, VOCABULARY
from tokenbench_baselines.omnitokenizer.layers import (
    WIDTH,
    Attention,
    FeedForward,
    Grid,
    Norm,
    PositionGenerator,
    WindowAttention,
)
from tokenbench_baselines.videogpt.codebook import Codebook

_GROUP, _PATCH, _ = COMPRESSION
_FIRST = 3 * _PATCH**2
_LATER = _FIRST * _GROUP
_TEMPORAL_BLOCKS = 4


class OmniTokenizer(nn.Module):
    """The network.

    Args:
        variational: latents (their mean) instead of codes.
    """

    def __init__(self, *, variational: bool) -> None:
        super().__init__()
        self.variational = variational
        self.encoder = Encoder()
        self.decoder = Decoder()
        # Released variational networks own a codebook too.
        self.codebook = CountedCodebook(VOCABULARY, LATENT_CHANNELS)
        channels = 2 * LATENT_CHANNELS if variational else LATENT_CHANNELS
        self.pre_vq_conv = nn.Sequential(nn.Identity(), nn.Linear(WIDTH, channels))
        self.post_vq_conv = nn.Sequential(nn.Identity(), nn.Linear(LATENT_CHANNELS, WIDTH))

    def encode(self, video: Tensor) -> Tensor:
        """B x 3 x T x S x S to the mean, B x 8 x t x s x s, or to codes, int64 B x t x s x s."""
        latent = self.pre_vq_conv(self.encoder(video))
        if self.variational:
            mean, _ = latent.chunk(2, dim=-1)
            return mean.movedim(-1, 1)
        return self.codebook.nearest(F.normalize(latent, dim=-1))

    def decode(self, tokens: Tensor) -> Tensor:
        """What `encode` gives, to about [-0.5, 0.5]."""
        latent = tokens.movedim(1, -1) if self.variational else self.codebook(tokens)
        return self.decoder(self.post_vq_conv(latent))


class CountedCodebook(Codebook):
    """A codebook with a count of use, which only training needs."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__(codes, width)
        self.register_buffer("codebook_usage", torch.zeros(codes))


class Encoder(nn.Module):
    """Patches, then space, then time."""

    def __init__(self) -> None:
        super().__init__()
        self.to_patch_emb_first_frame = _embedding(_FIRST)
        self.to_patch_emb = _embedding(_LATER)
        self.enc_spatial_transformer = Transformer("ttww", temporal=False)
        self.enc_temporal_transformer = Transformer("t" * _TEMPORAL_BLOCKS, temporal=True)

    def forward(self, video: Tensor) -> Tensor:
        """B x 3 x T x S x S to B x t x s x s x 512."""
        x = self.to_patch_emb_first_frame(patches_of(video[:, :, :1], 1))
        if video.shape[2] > 1:
            x = torch.cat([x, self.to_patch_emb(patches_of(video[:, :, 1:], _GROUP))], dim=1)
        return over_time(self.enc_temporal_transformer, over_space(self.enc_spatial_transformer, x))


class Decoder(nn.Module):
    """Time, then space, then pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.dec_spatial_transformer = Transformer("tttt", temporal=False)
        self.dec_temporal_transformer = Transformer("t" * _TEMPORAL_BLOCKS, temporal=True)
        self.to_pixels_first_frame = nn.Sequential(nn.Linear(WIDTH, _FIRST))
        self.to_pixels = nn.Sequential(nn.Linear(WIDTH, _LATER))

    def forward(self, x: Tensor) -> Tensor:
        """B x t x s x s x 512 to B x 3 x T x S x S."""
        x = over_space(self.dec_spatial_transformer, over_time(self.dec_temporal_transformer, x))
        first = pixels_of(self.to_pixels_first_frame(x[:, :1]), 1)
        if x.shape[1] == 1:
            return first
        return torch.cat([first, pixels_of(self.to_pixels(x[:, 1:]), _GROUP)], dim=2)


class Transformer(nn.Module):
    """Layers of one kind each, and a last normalisation.

    Args:
        kinds: "t" for attention over all tokens, "w" for windows.
        temporal: over time, not space.
    """

    def __init__(self, kinds: str, *, temporal: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(windowed=kind == "w", temporal=temporal) for kind in kinds)
        self.norm_out = Norm()

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """N x L x 512 of a grid B, T, H, W."""
        for layer in self.layers:
            x = layer(x, grid)
        return self.norm_out(x)


class Layer(nn.ModuleDict):
    """Position, attention and feed-forward, each added to what it is given; numbered as released."""

    def __init__(self, *, windowed: bool, temporal: bool) -> None:
        if windowed:
            super().__init__({"1": WindowAttention(), "3": FeedForward()})
        else:
            super().__init__({"0": PositionGenerator(), "1": Attention(temporal=temporal), "3": FeedForward()})

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """N x L x 512 to the same shape."""
        if "0" in self:
            x = x + self["0"](x, grid)
        x = x + self["1"](x)
        return x + self["3"](x)


def over_space(transformer: Transformer, x: Tensor) -> Tensor:
    """B x T x H x W x C, each frame alone but for the position generators."""
    batch, frames, height, width, _ = x.shape
    return transformer(x.flatten(2, 3).flatten(0, 1), (batch, frames, height, width)).reshape(x.shape)


def over_time(transformer: Transformer, x: Tensor) -> Tensor:
    """B x T x H x W x C, each place alone but for the position generators, which are told the grid B, T, H, W."""
    batch, frames, height, width, _ = x.shape
    columns = x.permute(0, 2, 3, 1, 4)
    attended = transformer(columns.flatten(0, 2), (batch, frames, height, width))
    return attended.reshape(columns.shape).permute(0, 3, 1, 2, 4)


def patches_of(video: Tensor, frames: int) -> Tensor:
    """B x 3 x T x H x W to B x T/t x H/8 x W/8 x (3 t 8 8)."""
    cells = video.unflatten(4, (-1, _PATCH)).unflatten(3, (-1, _PATCH)).unflatten(2, (-1, frames))
    return cells.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)


def pixels_of(patches: Tensor, frames: int) -> Tensor:
    """The inverse of `patches_of`."""
    cells = patches.unflatten(4, (3, frames, _PATCH, _PATCH)).permute(0, 4, 1, 5, 2, 6, 3, 7)
    return cells.flatten(6, 7).flatten(4, 5).flatten(2, 3)


def _embedding(size: int) -> nn.Sequential:
    return nn.Sequential(nn.Identity(), nn.LayerNorm(size), nn.Linear(size, WIDTH), nn.LayerNorm(WIDTH))
