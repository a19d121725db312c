"""VidTok (arXiv 2412.13061): continuous and discrete, causal and not, from the checkpoints as they were released.

The library's class computes what version 1.1 does. Version 1.0 has the same tensors under the same names, but its
causal layers begin with zeros where 1.1 repeats the first frame, and its decoder doubles time by repeating frames where
1.1 interpolates. No file says which it is but by its name, so cards and files are held to the same release.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import TokenizerInfo
from tokenbench.weights import HubSource
from tokenbench_baselines.diffusers_models.loading import load_module
from tokenbench_baselines.diffusers_models.video import VideoAutoencoder

VERSION_1_1 = "_v1_1"

_NETWORK = ("encoder.", "decoder.")


def load(
    info: TokenizerInfo,
    *,
    checkpoint: str,
    config: Mapping[str, Any],
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
) -> VidTok:
    """The tokenizer of a card.

    Args:
        info: its card.
        checkpoint: name of the released file without its suffix; "_v1_1" at its end decides how causal layers begin.
        config: arguments of the library's class.
        weights: as `load_module` takes them; of a released checkpoint, the encoder's and the decoder's tensors.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where the weights are published.

    Raises:
        TokenBenchError: the library is missing; the weights are missing, do not fit, or are of another release.
    """
    made = VidTok if config.get("is_causal", True) else NonCausalVidTok
    module, info, provenance = load_module(
        info,
        class_name="AutoencoderVidTok",
        config=config,
        weights=weights,
        device=device,
        dtype=dtype,
        hub=hub,
        attributes=made.attributes,
        prepare=lambda state: {name: tensor for name, tensor in state.items() if name.startswith(_NETWORK)},
    )
    _refuse_other_release(info, checkpoint, provenance["weights"].get("files", {}))
    if made is VidTok:
        for layer in _layers_with_memory(module):
            layer.register_forward_hook(_forget)
        is_first = not checkpoint.endswith(VERSION_1_1)
        if is_first:
            _begin_with_zeros(module)
        provenance["settings"]["version"] = "1.0" if is_first else "1.1"
    return made(info, module, provenance)


class VidTok(VideoAutoencoder):
    """A causal one: the first frame is repeated in front, and the repeats are dropped from the reconstruction."""

    def _encoded(self, video: Tensor) -> Tensor:
        return self._tokens(torch.cat([video[:, :, :1].expand(-1, -1, self._repeats, -1, -1), video], dim=2))

    def _decoded(self, latents: Tensor) -> Tensor:
        if self.info.vocabulary is not None:
            latents = self.module.indices_to_latent(latents)
        # The class itself drops the repeats of a causal network.
        return self.module.decode(latents.to(self.module.dtype))

    @property
    def _repeats(self) -> int:
        return self.info.compression[0] - 1

    def _tokens(self, video: Tensor) -> Tensor:
        encoded = self.module.encode(video)
        return encoded.latent_dist.mode() if self.info.vocabulary is None else encoded[1]


class NonCausalVidTok(VidTok):
    """The class drops latent frames beyond a multiple of its batch, 16 frames; the network takes any whole number."""

    attributes: ClassVar = {"num_latent_frames_batch_size": 1}

    @property
    def _repeats(self) -> int:
        return 0


def _refuse_other_release(info: TokenizerInfo, checkpoint: str, files: Mapping[str, str]) -> None:
    """A checkpoint that was renamed cannot be told; one under its own name can."""
    for name in files:
        stem = Path(name).stem
        if stem.startswith("vidtok_") and stem != checkpoint:
            raise TokenBenchError(
                f"{info.name}: {name} is another release of VidTok than {checkpoint}, whose layers may compute"
                " otherwise; choose its own card ('tokenbench list tokenizers')"
            )


def _layers_with_memory(module: nn.Module) -> list[Any]:
    return [layer for layer in module.modules() if hasattr(layer, "causal_cache")]


def _forget(layer: Any, inputs: Any, output: Any) -> None:
    """Only tiles need what a layer remembers; it takes as much memory as all activations."""
    layer.causal_cache = None


def _begin_with_zeros(module: nn.Module) -> None:
    """Version 1.0: frames before the first are black, and time is doubled by repeating frames."""
    for layer in _layers_with_memory(module):
        layer.register_forward_pre_hook(_remember_zeros)
        if hasattr(layer, "interpolation_mode"):
            layer.interpolation_mode, layer.enable_cached = "nearest", False


def _remember_zeros(layer: Any, inputs: tuple[Tensor]) -> None:
    (frames,) = inputs
    shape = list(frames.shape)
    # The sampler's average spans one frame before its first.
    shape[2] = getattr(layer, "time_pad", 1)
    layer.is_first_chunk = False
    layer.causal_cache = frames.new_zeros(shape)
