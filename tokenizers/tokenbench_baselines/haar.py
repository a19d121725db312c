"""Analytic tokenizers: the Cosmos networks' Haar front end without a network behind it.

The 2-level Haar transform of the paper turns 4 x 4 (x 4) pixels into as many bands. Here the four patches of an 8 x 8
cell are joined by one more spatial step, colours are rotated to one luma and two chroma axes, and the 16
coefficients that carry most of natural video are kept. The transform is orthonormal, so its transpose inverts it, and
the rest is lost.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from tokenbench.tokenizer import BITS_PER_LATENT_VALUE, Tokenizer, TokenizerInfo, Tokens

# Kept coefficients as (colour, band along T, H, W). Colour 0 is luma. Band 0 is the mean. Along H and W band 1 tells
# the two patches apart, 2 and 3 are the coarse differences inside them; along T band 1 is the coarse difference, 2
# and 3 are the fine ones.
_COARSE_PICTURE = [(0, 0, h, w) for h in (0, 1) for w in (0, 1)]
_EDGES = [(0, 0, 0, 2), (0, 0, 0, 3), (0, 0, 2, 0), (0, 0, 3, 0)]
_VIDEO_BANDS = [
    *_COARSE_PICTURE,
    *_EDGES,
    *[(0, 1, h, w) for h in (0, 1) for w in (0, 1)],
    *[(0, 2, 0, 0), (0, 3, 0, 0)],
    *[(1, 0, 0, 0), (2, 0, 0, 0)],
]
_IMAGE_BANDS = [
    *_COARSE_PICTURE,
    *_EDGES,
    *[(0, 0, 1, 2), (0, 0, 1, 3), (0, 0, 2, 1), (0, 0, 3, 1)],
    *[(1, 0, 0, 0), (1, 0, 0, 1), (1, 0, 1, 0), (2, 0, 0, 0)],
]

# Rows: luma and two chroma axes, orthonormal (Ohta, Kanade and Sakai 1980, I1 to I3).
_COLOUR = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 2.0, -1.0]], dtype=torch.float64)
_COLOUR = _COLOUR / _COLOUR.norm(dim=1, keepdim=True)


class HaarVideo(Tokenizer):
    """16 coefficients for every 4 x 8 x 8 pixels; the first frame has a token of its own, as in Cosmos."""

    def __init__(self, info: TokenizerInfo, *, device: torch.device, dtype: torch.dtype, **_: Any) -> None:
        self.info = info
        self._basis = haar_basis(info.compression).to(device, dtype)

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x T x H x W, T = 1 + 4 k, to float16 coefficients B x 16 x (1 + k) x H/8 x W/8."""
        repeats = video[:, :, :1].expand(-1, -1, self.info.compression[0] - 1, -1, -1)
        return self.encode_groups(torch.cat([repeats, video], dim=2))

    def decode(self, tokens: Tokens) -> Tensor:
        """The inverse, without the repeats of the first frame."""
        return self.decode_groups(tokens)[:, :, self.info.compression[0] - 1 :]

    def encode_groups(self, video: Tensor) -> Tokens:
        """B x 3 x 4 k x H x W to B x 16 x k x H/8 x W/8."""
        coefficients = _analyse(video, self._basis, self.info.compression).half()
        return Tokens(coefficients, float(coefficients.numel() * BITS_PER_LATENT_VALUE))

    def decode_groups(self, tokens: Tokens) -> Tensor:
        """B x 16 x k x H/8 x W/8 to B x 3 x 4 k x H x W."""
        return _synthesise(tokens.data.to(self._basis.dtype), self._basis, self.info.compression)

    def encode_stream(self) -> HaarEncoder:
        """Exact: the same as one pass over the whole clip."""
        return HaarEncoder(self)

    def decode_stream(self) -> HaarDecoder:
        """Exact likewise."""
        return HaarDecoder(self)

    def stream(self, *, fps: float) -> HaarStream:
        """Exact: the same as one pass over the whole clip."""
        return HaarStream(self)


class HaarEncoder:
    """The first frame at once, then groups of four."""

    def __init__(self, tokenizer: HaarVideo) -> None:
        self._tokenizer = tokenizer
        self._group = tokenizer.info.compression[0]
        self._waiting: Tensor | None = None

    def push(self, video: Tensor) -> Tensor:
        """1 x 3 x T x H x W; gives the coefficients of all whole groups."""
        if self._waiting is None:
            self._waiting = video[:, :, :1].expand(-1, -1, self._group - 1, -1, -1)
        frames = torch.cat([self._waiting, video], dim=2)
        whole = frames.shape[2] - frames.shape[2] % self._group
        self._waiting = frames[:, :, whole:]
        return self._tokenizer.encode_groups(frames[:, :, :whole]).data

    def flush(self) -> Tensor:
        """Nothing: a clip is padded to whole groups."""
        return torch.empty(1, 16, 0, 0, 0, dtype=torch.float16)


class HaarDecoder:
    """A group of frames for each token; the first gives one frame."""

    def __init__(self, tokenizer: HaarVideo) -> None:
        self._tokenizer = tokenizer
        self._repeats = tokenizer.info.compression[0] - 1

    def push(self, tokens: Tensor) -> Tensor:
        """1 x 16 x t x h x w; gives their frames."""
        repeats, self._repeats = self._repeats, 0
        return self._tokenizer.decode_groups(Tokens(tokens, None))[:, :, repeats:]

    def flush(self) -> Tensor:
        """No frame waits."""
        return torch.empty(1, 3, 0, 0, 0)


class HaarStream:
    """Both, one after the other."""

    def __init__(self, tokenizer: HaarVideo) -> None:
        self._encoder = tokenizer.encode_stream()
        self._decoder = tokenizer.decode_stream()
        self.bits = 0.0

    def push(self, video: Tensor) -> Tensor:
        """1 x 3 x T x H x W; gives all whole groups."""
        tokens = self._encoder.push(video)
        self.bits += float(tokens.numel() * BITS_PER_LATENT_VALUE)
        return self._decoder.push(tokens) if tokens.shape[2] else video[:, :, :0]

    def flush(self) -> Tensor:
        """Nothing waits."""
        return self._decoder.flush()


class HaarImage(Tokenizer):
    """16 coefficients for every 8 x 8 pixels of a picture."""

    def __init__(self, info: TokenizerInfo, *, device: torch.device, dtype: torch.dtype, **_: Any) -> None:
        self.info = info
        self._basis = haar_basis(info.compression).to(device, dtype)

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x H x W to float16 coefficients B x 16 x H/8 x W/8."""
        coefficients = _analyse(video.unsqueeze(2), self._basis, self.info.compression).squeeze(2).half()
        return Tokens(coefficients, float(coefficients.numel() * BITS_PER_LATENT_VALUE))

    def decode(self, tokens: Tokens) -> Tensor:
        """The inverse."""
        coefficients = tokens.data.to(self._basis.dtype).unsqueeze(2)
        return _synthesise(coefficients, self._basis, self.info.compression).squeeze(2)


@cache
def haar_basis(compression: tuple[int, int, int]) -> Tensor:
    """The kept basis functions, orthonormal: 16 x (t h w 3), float64."""
    along = [_haar_matrix(size) for size in compression]
    bands = _VIDEO_BANDS if compression[0] > 1 else _IMAGE_BANDS
    rows = [
        torch.einsum("t,h,w,c->thwc", along[0][t], along[1][h], along[2][w], _COLOUR[colour]).flatten()
        for colour, t, h, w in bands
    ]
    return torch.stack(rows)


def _haar_matrix(size: int) -> Tensor:
    """Orthonormal Haar matrix of a power of two; rows from the mean to the finest differences."""
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while len(matrix) < size:
        finer = torch.eye(len(matrix), dtype=torch.float64)
        mean, difference = torch.tensor([[[1.0, 1.0]], [[1.0, -1.0]]], dtype=torch.float64)
        matrix = torch.cat([torch.kron(matrix, mean), torch.kron(finer, difference)]) / 2**0.5
    return matrix


def _analyse(video: Tensor, basis: Tensor, compression: tuple[int, int, int]) -> Tensor:
    """B x 3 x T x H x W to B x 16 x T/t x H/h x W/w."""
    batch, colours, frames, height, width = video.shape
    t, h, w = compression
    cells = video.reshape(batch, colours, frames // t, t, height // h, h, width // w, w)
    patches = cells.permute(0, 2, 4, 6, 3, 5, 7, 1).flatten(4)
    return (patches @ basis.T).permute(0, 4, 1, 2, 3)


def _synthesise(coefficients: Tensor, basis: Tensor, compression: tuple[int, int, int]) -> Tensor:
    """The transpose of `_analyse`."""
    batch, _, frames, height, width = coefficients.shape
    t, h, w = compression
    patches = (coefficients.permute(0, 2, 3, 4, 1) @ basis).unflatten(-1, (t, h, w, 3))
    cells = patches.permute(0, 7, 1, 4, 2, 5, 3, 6)
    return cells.reshape(batch, 3, frames * t, height * h, width * w)
