"""Video autoencoders of the diffusers library as tokenizers: one call, whole clip, mode of the posterior.

What the library's classes do without a word (`grid` has the shapes) is prevented here or stated in `provenance`: tiles
in space and time are off, nothing is sampled, no noise is drawn, and no two calls share a network's caches.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import Tokenizer, TokenizerInfo, Tokens
from tokenbench.weights import HubSource
from tokenbench_baselines.diffusers_models.grid import (
    bits_of,
    checked,
    refuse_foreign,
    refuse_invalid,
    token_shape,
    video_shape,
)
from tokenbench_baselines.diffusers_models.loading import load_module

# Of Stable Video Diffusion's encoder, which takes pictures.
_PICTURES_AT_ONCE = 8


def load(
    info: TokenizerInfo,
    *,
    class_name: str,
    config: Mapping[str, Any],
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
    **switches: Any,
) -> VideoAutoencoder:
    """The tokenizer of a card.

    Args:
        info: its card.
        class_name: of the library.
        config: published arguments of the class; those that come with the weights take their place.
        weights: as `load_module` takes them.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where the weights are published.
        switches: of the class's adapter.

    Raises:
        TokenBenchError: the library is missing, the weights are missing or do not fit, a switch has no such value.
    """
    made = ADAPTERS.get(class_name, VideoAutoencoder)
    module, info, provenance = load_module(
        info,
        class_name=class_name,
        config=config,
        weights=weights,
        device=device,
        dtype=dtype,
        hub=hub,
        attributes=made.attributes,
    )
    return made(info, module, provenance, **switches)


class VideoAutoencoder(Tokenizer):
    """A network with a Gaussian posterior, of which the mode is taken.

    Inputs are moved to the network's device and dtype; latents and reconstructions stay there. Clips of a batch pass
    one by one, as some classes fail on several. Calls from several threads wait for each other, as some networks keep
    the frames of a call in their layers.

    Args:
        info: its card.
        module: the network.
        provenance: what results say of it; "settings" gets what the adapter does.
    """

    attributes: ClassVar[Mapping[str, Any]] = {}
    stated: ClassVar[Mapping[str, Any]] = {"posterior": "mode"}

    def __init__(self, info: TokenizerInfo, module: Any, provenance: dict[str, Any]) -> None:
        self.info = info
        self.module = module
        self.provenance = {**provenance, "settings": {**provenance["settings"], **self.stated}}
        self._alone = threading.Lock()

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """Tokens of a batch: the mode of latents B x C x t x h x w, counted at 16 bits a value, or codes B x t x h x w.

        Args:
            video: B x 3 x T x H x W in [-1, 1], T, H and W as `info.padding` has them.

        Raises:
            TokenBenchError: it is no batch of clips.
            ClipError: the network does not take that size, or gave latents of another shape than it must.
        """
        refuse_invalid(self.info, video)
        with self._alone:
            clips = video.to(self.module.device, self.module.dtype).split(1)
            data = torch.cat([self._encoded(clip) for clip in clips])
        checked(self.info, "encode", data, token_shape(self.info, tuple(video.shape)))
        return Tokens(data, bits_of(self.info, tuple(data.shape)))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """The clips B x 3 x T x H x W that tokens stand for, as the network gives them.

        Raises:
            TokenBenchError: these are not tokens of this tokenizer.
            ClipError: the network gave another shape than it must.
        """
        refuse_foreign(self.info, tokens.data)
        with self._alone:
            clips = tokens.data.to(self.module.device).split(1)
            video = torch.cat([self._decoded(clip) for clip in clips])
        return checked(self.info, "decode", video, video_shape(self.info, tuple(tokens.data.shape)))

    def _encoded(self, video: Tensor) -> Tensor:
        return self.module.encode(video).latent_dist.mode()

    def _decoded(self, latents: Tensor) -> Tensor:
        return self.module.decode(latents.to(self.module.dtype)).sample


class CogVideoX(VideoAutoencoder):
    """In groups of 8 frames, which share statistics and see no later group: part of the released network."""

    attributes: ClassVar = {"num_sample_frames_batch_size": 8, "num_latent_frames_batch_size": 2}


class Wan(VideoAutoencoder):
    """Frame by frame, each layer with the frames before it: memory does not grow with the clip. The class clamps."""

    stated: ClassVar = {"posterior": "mode", "output": "clamped to [-1, 1] by the class"}


class LtxVideo(VideoAutoencoder):
    """LTX-Video and LTX-2, whose later decoders take a noise level and would add noise of their own.

    Args:
        info: its card.
        module: the network; its layers that add noise add none here.
        provenance: what results say of it.
        decode_timestep: noise level in [0, 1] that the decoder is told, where it asks for one.

    Raises:
        TokenBenchError: the level is out of range.
    """

    def __init__(
        self, info: TokenizerInfo, module: Any, provenance: dict[str, Any], decode_timestep: float = 0.05
    ) -> None:
        super().__init__(info, module, provenance)
        if not isinstance(decode_timestep, int | float) or not 0 <= decode_timestep <= 1:
            raise TokenBenchError(f"decode_timestep is {decode_timestep!r}, expected a number from 0 to 1")
        self._timestep = float(decode_timestep) if module.config.timestep_conditioning else None
        self._noisy = [layer for layer in module.modules() if getattr(layer, "per_channel_scale1", None) is not None]
        noise = f"left out of {len(self._noisy)} layers" if self._noisy else "none"
        self.provenance["settings"] |= {"decode_timestep": self._timestep, "noise": noise}

    def _decoded(self, latents: Tensor) -> Tensor:
        latents = latents.to(self.module.dtype)
        level = None if self._timestep is None else latents.new_full((1,), self._timestep)
        with _silenced(self._noisy):
            return self.module.decode(latents, temb=level).sample


class Allegro(VideoAutoencoder):
    """The class computes in tiles only, which must cover the clip exactly: all else stays black. It gets one tile.

    Its released tiles, 24 x 320 x 320, fit clips of 24 + 16 i frames of 320 + 200 j rows and 320 + 240 k columns.
    """

    attributes: ClassVar = {"use_tiling": True}
    stated: ClassVar = {"posterior": "mode", "tile": "the whole window"}

    def _encoded(self, video: Tensor) -> Tensor:
        self.module.kernel = self.module.stride = tuple(video.shape[2:])
        return super()._encoded(video)

    def _decoded(self, latents: Tensor) -> Tensor:
        frames, height, width = latents.shape[2:]
        across, along = self.module.config.temporal_compression_ratio, self.module.spatial_compression_ratio
        self.module.kernel = self.module.stride = (frames * across, height * along, width * along)
        # Frames come before colours.
        return super()._decoded(latents).transpose(1, 2)


class EasyAnimate(VideoAutoencoder):
    """Layers keep frames from call to call; a call that fails leaves them for the next one."""

    def _encoded(self, video: Tensor) -> Tensor:
        self.module._clear_conv_cache()
        return super()._encoded(video)

    def _decoded(self, latents: Tensor) -> Tensor:
        self.module._clear_conv_cache()
        return super()._decoded(latents)


class StableVideoDiffusion(VideoAutoencoder):
    """An encoder of pictures, and a decoder that mixes the frames of one clip."""

    def _encoded(self, video: Tensor) -> Tensor:
        pictures = video[0].transpose(0, 1).split(_PICTURES_AT_ONCE)
        return torch.cat([super(StableVideoDiffusion, self)._encoded(part) for part in pictures]).transpose(0, 1)[None]

    def _decoded(self, latents: Tensor) -> Tensor:
        pictures = latents[0].transpose(0, 1).to(self.module.dtype)
        return self.module.decode(pictures, num_frames=len(pictures)).sample.transpose(0, 1)[None]


@contextmanager
def _silenced(layers: Sequence[Any]) -> Iterator[None]:
    """Layers that add noise, by a factor for every channel, add none for a while."""
    factors = [(layer.per_channel_scale1, layer.per_channel_scale2) for layer in layers]
    for layer in layers:
        layer.per_channel_scale1 = layer.per_channel_scale2 = None
    try:
        yield
    finally:
        for layer, (first, second) in zip(layers, factors, strict=True):
            layer.per_channel_scale1, layer.per_channel_scale2 = first, second


ADAPTERS: dict[str, type[VideoAutoencoder]] = {
    "AutoencoderKLCogVideoX": CogVideoX,
    "AutoencoderKLWan": Wan,
    "AutoencoderKLLTXVideo": LtxVideo,
    "AutoencoderKLLTX2Video": LtxVideo,
    "AutoencoderKLAllegro": Allegro,
    "AutoencoderKLMagvit": EasyAnimate,
    "AutoencoderKLTemporalDecoder": StableVideoDiffusion,
}
