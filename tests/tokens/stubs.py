"""Tokenizers without weights: one that streams, one that is cut into windows, and their kind for images."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from tokenbench.tokenizer import Padding, TokenizerInfo, Tokens


def pooled(video: Tensor) -> Tensor:
    """... x H x W, means over 4 x 4 pixels."""
    return video.unflatten(-1, (-1, 4)).unflatten(-3, (-1, 4)).mean(dim=(-3, -1))


def spread(latents: Tensor) -> Tensor:
    return latents.repeat_interleave(4, -1).repeat_interleave(4, -2)


class Causal:
    """A running mean with a long memory; the first frame has a token of its own, then every two frames."""

    info = TokenizerInfo(
        name="causal",
        kind="continuous",
        compression=(2, 4, 4),
        latent_channels=3,
        window=5,
        padding=Padding(frames=(2, 1), size=(4, 4), space="black", centred=True),
    )

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def encode(self, video: Tensor) -> Tokens:
        encoder = self.encode_stream()
        latents = encoder.push(video)
        return Tokens(latents, float(16 * latents.numel()))

    def decode(self, tokens: Tokens) -> Tensor:
        return self.decode_stream().push(tokens.data)

    def encode_stream(self) -> CausalEncoder:
        return CausalEncoder()

    def decode_stream(self) -> CausalDecoder:
        return CausalDecoder()

    def stream(self, *, fps: float) -> CausalStream:
        return CausalStream(self)


class CausalEncoder:
    def __init__(self) -> None:
        self.waiting: Tensor | None = None
        self.mean: Tensor | None = None

    def push(self, video: Tensor) -> Tensor:
        if self.waiting is None:
            self.waiting = video[:, :, :1]
        frames = torch.cat([self.waiting, video], dim=2)
        whole = frames.shape[2] // 2 * 2
        self.waiting = frames[:, :, whole:]
        out = [pooled(video)[:, :, :0]]
        for at in range(0, whole, 2):
            new = pooled(frames[:, :, at : at + 2]).mean(dim=2, keepdim=True)
            self.mean = new if self.mean is None else (self.mean + new) / 2
            out.append(self.mean)
        return torch.cat(out, dim=2)

    def flush(self) -> Tensor:
        return torch.empty(1, 3, 0, 0, 0)


class CausalDecoder:
    def __init__(self) -> None:
        self.before: Tensor | None = None

    def push(self, tokens: Tensor) -> Tensor:
        out = []
        for at in range(tokens.shape[2]):
            mean = tokens[:, :, at : at + 1]
            new = mean if self.before is None else 2 * mean - self.before
            out.append(spread(new).expand(-1, -1, 1 if self.before is None else 2, -1, -1))
            self.before = mean
        return torch.cat(out, dim=2)

    def flush(self) -> Tensor:
        return torch.empty(1, 3, 0, 0, 0)


class CausalStream:
    def __init__(self, tokenizer: Causal) -> None:
        self.encoder, self.decoder = tokenizer.encode_stream(), tokenizer.decode_stream()
        self.bits = 0.0

    def push(self, video: Tensor) -> Tensor:
        tokens = self.encoder.push(video)
        self.bits += 16.0 * tokens.numel()
        return self.decoder.push(tokens) if tokens.shape[2] else video[:, :, :0]

    def flush(self) -> Tensor:
        return self.decoder.flush()


class Weighted(Causal):
    """Has weights, which are a text."""

    def __init__(self, dtype: torch.dtype, weights: str | None, strength: int = 1) -> None:
        super().__init__(dtype)
        self.weights_sha256 = hashlib.sha256((weights or "").encode()).hexdigest()
        self.provenance = {"weights": {"source": weights}, "strength": strength}


class Codes:
    """Discrete, bare tensors, in windows."""

    info = TokenizerInfo(
        name="codes",
        kind="discrete",
        compression=(2, 4, 4),
        vocabulary=300,
        window=4,
        padding=Padding(frames=(2, 0), size=(4, 4)),
    )

    def encode(self, video: Tensor) -> Tensor:
        pairs = (video[:, :, ::2] + video[:, :, 1::2]) / 2
        return ((pooled(pairs.mean(dim=1, keepdim=True)) + 1) * 149).round().long().squeeze(1)

    def decode(self, tokens: Tensor) -> Tensor:
        grey = tokens.unsqueeze(1).float() / 149 - 1
        return spread(grey).repeat_interleave(2, 2).expand(-1, 3, -1, -1, -1)


class ImageCodes:
    """The same for images."""

    info = TokenizerInfo(
        name="image-codes",
        kind="discrete",
        modality="image",
        compression=(1, 4, 4),
        vocabulary=200,
        window=4,
        padding=Padding(size=(4, 4), space="black", centred=True),
    )

    def encode(self, image: Tensor) -> Tensor:
        return ((pooled(image.mean(dim=1)) + 1) * 99).round().long()

    def decode(self, tokens: Tensor) -> Tensor:
        return spread(tokens.unsqueeze(1).float() / 99 - 1).expand(-1, 3, -1, -1)


class OutOfRange(Codes):
    def encode(self, video: Tensor) -> Tensor:
        return super().encode(video) + 200


class Floats(Codes):
    def encode(self, video: Tensor) -> Tensor:
        return super().encode(video).float()


class Changing(Codes):
    def encode(self, video: Tensor) -> Tensor:
        return super().encode(video)[..., video.shape[2] - 4 :]


class Silent(Causal):
    def encode_stream(self) -> Any:
        encoder = CausalEncoder()
        encoder.push = lambda video: torch.empty(1, 3, 0, 1, 1)  # type: ignore[method-assign]
        return encoder


class NotANumber(Causal):
    def encode_stream(self) -> Any:
        encoder = CausalEncoder()
        push = encoder.push
        encoder.push = lambda video: push(video) * float("nan")  # type: ignore[method-assign]
        return encoder


class Raises(Causal):
    def encode_stream(self) -> Any:
        encoder = CausalEncoder()
        del encoder.waiting
        return encoder


class Deaf(Causal):
    """Its decoder swallows the last tokens."""

    def decode_stream(self) -> Any:
        decoder = CausalDecoder()
        push = decoder.push
        decoder.push = lambda tokens: push(tokens)[:, :, :-1]  # type: ignore[method-assign]
        return decoder
