"""OmniTokenizer as a tokenizer: frames of any shape, as the squares that the network takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens, nominal_bits_per_pixel
from tokenbench.weights import HubSource, locate
from tokenbench_baselines.checkpoint import RANDOM, random_network
from tokenbench_baselines.omnitokenizer.loading import load_network
from tokenbench_baselines.omnitokenizer.network import OmniTokenizer
from tokenbench_baselines.omnitokenizer.tiles import SMALLEST, cut, join, tile_side

TILE = 384
# Attention over time takes a row of its batch for each token of a tile, and kernels take 65535 at most.
_LONGEST_TILE = 1024

# Pixels, over all frames and tiles, that pass through the network at once. The widest layer holds 2730 numbers for
# each token of 256 pixels: 0.7 GB in float32.
_PIXELS_AT_ONCE = 2**24


def load(
    info: TokenizerInfo,
    *,
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource,
    tile: int = TILE,
) -> OmniTokenizerAdapter:
    """The tokenizer of a card.

    Args:
        info: its card.
        weights: a file, a folder or "hf:owner/name@commit"; "random" for the framework's default initialisation, the
            same every time; None looks where weights are installed, then on the hub.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where the weights are published.
        tile: longest side of the squares that a frame is cut into, in pixels.

    Raises:
        TokenBenchError: the weights are missing, unreadable or do not fit; `tile` is no such number.
    """
    if type(tile) is not int or tile % SMALLEST or not SMALLEST <= tile <= _LONGEST_TILE:
        raise TokenBenchError(f"tile is {tile!r}, expected a multiple of {SMALLEST} up to {_LONGEST_TILE}, such as 256")
    variational = info.vocabulary is None
    if weights == RANDOM:
        module = random_network(lambda: OmniTokenizer(variational=variational)).to(dtype)
        info = replace(info, weights="random initialisation")
        said: dict[str, Any] = {"source": info.weights}
    else:
        hint = f"get them from {info.weights} (licence: {info.license})"
        files = locate(info.name, weights, hub, file_sets=hub.file_sets, hint=hint)
        module = load_network(files.paths[0], variational=variational, dtype=dtype)
        said = files.as_dict()
    return OmniTokenizerAdapter(info, module.to(device), tile=tile, weights=said)


class OmniTokenizerAdapter(Tokenizer):
    """Latents or codes, of squares that are cut from the frames and know nothing of each other.

    The squares are the largest that cover a frame exactly, of `tile` pixels at most, so that the tokens of a clip are
    those of its pixels and no others, and make one rectangular grid. A square frame of up to `tile` is one of them: it
    passes as in the reference code. Every clip that is given is a window of its own.

    Args:
        info: its card.
        module: the network; it is put in eval mode, without gradients.
        tile: longest side of a square, in pixels.
        weights: what results say of the weights.
    """

    def __init__(self, info: TokenizerInfo, module: OmniTokenizer, *, tile: int, weights: dict[str, Any]) -> None:
        self.info = info
        self.module = module.eval().requires_grad_(False)
        self.tile = tile
        self.provenance = {"weights": weights, "settings": _settings(tile, module)}
        self._bits_per_token = nominal_bits_per_pixel(
            (1, 1, 1), latent_channels=info.latent_channels, vocabulary=info.vocabulary
        )

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """Tokens of a batch.

        Args:
            video: B x 3 x T x H x W in [-1, 1]; T = 1 + 4 k, H and W multiples of 64.

        Returns:
            Latents B x 8 x t x H/8 x W/8, counted at 16 bits a value, or codes B x t x H/8 x W/8, int32, counted at
            13 bits each.

        Raises:
            ClipError: the network does not take that size.
        """
        self._refuse_invalid(video)
        data = self._by_tiles(lambda tiles: self.module.encode(tiles / 2), self._placed(video), pixels_each=1)
        data = data if self.module.variational else data.int()
        return Tokens(data, data.numel() // (self.info.latent_channels or 1) * self._bits_per_token)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """The batch that tokens stand for: B x 3 x T x H x W, unclamped.

        Raises:
            TokenBenchError: these are not tokens of this tokenizer.
        """
        self._refuse_foreign(tokens.data)
        _, _, patch = self.info.compression
        return self._by_tiles(self.module.decode, self._placed(tokens.data), pixels_each=patch) * 2

    def _by_tiles(self, run: Callable[[Tensor], Tensor], x: Tensor, *, pixels_each: int) -> Tensor:
        """Run on B x ... x h x w cut into squares; `pixels_each` along a side of one of its places."""
        height, width = x.shape[-2] * pixels_each, x.shape[-1] * pixels_each
        side = tile_side(height, width, self.tile)
        frames = x.shape[-3] * (1 if pixels_each == 1 else self.info.compression[0])
        parts = cut(x, side // pixels_each).split(max(1, _PIXELS_AT_ONCE // (frames * side * side)))
        return join(torch.cat([run(part) for part in parts]), height // side, width // side)

    def _placed(self, x: Tensor) -> Tensor:
        """Codes may come in any whole type, pixels and latents in any floating one."""
        embeddings = self.module.codebook.embeddings
        return x.to(embeddings.device, embeddings.dtype if x.is_floating_point() else torch.int64)

    def _refuse_invalid(self, video: Tensor) -> None:
        shape = _describe(video)
        if video.dim() != 5 or video.shape[1] != 3 or 0 in video.shape:
            raise TokenBenchError(f"{self.info.name} takes B x 3 x T x H x W, none of them zero, got {shape}")
        if (video.shape[2] - 1) % self.info.compression[0] or video.shape[3] % SMALLEST or video.shape[4] % SMALLEST:
            raise ClipError(
                f"{self.info.name}: T must be 1 + a multiple of {self.info.compression[0]}, H and W multiples of "
                f"{SMALLEST}, got {shape}; pad the clip"
            )

    def _refuse_foreign(self, data: Any) -> None:
        channels, across = self.info.latent_channels, SMALLEST // self.info.compression[2]
        wanted = f"latents B x {channels} x t x h x w" if channels else "whole numbers B x t x h x w"
        fits = isinstance(data, Tensor) and data.dim() == (5 if channels else 4) and 0 not in data.shape
        fits = fits and data.is_floating_point() == bool(channels) and (not channels or data.shape[1] == channels)
        if not fits or data.shape[-1] % across or data.shape[-2] % across:
            raise TokenBenchError(
                f"{self.info.name} decodes {wanted}, h and w multiples of {across}, got {_describe(data)}"
            )
        if self.info.vocabulary:
            low, high = (int(end) for end in data.aminmax())
            if low < 0 or high >= self.info.vocabulary:
                raise TokenBenchError(
                    f"{self.info.name} decodes codes 0 to {self.info.vocabulary - 1}, got {low} to {high}"
                )


def _settings(tile: int, module: OmniTokenizer) -> dict[str, Any]:
    """The choices that change results, in words."""
    return {
        "tile": tile,
        "squares": f"the largest that cover the padded frame, of at most {tile} pixels; each alone, without overlap",
        "range": "network in [-0.5, 0.5], mapped from and to [-1, 1]",
        "time": "not causal: position generators of the transformers over time mix frames, as in the released code",
        "tokens": "mean of the posterior" if module.variational else "nearest codebook row, as stored",
    }


def _describe(value: object) -> str:
    return " x ".join(map(str, value.shape)) if isinstance(value, Tensor) else f"a {type(value).__name__}"
