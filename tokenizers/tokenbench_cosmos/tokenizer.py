"""The Cosmos networks as tokenizers of tokenbench."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.tokenizer import BITS_PER_LATENT_VALUE, TokenizerInfo, Tokens
from tokenbench.weights import find_weights, sha256_of_files
from tokenbench_cosmos.loading import FILE_SETS, load_strictly, read_checkpoint
from tokenbench_cosmos.network import RGB, CosmosVideoAutoencoder, VideoConfig

RANDOM = "random"
RANDOM_SEED = 0


def load_video_tokenizer(
    info: TokenizerInfo,
    *,
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    channel_multipliers: Sequence[int],
    channels: int = 128,
    exact_haar: bool = False,
) -> CosmosVideoTokenizer:
    """Make a continuous video tokenizer.

    Args:
        info: its card.
        weights: a file or folder; "random" for the framework's default initialisation, the same every time; None
            looks in `tokenbench.weights.weights_root()`.
        device: where it runs.
        dtype: of parameters and arithmetic.
        channel_multipliers: width of every level, in units of `channels`.
        channels: width after the first convolution.
        exact_haar: put 1/sqrt(2) in place of the wavelet's tap in the file, which bfloat16 has rounded to 0.70703125.
            That is the transform as defined, but not what the released networks compute: their reconstructions are
            0.13 % fainter over the four levels.

    Raises:
        TokenBenchError: the weights are missing, unreadable or do not fit.
    """
    config = VideoConfig(
        compression=info.compression,
        channel_multipliers=tuple(channel_multipliers),
        latent_channels=info.latent_channels or 0,
        channels=channels,
    )
    digest = None
    if weights == RANDOM:
        module = _random_module(config).to(dtype)
        info = replace(info, weights="random initialisation")
    else:
        paths = find_weights(info.name, weights, FILE_SETS, hint=_where_to_get(info))
        digest = sha256_of_files(paths)
        with torch.device("meta"):
            module = CosmosVideoAutoencoder(config)
        load_strictly(module, read_checkpoint(paths), dtype=dtype, source=" + ".join(map(str, paths)))
    if exact_haar:
        for wavelet in (module.encoder.patcher3d, module.decoder.unpatcher3d):
            wavelet.wavelets.fill_(1 / math.sqrt(2))
    return CosmosVideoTokenizer(info, module.to(device), weights_sha256=digest)


class CosmosVideoTokenizer:
    """A video autoencoder that fulfils the tokenizer contract.

    Inputs are moved to the module's device and dtype; latents and reconstructions stay there.

    Args:
        info: its card.
        module: the network; it is put in eval mode, without gradients.
        weights_sha256: digest of the files that it was loaded from.
    """

    def __init__(
        self, info: TokenizerInfo, module: CosmosVideoAutoencoder, *, weights_sha256: str | None = None
    ) -> None:
        self.info = info
        self.weights_sha256 = weights_sha256
        self.module = module.eval().requires_grad_(False)
        if self._weight.device.type == "cpu":
            # Convolutions are faster so: 2.9 s for 3.2 s over 17 x 256 x 256 (2 cores, torch 2.15).
            self.module.to(memory_format=torch.channels_last_3d)

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """Latents of a batch.

        Args:
            video: B x 3 x T x H x W in [-1, 1]; T = 1 (mod the compression in time), H and W multiples of that in
                space.

        Returns:
            B x C x t x h x w, counted at 16 bits a value.

        Raises:
            ClipError: the network does not take that size.
        """
        self._refuse_invalid(video)
        latent = self.module.encode(self._placed(video))
        return Tokens(latent, bits=float(BITS_PER_LATENT_VALUE * latent.numel()))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """The batch that latents stand for: B x 3 x T x H x W, unclamped.

        Raises:
            TokenBenchError: these are not latents of this tokenizer.
        """
        latent = tokens.data
        channels = self.module.config.latent_channels
        if not isinstance(latent, Tensor) or latent.dim() != 5 or latent.shape[1] != channels or 0 in latent.shape:
            raise TokenBenchError(
                f"{self.info.name} decodes latents B x {channels} x t x h x w, got {_describe(latent)}"
            )
        return self.module.decode(self._placed(latent))

    def reconstruct(self, video: Tensor) -> Tensor:
        """Decode what was encoded: same shape as `video`."""
        return self.decode(self.encode(video))

    def _placed(self, x: Tensor) -> Tensor:
        return x.to(self._weight.device, self._weight.dtype)

    @property
    def _weight(self) -> Tensor:
        return self.module.quant_conv.conv3d.weight

    def _refuse_invalid(self, video: Tensor) -> None:
        """The network itself would drop frames or broadcast rows without a word."""
        name = self.info.name
        if video.dim() != 5 or video.shape[1] != RGB or 0 in video.shape:
            raise TokenBenchError(f"{name} takes B x {RGB} x T x H x W, none of them zero, got {_describe(video)}")
        time, height, width = self.info.compression
        problems, valid = [], []
        for axis, size, multiple, rest in zip("THW", video.shape[2:], (time, height, width), (1, 0, 0), strict=True):
            valid.append(size + (rest - size) % multiple)
            if size != valid[-1]:
                rule = f"1 + a multiple of {multiple}" if rest else f"a multiple of {multiple}"
                problems.append(f"{axis} = {size} is not {rule}")
        if problems:
            raise ClipError(f"{name}: {', '.join(problems)}; pad T x H x W to {' x '.join(map(str, valid))}")


def _random_module(config: VideoConfig) -> CosmosVideoAutoencoder:
    """The framework's default initialisation, from a fixed seed; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # torch.manual_seed would also seed the generators of every GPU, which are not forked.
        torch.default_generator.manual_seed(RANDOM_SEED)
        return CosmosVideoAutoencoder(config)


def _where_to_get(info: TokenizerInfo) -> str:
    return f"get them from {info.weights} and accept their licence ({info.license})"


def _describe(value: object) -> str:
    return " x ".join(map(str, value.shape)) if isinstance(value, Tensor) else f"a {type(value).__name__}"
