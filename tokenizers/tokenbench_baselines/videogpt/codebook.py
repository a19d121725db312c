"""Nearest neighbours in a codebook."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Distances that are held at once: 256 MiB in float32.
_DISTANCES = 2**26


class Codebook(nn.Module):
    """Vectors by code, learned as moving averages of what fell to them: buffers, not parameters.

    Args:
        codes: number of vectors.
        width: numbers in each.
    """

    embeddings: Tensor

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.randn(codes, width))
        # The averages themselves, which only training needs.
        self.register_buffer("N", torch.zeros(codes))
        self.register_buffer("z_avg", torch.zeros(codes, width))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Codes by squared distance, the lower one where two are equally near.

        Args:
            vectors: ... x width.

        Returns:
            int64, ...
        """
        # Half precision would take near neighbours for each other.
        precise = torch.promote_types(vectors.dtype, torch.float32)
        embeddings = self.embeddings.to(precise)
        # |z - e|^2 without |z|^2, which is the same for every e.
        squares = embeddings.square().sum(1)
        parts = vectors.to(precise).flatten(0, -2).split(max(1, _DISTANCES // len(embeddings)))
        codes = [torch.addmm(squares, part, embeddings.T, alpha=-2).argmin(1) for part in parts]
        return torch.cat(codes).view(vectors.shape[:-1])

    def forward(self, codes: Tensor) -> Tensor:
        """Vectors ... x width of codes."""
        return self.embeddings[codes]
