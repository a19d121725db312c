"""Codebooks: which code stands for a vector, and which vector a code stands for."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenbench_baselines.vq.config import CodebookConfig
from tokenbench_baselines.vq.trunk import Decoder, Encoder

# Vectors times codes that are compared at once: 128 MiB of float32.
_PAIRS_AT_ONCE = 2**25


class CodebookNetwork(nn.Module):
    """Images to codes and back."""

    def __init__(self, config: CodebookConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quantize = Codebook(config)
        self.quant_conv = nn.Conv2d(config.z_channels, config.code_width, 1)
        self.post_quant_conv = nn.Conv2d(config.code_width, config.z_channels, 1)

    def encode(self, images: Tensor) -> Tensor:
        """B x 3 x H x W in [-1, 1] to codes, int32 B x h x w."""
        return self.quantize.codes(self.latent(images))

    def latent(self, images: Tensor) -> Tensor:
        """What is looked up in the codebook: B x code_width x h x w."""
        return self.quant_conv(self.encoder(images))

    def decode(self, codes: Tensor) -> Tensor:
        """Codes, int B x h x w, to images B x 3 x H x W, unclamped."""
        return self.decoder(self.post_quant_conv(self.quantize.vectors(codes)))

    def forward(self, images: Tensor) -> Tensor:
        """The reconstruction of images."""
        return self.decode(self.encode(images))


class Codebook(nn.Module):
    """A table of vectors; comparisons are made in float32 in any network."""

    codebook_used: Tensor

    def __init__(self, config: CodebookConfig) -> None:
        super().__init__()
        self._lookup = config.lookup
        self.embedding = nn.Embedding(config.codes, config.code_width)
        if config.usage:
            self.register_buffer("codebook_used", torch.zeros(config.usage))

    def codes(self, z: Tensor) -> Tensor:
        """The code of each vector.

        Args:
            z: B x D x h x w.

        Returns:
            int32 B x h x w; of equal codes the lowest.
        """
        vectors, table = z.movedim(1, -1).float(), self.embedding.weight.float()
        if self._lookup == "cosine":
            vectors, table = F.normalize(vectors, dim=-1), F.normalize(table, dim=-1)
        find = most_aligned if self._lookup == "dot" else nearest
        return find(vectors.flatten(0, -2), table).view(vectors.shape[:-1]).int()

    def vectors(self, codes: Tensor) -> Tensor:
        """The vectors of codes, int B x h x w: B x D x h x w."""
        rows = self.embedding(codes)
        if self._lookup == "cosine":
            rows = F.normalize(rows.float(), dim=-1).to(rows.dtype)
        return rows.movedim(-1, 1)


def nearest(vectors: Tensor, table: Tensor) -> Tensor:
    """Index of the row at the smallest squared distance to each vector; of equal ones the lowest.

    |v|^2 + |t|^2 - 2 v.t, summed in this order, as the reference codes have it: rounding decides between rows that are
    nearly as near.

    Args:
        vectors: float N x D.
        table: float K x D.

    Returns:
        int64 N.
    """
    lengths = table.square().sum(1)
    found = [
        (part.square().sum(1, keepdim=True) + lengths).addmm_(part, table.T, alpha=-2).argmin(1)
        for part in vectors.split(_at_once(table))
    ]
    return torch.cat(found)


def most_aligned(vectors: Tensor, table: Tensor) -> Tensor:
    """Index of the row with the greatest product with each vector; of equal ones the lowest.

    Args:
        vectors: float N x D.
        table: float K x D.

    Returns:
        int64 N.
    """
    return torch.cat([(part @ table.T).argmax(1) for part in vectors.split(_at_once(table))])


def _at_once(table: Tensor) -> int:
    return max(1, _PAIRS_AT_ONCE // len(table))
