"""A whole Cosmos tokenizer network: encoder, projection to tokens, quantiser where it is discrete, and back."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tokenbench_cosmos.causal import CausalConv3d
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.fsq import FSQuantizer
from tokenbench_cosmos.image import ImageDecoder, ImageEncoder
from tokenbench_cosmos.past import Past
from tokenbench_cosmos.video import VideoDecoder, VideoEncoder


class CosmosAutoencoder(nn.Module):
    """Image or video, continuous or discrete, as its configuration says.

    A continuous latent is a plain projection of the features, with nothing sampled; a discrete one is quantised.
    Parameters and buffers have the names and shapes of the released files.

    `T` below is absent for images. Sizes that the compression does not divide are not refused, they come out wrong.
    """

    def __init__(self, config: CosmosConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = VideoEncoder(config) if config.is_video else ImageEncoder(config)
        self.quant_conv = _projection(config, config.z_channels, config.token_channels)
        if config.fsq_levels:
            self.quantizer = FSQuantizer(config.fsq_levels)
        self.post_quant_conv = _projection(config, config.token_channels, config.z_channels)
        self.decoder = VideoDecoder(config) if config.is_video else ImageDecoder(config)

    def encode(self, pixels: Tensor, past: Past | None = None) -> Tensor:
        """Tokens of pixels.

        Args:
            pixels: B x 3 x T x H x W in [-1, 1].
            past: of the clip, where it comes in chunks (video only).

        Returns:
            Latent B x 16 x t x h x w, or indices B x t x h x w, int32, 0 to 63,999.
        """
        latent = self.latent(pixels, past)
        return self.quantizer.indices(latent) if self.config.fsq_levels else latent

    def decode(self, tokens: Tensor, past: Past | None = None) -> Tensor:
        """Pixels of tokens: what `encode` gives -> B x 3 x T x H x W, unclamped."""
        codes = self.quantizer.codes(tokens) if self.config.fsq_levels else tokens
        return self.decode_codes(codes.to(self.post_quant_weight.dtype), past)

    def forward(self, pixels: Tensor) -> Tensor:
        """Decode what was encoded, with a gradient through the quantiser: same shape as `pixels`."""
        latent = self.latent(pixels)
        return self.decode_codes(self.quantizer(latent) if self.config.fsq_levels else latent)

    def latent(self, pixels: Tensor, past: Past | None = None) -> Tensor:
        """B x 3 x T x H x W -> what is quantised in a discrete network, B x D x t x h x w."""
        return self.quant_conv(self.encoder(pixels, *_passed(past)))

    def decode_codes(self, codes: Tensor, past: Past | None = None) -> Tensor:
        """A continuous latent, or the codes of a discrete one, B x D x t x h x w -> B x 3 x T x H x W."""
        return self.decoder(self.post_quant_conv(codes), *_passed(past))

    @property
    def post_quant_weight(self) -> Tensor:
        """Tells the network's device and dtype."""
        return next(self.post_quant_conv.parameters())


def _projection(config: CosmosConfig, in_channels: int, out_channels: int) -> nn.Module:
    if config.is_video:
        return CausalConv3d(in_channels, out_channels, (1, 1, 1))
    return nn.Conv2d(in_channels, out_channels, 1)


def _passed(past: Past | None) -> tuple[Any, ...]:
    """Image networks know no past."""
    return () if past is None else (past,)
