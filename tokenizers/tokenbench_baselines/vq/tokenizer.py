"""Networks with discrete codes as tokenizers of tokenbench."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.tokenizer import TokenizerInfo, Tokens
from tokenbench.weights import HubSource, locate
from tokenbench_baselines.checkpoint import RANDOM, random_network
from tokenbench_baselines.vq.checkpoint import load_weights
from tokenbench_baselines.vq.codebook import CodebookNetwork
from tokenbench_baselines.vq.config import RGB, CodebookConfig, FileLayout, LookupFreeConfig
from tokenbench_baselines.vq.lookup_free import LookupFreeNetwork

# Of a batch that pass through a network at once: its widest tensors then take 512 MiB in float32.
_PIXELS_AT_ONCE = 2**20

Network = CodebookNetwork | LookupFreeNetwork
Config = CodebookConfig | LookupFreeConfig


def load(
    info: TokenizerInfo,
    *,
    config: Config,
    layout: FileLayout,
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
) -> VQTokenizer:
    """Make a tokenizer.

    Args:
        info: its card.
        config: its network.
        layout: of its published file.
        weights: a file, a folder or "hf:owner/name@commit"; "random" for the framework's default initialisation, the
            same every time; None looks where weights are installed, then on the hub.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where the weights are published, if that is on the hub.

    Raises:
        TokenBenchError: the weights are missing, unreadable or do not fit.
    """
    if weights == RANDOM:
        info = replace(info, weights="random initialisation")
        module = random_network(lambda: build(config)).to(dtype)
        return VQTokenizer(info, module.to(device), provenance={"weights": {"source": info.weights}})
    hint = f"get them from {info.weights} and accept their license ({info.license})"
    files = locate(info.name, weights, hub, file_sets=hub.file_sets if hub else (), hint=hint)
    if len(files.paths) != 1:
        raise TokenBenchError(
            f"{files.source} holds {len(files.paths)} weight files ({', '.join(path.name for path in files.paths)}); "
            f"name the one of {info.name} with --weights PATH"
        )
    with torch.device("meta"):
        module = build(config)
    taken = load_weights(module, files.paths[0], layout, dtype=dtype)
    provenance = {"weights": files.as_dict(), "settings": {"weights": taken}}
    return VQTokenizer(info, module.to(device), provenance=provenance)


def build(config: Config) -> Network:
    """The network of a configuration, with the framework's default initialisation."""
    return CodebookNetwork(config) if isinstance(config, CodebookConfig) else LookupFreeNetwork(config)


class VQTokenizer:
    """A network with discrete codes that fulfils the tokenizer contract.

    Inputs are moved to the module's device and dtype; tokens and reconstructions stay there. Large batches pass
    through the network in parts.

    Args:
        info: its card.
        module: the network; it is put in eval mode, without gradients.
        provenance: what results say of the weights.
    """

    def __init__(self, info: TokenizerInfo, module: Network, *, provenance: dict[str, Any] | None = None) -> None:
        self.info = info
        self.module = module.eval().requires_grad_(False)
        self.provenance = provenance or {}
        self._codes = info.vocabulary or 0
        # Along which a token stands for more than one pixel: H and W, in a video T before them.
        self._compression = info.compression if info.modality == "video" else info.compression[1:]

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """Codes of a batch.

        Args:
            video: B x 3 x H x W in [-1, 1], H and W multiples of the compression; for a tokenizer of video
                B x 3 x T x H x W, T = 1 (mod the compression in time).

        Returns:
            int32 B x h x w, of video B x t x h x w, counted at log2(codes) bits each.

        Raises:
            ClipError: the network does not take that size.
        """
        self._refuse_invalid(video)
        parts = self._placed(video).split(self._at_once(math.prod(video.shape[2:])))
        codes = torch.cat([self.module.encode(part) for part in parts])
        return Tokens(codes, bits=codes.numel() * math.log2(self._codes))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """The batch that codes stand for: B x 3 x H x W, of video B x 3 x T x H x W, unclamped.

        Raises:
            TokenBenchError: these are not codes of this tokenizer.
        """
        codes = tokens.data
        self._refuse_foreign(codes)
        pixels = math.prod(codes.shape[1:]) * math.prod(self._compression)
        parts = codes.to(self._weight.device, torch.int64).split(self._at_once(pixels))
        return torch.cat([self.module.decode(part) for part in parts])

    def reconstruct(self, video: Tensor) -> Tensor:
        """Decode what was encoded: same shape as `video`."""
        return self.decode(self.encode(video))

    @property
    def _weight(self) -> Tensor:
        return self.module.decoder.norm_out.weight

    def _placed(self, pixels: Tensor) -> Tensor:
        return pixels.to(self._weight.device, self._weight.dtype)

    def _at_once(self, pixels: int) -> int:
        return max(1, _PIXELS_AT_ONCE // pixels)

    def _refuse_invalid(self, video: Tensor) -> None:
        """The network itself would drop rows, or fail somewhere inside."""
        name, axes = self.info.name, "THW"[-len(self._compression) :]
        if video.dim() != 2 + len(axes) or video.shape[1] != RGB or 0 in video.shape:
            layout = " x ".join(["B", str(RGB), *axes])
            raise TokenBenchError(f"{name} takes {layout}, none of them zero, got {_describe(video)}")
        positions = 1
        for axis, size, multiple in zip(axes, video.shape[2:], self._compression, strict=True):
            rest = 1 if axis == "T" else 0
            if (size - rest) % multiple:
                rule = f"1 + a multiple of {multiple}" if rest else f"a multiple of {multiple}"
                raise ClipError(f"{name}: {axis} = {size} is not {rule}; pad it to {size + (rest - size) % multiple}")
            positions *= -(-size // multiple)
        self._refuse_single(positions)

    def _refuse_foreign(self, codes: Any) -> None:
        """Codes beyond the vocabulary would wrap around or fail somewhere inside."""
        wanted = f"whole numbers B x {'t x ' if self.info.modality == 'video' else ''}h x w"
        fits = isinstance(codes, Tensor) and codes.dim() == 1 + len(self._compression) and 0 not in codes.shape
        if not fits or codes.is_floating_point() or codes.is_complex() or codes.dtype == torch.bool:
            raise TokenBenchError(f"{self.info.name} decodes {wanted}, got {_describe(codes)}")
        low, high = (int(end) for end in codes.aminmax())
        if low < 0 or high >= self._codes:
            raise TokenBenchError(f"{self.info.name} decodes codes 0 to {self._codes - 1}, got {low} to {high}")
        self._refuse_single(math.prod(codes.shape[1:]))

    def _refuse_single(self, positions: int) -> None:
        """One position has no variance, by which the decoder normalises."""
        if positions == 1 and isinstance(self.module, LookupFreeNetwork):
            raise ClipError(f"{self.info.name} needs more than one token; take a larger image")


def _describe(value: object) -> str:
    return f"{' x '.join(map(str, value.shape))} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
