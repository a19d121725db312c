"""Linear tokenizers: patches projected on a few fixed vectors, and back by the transpose."""

from __future__ import annotations

import torch
from torch import Tensor

from tokenbench.tokenizer import BITS_PER_LATENT_VALUE, Tokenizer, TokenizerInfo, Tokens


class LinearVideo(Tokenizer):
    """Coefficients for every t x h x w pixels; the first frame has a token of its own, as in Cosmos.

    Args:
        info: its card.
        basis: orthonormal rows, channels x (t h w 3).
        mean: of patches, t h w 3; it is taken off before the projection and put back after it.
    """

    def __init__(self, info: TokenizerInfo, basis: Tensor, mean: Tensor) -> None:
        self.info = info
        self._basis, self._mean = basis, mean

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x T x H x W, T = 1 + t k, to float16 coefficients B x channels x (1 + k) x H/h x W/w."""
        repeats = video[:, :, :1].expand(-1, -1, self.info.compression[0] - 1, -1, -1)
        return self.encode_groups(torch.cat([repeats, video], dim=2))

    def decode(self, tokens: Tokens) -> Tensor:
        """The inverse, without the repeats of the first frame."""
        return self.decode_groups(tokens)[:, :, self.info.compression[0] - 1 :]

    def encode_groups(self, video: Tensor) -> Tokens:
        """B x 3 x t k x H x W to B x channels x k x H/h x W/w."""
        coefficients = _analyse(video, self._basis, self._mean, self.info.compression).half()
        return Tokens(coefficients, float(coefficients.numel() * BITS_PER_LATENT_VALUE))

    def decode_groups(self, tokens: Tokens) -> Tensor:
        """B x channels x k x H/h x W/w to B x 3 x t k x H x W."""
        return _synthesise(tokens.data.to(self._basis.dtype), self._basis, self._mean, self.info.compression)

    def encode_stream(self) -> LinearEncoder:
        """Exact: the same as one pass over the whole clip."""
        return LinearEncoder(self)

    def decode_stream(self) -> LinearDecoder:
        """Exact likewise."""
        return LinearDecoder(self)

    def stream(self, *, fps: float) -> LinearStream:
        """Exact: the same as one pass over the whole clip."""
        return LinearStream(self)


class LinearEncoder:
    """The first frame at once, then groups of four."""

    def __init__(self, tokenizer: LinearVideo) -> None:
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
        return torch.empty(1, self._tokenizer.info.latent_channels or 0, 0, 0, 0, dtype=torch.float16)


class LinearDecoder:
    """A group of frames for each token; the first gives one frame."""

    def __init__(self, tokenizer: LinearVideo) -> None:
        self._tokenizer = tokenizer
        self._repeats = tokenizer.info.compression[0] - 1

    def push(self, tokens: Tensor) -> Tensor:
        """1 x 16 x t x h x w; gives their frames."""
        repeats, self._repeats = self._repeats, 0
        return self._tokenizer.decode_groups(Tokens(tokens, None))[:, :, repeats:]

    def flush(self) -> Tensor:
        """No frame waits."""
        return torch.empty(1, 3, 0, 0, 0)


class LinearStream:
    """Both, one after the other."""

    def __init__(self, tokenizer: LinearVideo) -> None:
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


class LinearImage(Tokenizer):
    """Coefficients for every h x w pixels of a picture.

    Args:
        info: its card.
        basis: orthonormal rows, channels x (h w 3).
        mean: of patches, h w 3.
    """

    def __init__(self, info: TokenizerInfo, basis: Tensor, mean: Tensor) -> None:
        self.info = info
        self._basis, self._mean = basis, mean

    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x H x W to float16 coefficients B x channels x H/h x W/w."""
        coefficients = _analyse(video.unsqueeze(2), self._basis, self._mean, self.info.compression).squeeze(2).half()
        return Tokens(coefficients, float(coefficients.numel() * BITS_PER_LATENT_VALUE))

    def decode(self, tokens: Tokens) -> Tensor:
        """The inverse."""
        coefficients = tokens.data.to(self._basis.dtype).unsqueeze(2)
        return _synthesise(coefficients, self._basis, self._mean, self.info.compression).squeeze(2)


def patches_of(video: Tensor, compression: tuple[int, int, int]) -> Tensor:
    """B x 3 x T x H x W to B x T/t x H/h x W/w x (t h w 3)."""
    batch, colours, frames, height, width = video.shape
    t, h, w = compression
    cells = video.reshape(batch, colours, frames // t, t, height // h, h, width // w, w)
    return cells.permute(0, 2, 4, 6, 3, 5, 7, 1).flatten(4)


def _analyse(video: Tensor, basis: Tensor, mean: Tensor, compression: tuple[int, int, int]) -> Tensor:
    """B x 3 x T x H x W to B x channels x T/t x H/h x W/w."""
    # The mean is projected once, instead of being taken off every patch.
    return (patches_of(video, compression) @ basis.T - basis @ mean).permute(0, 4, 1, 2, 3)


def _synthesise(coefficients: Tensor, basis: Tensor, mean: Tensor, compression: tuple[int, int, int]) -> Tensor:
    """The transpose of `_analyse`."""
    batch, _, frames, height, width = coefficients.shape
    t, h, w = compression
    patches = (coefficients.permute(0, 2, 3, 4, 1) @ basis + mean).unflatten(-1, (t, h, w, 3))
    cells = patches.permute(0, 7, 1, 4, 2, 5, 3, 6)
    return cells.reshape(batch, 3, frames * t, height * h, width * w)
