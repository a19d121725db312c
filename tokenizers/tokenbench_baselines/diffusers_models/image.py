"""Image autoencoders of the diffusers library as tokenizers: the mode of the posterior, whole pictures, no scaling."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens, nominal_bits_per_pixel
from tokenbench.weights import HubSource
from tokenbench_baselines.diffusers_models.grid import describe
from tokenbench_baselines.diffusers_models.loading import load_module

# Of a batch, that pass through a network at once; one picture always does.
_PIXELS_AT_ONCE = 2**20

_OTHER_DTYPE = "take bfloat16 or float32"


def load(
    info: TokenizerInfo,
    *,
    class_name: str,
    config: Mapping[str, Any],
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
    overflows: bool = False,
) -> ImageAutoencoder:
    """The tokenizer of a card.

    Args:
        info: its card.
        class_name: of the library.
        config: published arguments of the class; those that come with the weights take their place.
        weights: as `load_module` takes them.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where the weights are published.
        overflows: the network's activations do not fit into float16, so that this dtype deserves a warning.

    Raises:
        TokenBenchError: the library is missing, or the weights are missing or do not fit.
    """
    if overflows and dtype == torch.float16:
        warnings.warn(f"{info.name} is known to overflow in float16; {_OTHER_DTYPE}", stacklevel=2)
    module, info, provenance = load_module(
        info, class_name=class_name, config=config, weights=weights, device=device, dtype=dtype, hub=hub
    )
    return ADAPTERS.get(class_name, ImageAutoencoder)(info, module, provenance)


class ImageAutoencoder(Tokenizer):
    """A network with a Gaussian posterior, of which the mode is taken.

    Inputs are moved to the network's device and dtype; latents and reconstructions stay there. Large batches pass in
    parts, with the result of one pass.

    Args:
        info: its card.
        module: the network.
        provenance: what results say of it; "settings" gets what the adapter does.
    """

    stated: ClassVar[Mapping[str, Any]] = {"posterior": "mode"}

    def __init__(self, info: TokenizerInfo, module: Any, provenance: Mapping[str, Any]) -> None:
        self.info = info
        self.module = module
        self.provenance = {**provenance, "settings": {**provenance["settings"], **self.stated}}

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """Tokens of a batch: latents B x C x h x w, counted at 16 bits a value, or codes B x h x w, int32.

        Args:
            video: B x 3 x H x W in [-1, 1], H and W multiples of `info.padding.size`.

        Raises:
            TokenBenchError: it is no batch of pictures.
            ClipError: the network does not take that size, gave latents of another shape than its card says, or
                overflowed.
        """
        self._refuse_invalid(video)
        height, width = video.shape[2:]
        data = self._in_parts(self._encoded, video, height * width)
        grid = (height // self.info.compression[1], width // self.info.compression[2])
        self._refuse_unexpected("encode", data, (len(video), *self._channels, *grid))
        return Tokens(data, math.prod((len(data), *grid)) * self._bits_per_token)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """The pictures B x 3 x H x W that tokens stand for, as the network gives them.

        Raises:
            TokenBenchError: these are not tokens of this tokenizer.
            ClipError: the network gave another shape than it must, or overflowed.
        """
        self._refuse_foreign(tokens.data)
        batch, (h, w) = len(tokens.data), tokens.data.shape[-2:]
        size = (h * self.info.compression[1], w * self.info.compression[2])
        pictures = self._in_parts(self._decoded, tokens.data, math.prod(size))
        self._refuse_unexpected("decode", pictures, (batch, 3, *size))
        return pictures

    def _encoded(self, pictures: Tensor) -> Tensor:
        return latents_of(self.module.encode(pictures))

    def _decoded(self, tokens: Tensor) -> Tensor:
        return self.module.decode(tokens).sample

    def _in_parts(self, call: Any, batch: Tensor, pixels: int) -> Tensor:
        """A call on so many of the batch at once as memory should hold; `pixels` a picture."""
        placed = batch.to(self.module.device, self.module.dtype if batch.is_floating_point() else torch.int64)
        return torch.cat([call(part) for part in placed.split(max(1, _PIXELS_AT_ONCE // pixels))])

    @property
    def _channels(self) -> tuple[int, ...]:
        """The axis of a token's values; none for codes."""
        return () if self.info.latent_channels is None else (self.info.latent_channels,)

    @property
    def _bits_per_token(self) -> float:
        return nominal_bits_per_pixel(
            (1, 1, 1), latent_channels=self.info.latent_channels, vocabulary=self.info.vocabulary
        )

    def _refuse_invalid(self, video: Tensor) -> None:
        """Networks of the library cut or enlarge a size that does not fit without a word."""
        name, multiples = self.info.name, self.info.padding.size
        if video.dim() != 4 or video.shape[1] != 3 or 0 in video.shape:
            raise TokenBenchError(f"{name} takes B x 3 x H x W, none of them zero, got {describe(video)}")
        valid = [size + -size % multiple for size, multiple in zip(video.shape[2:], multiples, strict=True)]
        if valid != list(video.shape[2:]):
            rule = " and ".join(map(str, dict.fromkeys(multiples)))
            got, wanted = (" x ".join(map(str, size)) for size in (video.shape[2:], valid))
            raise ClipError(f"{name}: {got} is not a multiple of {rule}; pad H x W to {wanted}")

    def _refuse_foreign(self, data: Any) -> None:
        channels, codes = self.info.latent_channels, self.info.vocabulary
        wanted = f"latents B x {channels} x h x w" if codes is None else "whole numbers B x h x w"
        fits = isinstance(data, Tensor) and data.dim() == 3 + len(self._channels) and 0 not in data.shape
        if not fits or data.is_floating_point() != (codes is None) or (codes is None and data.shape[1] != channels):
            raise TokenBenchError(f"{self.info.name} decodes {wanted}, got {describe(data)}")
        if codes is not None and (data.min() < 0 or data.max() >= codes):
            low, high = (int(end) for end in data.aminmax())
            raise TokenBenchError(f"{self.info.name} decodes codes 0 to {codes - 1}, got {low} to {high}")

    def _refuse_unexpected(self, what: str, given: Tensor, expected: tuple[int, ...]) -> None:
        """Another shape than the card has, or what is left of numbers that float16 does not hold."""
        name = self.info.name
        if tuple(given.shape) != expected:
            raise ClipError(
                f"{name}: {what} gave {describe(given)}, expected {' x '.join(map(str, expected))}; take the weights"
                " of this very tokenizer"
            )
        if given.dtype == torch.float16 and not given.isfinite().all():
            raise ClipError(f"{name}: {what} overflowed in float16 (NaN or infinity); {_OTHER_DTYPE}")


class Deterministic(ImageAutoencoder):
    """A network without a posterior."""

    stated: ClassVar = {"posterior": "none"}


class QwenImage(ImageAutoencoder):
    """A causal video network, of which a picture is the first frame."""

    def _encoded(self, pictures: Tensor) -> Tensor:
        return super()._encoded(pictures.unsqueeze(2)).squeeze(2)

    def _decoded(self, tokens: Tensor) -> Tensor:
        return super()._decoded(tokens.unsqueeze(2)).squeeze(2)


class VectorQuantised(ImageAutoencoder):
    """A codebook. The class encodes to unquantised latents, and looks their codes up only when it decodes."""

    stated: ClassVar = {"posterior": "none"}

    def _encoded(self, pictures: Tensor) -> Tensor:
        latents = super()._encoded(pictures)
        _, _, (_, _, codes) = self.module.quantize(latents)
        return codes.view(len(latents), *latents.shape[2:]).int()

    def _decoded(self, tokens: Tensor) -> Tensor:
        shape = (*tokens.shape, self.module.quantize.vq_embed_dim)
        # The rows of the codebook as they are: a second search for the nearest one could round to another.
        if self.module.config.lookup_from_codebook:
            return self.module.decode(tokens.flatten(), force_not_quantize=True, shape=shape).sample
        rows = self.module.quantize.get_codebook_entry(tokens.flatten(), shape)
        return self.module.decode(rows, force_not_quantize=True).sample


def latents_of(encoded: Any) -> Tensor:
    """What a class's `encode` gives, as latents: of a posterior its mode, never a sample."""
    if hasattr(encoded, "latent_dist"):
        return encoded.latent_dist.mode()
    return encoded.latent if hasattr(encoded, "latent") else encoded.latents


# Classes that need more than the plain adapter.
ADAPTERS: dict[str, type[ImageAutoencoder]] = {
    "AutoencoderDC": Deterministic,
    "AutoencoderTiny": Deterministic,
    "AutoencoderKLQwenImage": QwenImage,
    "VQModel": VectorQuantised,
}
