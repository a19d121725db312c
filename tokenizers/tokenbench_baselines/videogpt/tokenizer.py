"""VideoGPT's VQ-VAE as a tokenizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens, nominal_bits_per_pixel
from tokenbench.weights import locate
from tokenbench_baselines.checkpoint import RANDOM, fill, random_network, read_checkpoint
from tokenbench_baselines.videogpt.network import VideoGpt

SETTINGS = {
    "range": "network in [-0.5, 0.5], mapped from and to [-1, 1]",
    "batch_norm": "running statistics",
    "time": "not causal: attention sees all frames of the window",
}


def load(
    info: TokenizerInfo, *, weights: str | Path | None, device: torch.device, dtype: torch.dtype, **_: Any
) -> VideoGptTokenizer:
    """The tokenizer of a card.

    Args:
        info: its card.
        weights: a file, or a folder with one; "random" for the framework's default initialisation, the same every
            time; None looks where weights are installed.
        device: where it runs.
        dtype: of parameters and arithmetic.

    Raises:
        TokenBenchError: the weights are missing, unreadable or do not fit.
    """
    if weights == RANDOM:
        module = random_network(lambda: VideoGpt(info.compression)).to(dtype)
        info = replace(info, weights="random initialisation")
        said: dict[str, Any] = {"source": info.weights}
    else:
        hint = f"get it under that name from {info.weights} (licence: {info.license})"
        files = locate(info.name, weights, file_sets=(), hint=hint)
        if len(files.paths) != 1:
            names = ", ".join(path.name for path in files.paths)
            raise TokenBenchError(f"{info.name} is one file, found {names}; name one of them with --weights PATH")
        with torch.device("meta"):
            module = VideoGpt(info.compression)
        fill(module, read_checkpoint(files.paths[0]), files.paths[0], dtype=dtype)
        said = files.as_dict()
    return VideoGptTokenizer(info, module.to(device), provenance={"weights": said, "settings": SETTINGS})


class VideoGptTokenizer(Tokenizer):
    """Codes for blocks of pixels; every clip that it is given is a window of its own.

    Args:
        info: its card.
        module: the network; it is put in eval mode, without gradients.
        provenance: what results say of the weights and the choices behind them.
    """

    def __init__(self, info: TokenizerInfo, module: VideoGpt, *, provenance: dict[str, Any]) -> None:
        self.info = info
        self.module = module.eval().requires_grad_(False)
        self.provenance = provenance
        self._bits_per_token = nominal_bits_per_pixel((1, 1, 1), vocabulary=info.vocabulary)

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x T x H x W in [-1, 1], multiples of the compression, to codes B x T/t x H/h x W/w, int32.

        Raises:
            ClipError: the network does not take that size.
        """
        self._refuse_invalid(video)
        codes = self.module.encode(self._placed(video) / 2).int()
        return Tokens(codes, codes.numel() * self._bits_per_token)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """Codes, in any whole type, to B x 3 x T x H x W, unclamped.

        Raises:
            TokenBenchError: these are not codes of this tokenizer.
        """
        self._refuse_foreign(tokens.data)
        return self.module.decode(tokens.data.to(self.module.codebook.embeddings.device, torch.int64)) * 2

    def _placed(self, video: Tensor) -> Tensor:
        embeddings = self.module.codebook.embeddings
        return video.to(embeddings.device, embeddings.dtype)

    def _refuse_invalid(self, video: Tensor) -> None:
        shape = " x ".join(map(str, video.shape))
        if video.dim() != 5 or video.shape[1] != 3 or 0 in video.shape:
            raise TokenBenchError(f"{self.info.name} takes B x 3 x T x H x W, none of them zero, got {shape}")
        if any(size % factor for size, factor in zip(video.shape[2:], self.info.compression, strict=True)):
            factors = " x ".join(map(str, self.info.compression))
            raise ClipError(f"{self.info.name}: T x H x W must be multiples of {factors}, got {shape}; pad the clip")

    def _refuse_foreign(self, codes: Any) -> None:
        vocabulary = self.info.vocabulary or 0
        if not isinstance(codes, Tensor) or codes.dim() != 4 or codes.is_floating_point() or 0 in codes.shape:
            raise TokenBenchError(f"{self.info.name} decodes whole numbers B x t x h x w, got {_describe(codes)}")
        low, high = (int(end) for end in codes.aminmax())
        if low < 0 or high >= vocabulary:
            raise TokenBenchError(f"{self.info.name} decodes codes 0 to {vocabulary - 1}, got {low} to {high}")


def _describe(value: object) -> str:
    return " x ".join(map(str, value.shape)) if isinstance(value, Tensor) else f"a {type(value).__name__}"
