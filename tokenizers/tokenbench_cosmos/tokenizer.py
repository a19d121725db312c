"""The Cosmos networks as tokenizers of tokenbench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.tokenizer import IN_PACKAGE, TokenizerInfo, Tokens, nominal_bits_per_pixel
from tokenbench.weights import HubSource, WeightFiles, locate
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.cards import FILE_SETS, SHIPPED
from tokenbench_cosmos.config import RGB, CosmosConfig
from tokenbench_cosmos.export import export
from tokenbench_cosmos.loading import Choices, describe_taps, load_network, set_taps
from tokenbench_cosmos.streaming import ONE_PASS_FRAMES, PIXELS_AT_ONCE, DecodeStream, EncodeStream, ReconstructStream
from tokenbench_cosmos.trained import trained_config

RANDOM = "random"
RANDOM_SEED = 0


def load(
    info: TokenizerInfo,
    *,
    config: CosmosConfig,
    weights: str | Path | None,
    device: torch.device,
    dtype: torch.dtype,
    hub: HubSource | None = None,
    published: CosmosConfig | None = None,
    **switches: Any,
) -> CosmosTokenizer:
    """Make a tokenizer.

    Args:
        info: its card.
        config: its network.
        weights: a file, a folder or "hf:owner/name@commit"; "random" for the framework's default initialisation, the
            same every time; None takes those of this package, or looks where weights are installed, then on the hub.
        device: where it runs.
        dtype: of parameters and arithmetic.
        hub: where the weights are published.
        published: the network that `config` is narrower than, where this package has the weights; otherwise `config`
            is the published one.
        switches: fields of `Choices`.

    Raises:
        TokenBenchError: the weights are missing, unreadable or do not fit; a switch has no such value.
    """
    choices = Choices(**switches)
    if weights == RANDOM:
        module, settings = _random_network(config, choices, dtype)
        info = replace(info, weights="random initialisation")
        provenance = {"weights": {"source": info.weights}, "settings": settings}
    else:
        files = _find(info, weights, hub, shipped=published is not None)
        trained = trained_config(published or config, files.paths) or config
        module, settings = load_network(trained, files, choices, dtype=dtype)
        if trained != config:
            info = replace(info, parameters=sum(weight.numel() for weight in module.parameters()))
        provenance = {"weights": files.as_dict(), "settings": settings}
    made = CosmosVideoTokenizer if config.is_video else CosmosTokenizer
    return made(info, module.to(device), provenance=provenance)


class CosmosTokenizer:
    """An autoencoder that fulfils the tokenizer contract.

    Inputs are moved to the module's device and dtype; tokens and reconstructions stay there. Large batches and long
    clips pass through the network in parts, with the result of one pass.

    Args:
        info: its card.
        module: the network; it is put in eval mode, without gradients.
        provenance: what results say of the weights and the choices behind them.
    """

    def __init__(
        self, info: TokenizerInfo, module: CosmosAutoencoder, *, provenance: dict[str, Any] | None = None
    ) -> None:
        self.info = info
        self.provenance = provenance or {}
        self.module = module.eval().requires_grad_(False)
        # The layout in which the blocks compute: no convolution has to reorder its kernel.
        layout = torch.channels_last_3d if module.config.is_video else torch.channels_last
        self.module.to(memory_format=layout)

    @property
    def weights_sha256(self) -> str | None:
        """Digest of the files that it was loaded from."""
        return self.provenance.get("weights", {}).get("sha256")

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """Tokens of a batch.

        Args:
            video: B x 3 x T x H x W in [-1, 1] (images: B x 3 x H x W); T = 1 (mod the compression in time), H and W
                multiples of that in space.

        Returns:
            Continuous: B x 16 x t x h x w, counted at 16 bits a value. Discrete: indices B x t x h x w, int32, counted
            at log2(64,000) bits each.

        Raises:
            ClipError: the network does not take that size.
        """
        self._refuse_invalid(video)
        data = self._encode(self._placed(video))
        positions = data.numel() // (self.info.latent_channels or 1)
        return Tokens(data, bits=positions * self._bits_per_token)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """The batch that tokens stand for: B x 3 x T x H x W (images: B x 3 x H x W), unclamped.

        Raises:
            TokenBenchError: these are not tokens of this tokenizer.
        """
        self._refuse_foreign(tokens.data)
        data = self._placed_tokens(tokens.data)
        self._refuse_out_of_range(data)
        return self._decode(data)

    def reconstruct(self, video: Tensor) -> Tensor:
        """Decode what was encoded: same shape as `video`."""
        return self.decode(self.encode(video))

    def export(self, kind: str, folder: Path) -> list[Path]:
        """Write the network's weights: `tokenbench_cosmos.export.export`."""
        return export(self.module, kind, folder)

    def _encode(self, images: Tensor) -> Tensor:
        parts = images.split(max(1, PIXELS_AT_ONCE // images[0, 0].numel()))
        return torch.cat([self.module.encode(part) for part in parts])

    def _decode(self, tokens: Tensor) -> Tensor:
        _, height, width = self.info.compression
        parts = tokens.split(max(1, PIXELS_AT_ONCE // (tokens.shape[-1] * tokens.shape[-2] * height * width)))
        return torch.cat([self.module.decode(part) for part in parts])

    @property
    def _bits_per_token(self) -> float:
        return nominal_bits_per_pixel(
            (1, 1, 1), latent_channels=self.info.latent_channels, vocabulary=self.info.vocabulary
        )

    @property
    def _weight(self) -> Tensor:
        return self.module.post_quant_weight

    def _placed(self, pixels: Tensor) -> Tensor:
        return pixels.to(self._weight.device, self._weight.dtype)

    def _placed_tokens(self, tokens: Tensor) -> Tensor:
        """Indices may come in any whole type, latents in any floating one."""
        return tokens.to(self._weight.device, torch.int64 if self.info.vocabulary else self._weight.dtype)

    def _refuse_invalid(self, video: Tensor) -> None:
        """The network itself would drop frames or broadcast rows without a word."""
        name, axes = self.info.name, "THW" if self.module.config.is_video else "HW"
        if video.dim() != 2 + len(axes) or video.shape[1] != RGB or 0 in video.shape:
            layout = " x ".join(["B", str(RGB), *axes])
            raise TokenBenchError(f"{name} takes {layout}, none of them zero, got {_describe(video)}")
        problems, valid = [], []
        for axis, size, multiple in zip(axes, video.shape[2:], self.info.compression[-len(axes) :], strict=True):
            rest = 1 if axis == "T" else 0
            valid.append(size + (rest - size) % multiple)
            if size != valid[-1]:
                rule = f"1 + a multiple of {multiple}" if rest else f"a multiple of {multiple}"
                problems.append(f"{axis} = {size} is not {rule}")
        if problems:
            sizes = f"{' x '.join(axes)} to {' x '.join(map(str, valid))}"
            raise ClipError(f"{name}: {', '.join(problems)}; pad {sizes}")

    def _refuse_foreign(self, data: Any) -> None:
        """Latents of other channels would fail somewhere inside the network."""
        space = "t x h x w" if self.module.config.is_video else "h x w"
        channels = self.info.latent_channels
        axes = space.count("x") + 2 + (channels is not None)
        wanted = f"latents B x {channels} x {space}" if channels else f"whole numbers B x {space}"
        fits = isinstance(data, Tensor) and data.dim() == axes and 0 not in data.shape
        if not fits or (channels and data.shape[1] != channels) or data.is_floating_point() != bool(channels):
            raise TokenBenchError(f"{self.info.name} decodes {wanted}, got {_describe(data)}")

    def _refuse_out_of_range(self, data: Tensor) -> None:
        """Indices beyond the vocabulary would wrap around without a word."""
        if self.info.vocabulary is None:
            return
        low, high = (int(end) for end in data.aminmax())
        if low < 0 or high >= self.info.vocabulary:
            raise TokenBenchError(
                f"{self.info.name} decodes indices 0 to {self.info.vocabulary - 1}, got {low} to {high}"
            )


class CosmosVideoTokenizer(CosmosTokenizer):
    """A causal one, which can carry its state over a clip."""

    def encode_stream(self) -> EncodeStream:
        """Exact: the tokens of one pass over the whole clip."""
        return EncodeStream(self.module)

    def decode_stream(self) -> DecodeStream:
        """Exact: the frames of one pass over all tokens."""
        return DecodeStream(self.module)

    def stream(self, *, fps: float) -> ReconstructStream:
        """Exact: the reconstruction of one pass over the whole clip."""
        return ReconstructStream(self.module, self._bits_per_token)

    def _encode(self, video: Tensor) -> Tensor:
        if video.shape[2] <= ONE_PASS_FRAMES:
            return self.module.encode(video)
        return self.encode_stream().push(video)

    def _decode(self, tokens: Tensor) -> Tensor:
        if tokens.shape[-3] <= 1 + ONE_PASS_FRAMES // self.info.compression[0]:
            return self.module.decode(tokens)
        return self.decode_stream().push(tokens)


def _random_network(
    config: CosmosConfig, choices: Choices, dtype: torch.dtype
) -> tuple[CosmosAutoencoder, dict[str, Any]]:
    """The framework's default initialisation, from a fixed seed; the caller's random state stays as it was."""
    config = replace(
        config,
        groups=choices.groups or config.groups,
        legacy_upsampling=bool(choices.legacy_upsampling),
    )
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # torch.manual_seed would also seed the generators of every GPU, which are not forked.
        torch.default_generator.manual_seed(RANDOM_SEED)
        module = CosmosAutoencoder(config).to(dtype)
    set_taps(module, choices.wavelet)
    origin = "as built" if choices.wavelet == "file" else choices.wavelet
    return module, {"groups": config.groups, "wavelet": describe_taps(module, origin)}


def _find(info: TokenizerInfo, weights: str | Path | None, hub: HubSource | None, *, shipped: bool) -> WeightFiles:
    if shipped and weights is None:
        files = locate(info.name, SHIPPED / info.name, file_sets=FILE_SETS, hint="install tokenbench again")
        return replace(files, source=IN_PACKAGE)
    return locate(info.name, weights, hub, file_sets=FILE_SETS, hint=_where_to_get(info))


def _where_to_get(info: TokenizerInfo) -> str:
    if info.weights == IN_PACKAGE:
        return "without --weights it takes its own, which are in the package"
    return f"get them from {info.weights} and accept their licence ({info.license})"


def _describe(value: object) -> str:
    return " x ".join(map(str, value.shape)) if isinstance(value, Tensor) else f"a {type(value).__name__}"
