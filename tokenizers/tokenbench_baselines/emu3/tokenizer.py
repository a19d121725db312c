"""Emu3's vision tokenizer through transformers' `Emu3VQVAE`.

The class takes B x T x 3 x H x W, and crops its codes by the size of pictures on the two axes behind the batch: of a
clip those are time and height, so that a long or an upright clip would lose codes without a word. Here the sizes that
it is told are those of the axes that it crops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens
from tokenbench.weights import HubSource
from tokenbench_baselines.checkpoint import RANDOM, random_network
from tokenbench_baselines.diffusers_models.grid import (
    bits_of,
    checked,
    refuse_foreign,
    refuse_invalid,
    token_shape,
    video_shape,
)
from tokenbench_baselines.emu3.loading import build, load_network

# Distances to all codes are held at once: 2 GiB in float32.
_POSITIONS_AT_ONCE = 2**14


def load(
    info: TokenizerInfo,
    *,
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
) -> Emu3Tokenizer:
    """The tokenizer of the card.

    Args:
        info: the card's.
        weights: as `load_network` takes them; "random" for the library's default initialisation, the same every time.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where the weights are published.

    Raises:
        TokenBenchError: the weights are missing, unreadable or do not fit.
    """
    import transformers

    if weights == RANDOM:
        module = random_network(lambda: build(info)).to(dtype)
        info = replace(info, weights="random initialisation")
        source: dict[str, Any] = {"source": info.weights}
    else:
        module, files = load_network(info, weights, hub, dtype)
        source = files.as_dict()
    info = replace(info, parameters=sum(parameter.numel() for parameter in module.parameters()))
    settings = {"class": "Emu3VQVAE", "transformers": transformers.__version__}
    return Emu3Tokenizer(info, module.to(device), {"weights": source, "settings": settings})


class Emu3Tokenizer(Tokenizer):
    """Four frames and 8 x 8 pixels to one of 32768 codes.

    Args:
        info: its card.
        module: an `Emu3VQVAE`; put in eval mode, without gradients.
        provenance: what results say of it.
    """

    def __init__(self, info: TokenizerInfo, module: Any, provenance: dict[str, Any]) -> None:
        self.info = info
        self.module = module.eval().requires_grad_(False)
        self.provenance = provenance
        self.weights_sha256 = provenance["weights"].get("sha256")
        self.module.quantize.forward = _in_slices(self.module.quantize.forward)

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """Codes B x T/4 x H/8 x W/8 of clips B x 3 x T x H x W in [-1, 1], counted at 15 bits each.

        Raises:
            TokenBenchError: it is no batch of clips.
            ClipError: T is no multiple of 4, or H or W none of 8.
        """
        refuse_invalid(self.info, video)
        shape = token_shape(self.info, tuple(video.shape))
        across = self.info.compression[1]
        frames = video.to(self.module.device, self.module.dtype).transpose(1, 2)
        cropped = torch.tensor([[shape[1] * across, shape[2] * across]]).expand(len(video), 2)
        given = self.module.encode(frames, cropped)
        # Before 5.0 the class gave the codes alone.
        codes = torch.stack(getattr(given, "image_tokens", given)).int()
        return Tokens(checked(self.info, "encode", codes, shape), bits_of(self.info, shape))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """The clips B x 3 x T x H x W that codes stand for, unclamped.

        Raises:
            TokenBenchError: these are not codes of this tokenizer.
        """
        refuse_foreign(self.info, tokens.data)
        video = self.module.decode(tokens.data.to(self.module.device, torch.long)).transpose(1, 2)
        return checked(self.info, "decode", video, video_shape(self.info, tuple(tokens.data.shape)))


def _in_slices(look_up: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A codebook's look-up, B x t x C x h x w to B x t x h x w, a few rows at a time; each position is alone."""

    def sliced(latents: Tensor) -> Tensor:
        rows = max(1, _POSITIONS_AT_ONCE // max(1, latents.shape[0] * latents.shape[1] * latents.shape[4]))
        return torch.cat([look_up(part) for part in latents.split(rows, dim=3)], dim=2)

    return sliced
