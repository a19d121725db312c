"""A TorchScript encoder and decoder as a tokenizer.

Loading an archive runs its code inside TorchScript's interpreter: it is loaded because its user named it, and for no
other reason.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tokenbench.errors import ClipError, TokenBenchError, printable
from tokenbench.tokenizer import BITS_PER_LATENT_VALUE, Tokenizer, TokenizerInfo, Tokens
from tokenbench.weights.digest import sha256_of, sha256_of_set
from tokenbench.weights.tensors import weight_format
from tokenbench.weights.torchscript import is_torchscript
from tokenbench_baselines.torchscript.cards import Form


def load(
    info: TokenizerInfo,
    *,
    files: tuple[str, ...],
    form: Form,
    weights: str | None,
    device: torch.device,
    dtype: torch.dtype,
) -> JitTokenizer:
    """The tokenizer of a card.

    Args:
        info: the card's; the number of parameters is put in.
        files: encoder and decoder, or one archive of both.
        form: of its pixels and tokens.
        weights: none but those of the archives.
        device: where it runs.
        dtype: of its parameters; constants inside the code keep theirs.

    Raises:
        TokenBenchError: weights are named apart, or a file is no TorchScript archive that can be loaded.
    """
    if weights is not None:
        raise TokenBenchError(f"{info.name}: its weights are inside its files; leave out --weights {weights}")
    roles = ("encoder", "decoder") if len(files) == 2 else ("autoencoder",)
    parts = {role: _loaded(Path(file), device, dtype) for role, file in zip(roles, files, strict=True)}
    digests = {role: sha256_of(Path(file)) for role, file in zip(roles, files, strict=True)}
    module = nn.ModuleDict(parts)
    provenance = {
        "weights": {"source": ", ".join(files), "revision": None, "sha256": sha256_of_set(digests.items())}
        | {"files": digests},
        "settings": asdict(form),
    }
    info = replace(info, parameters=sum(parameter.numel() for parameter in module.parameters()))
    return JitTokenizer(info, module, form, provenance, device, dtype)


@dataclass(frozen=True)
class WholePass:
    """Pixels on their way into a network that shows no tokens: float, in its own range and layout."""

    pixels: Tensor


class JitTokenizer(Tokenizer):
    """Two archives, or one with methods `encode` and `decode`, or one that only reconstructs.

    Where a call gives several values, the first counts. Of a network that only reconstructs no tokens are seen, so
    they are not counted.

    Args:
        info: its card.
        module: "encoder" and "decoder", or "autoencoder"; put in eval mode, without gradients.
        form: of its pixels and tokens.
        provenance: what results say of the files.
        device: where it runs.
        dtype: of the pixels that it takes.
    """

    def __init__(
        self,
        info: TokenizerInfo,
        module: nn.ModuleDict,
        form: Form,
        provenance: dict[str, Any],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.info = info
        self.module = module.eval().requires_grad_(False)
        self.provenance = provenance
        self.weights_sha256 = provenance["weights"]["sha256"]
        self._form, self._device, self._dtype = form, device, dtype
        self._axes = "BCTHW" if info.modality == "video" else "BCHW"
        self._token_axes = self._axes if info.kind == "continuous" else self._axes.replace("C", "")

    @torch.no_grad()
    def encode(self, video: Tensor) -> Tokens:
        """B x 3 x T x H x W in [-1, 1] (images: B x 3 x H x W) to B x C x t x h x w or B x t x h x w.

        Raises:
            ClipError: the network gives tokens of another form than its card says.
        """
        low, high = self._form.range
        scaled = (video.to(self._device, self._dtype) + 1) * ((high - low) / 2) + low
        pixels = _turned(scaled, self._axes, self._form.layout)
        encode = self._half("encode")
        if encode is None:
            return Tokens(WholePass(pixels), None)
        found = _first(encode(pixels))
        self._check(found, video)
        tokens = _turned(found, self._form.token_layout, self._token_axes)
        bits = math.log2(self.info.vocabulary) if self.info.vocabulary else float(BITS_PER_LATENT_VALUE)
        return Tokens(tokens, tokens.numel() * bits)

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> Tensor:
        """B x 3 x T x H x W (images: B x 3 x H x W) in [-1, 1], unclamped."""
        if isinstance(tokens.data, WholePass):
            given = self.module["autoencoder"](tokens.data.pixels)
        else:
            data = tokens.data.to(self._device)
            data = data.to(self._dtype) if data.is_floating_point() else data
            decode = self._half("decode")
            if decode is None:
                raise TokenBenchError(f"{self.info.name} has no decoder of its own, so it cannot decode tokens")
            given = decode(_turned(data, self._token_axes, self._form.token_layout))
        low, high = self._form.range
        return (_turned(_first(given), self._form.output_layout, self._axes) - low) * (2 / (high - low)) - 1

    def _half(self, method: str) -> Any:
        """The call that encodes or decodes; None where a single archive can only do both."""
        if "autoencoder" in self.module:
            whole: Any = self.module["autoencoder"]
            return getattr(whole, method) if hasattr(whole, "encode") and hasattr(whole, "decode") else None
        return self.module["encoder" if method == "encode" else "decoder"]

    def _check(self, found: Tensor, video: Tensor) -> None:
        info, sizes = self.info, dict(zip(self._form.token_layout, found.shape, strict=False))
        expected = {"B": len(video), "H": video.shape[-2] // info.compression[1]}
        expected |= {"W": video.shape[-1] // info.compression[2]}
        if info.latent_channels:
            expected["C"] = info.latent_channels
        is_right = found.dim() == len(self._form.token_layout) and found.is_floating_point() == (
            info.kind == "continuous"
        )
        if not is_right or any(sizes[axis] != size for axis, size in expected.items()):
            wanted = " x ".join(str(expected.get(axis, axis.lower())) for axis in self._form.token_layout)
            raise ClipError(
                f"{info.name} encodes to {' x '.join(map(str, found.shape))} {str(found.dtype).removeprefix('torch.')},"
                f" its card says {wanted}, {info.kind}; mend the card"
            )


def _loaded(path: Path, device: torch.device, dtype: torch.dtype) -> nn.Module:
    # The format goes by the suffix where the content does not say.
    if weight_format(path) != "torchscript" or not is_torchscript(path):
        raise TokenBenchError(f"{path} is no TorchScript archive, or is cut short; save one with torch.jit.save")
    try:
        with warnings.catch_warnings():
            # Newer torch warns at every use of TorchScript.
            warnings.simplefilter("ignore")
            return torch.jit.load(str(path), map_location=device).to(dtype)
    except Exception as error:  # damaged archives and strangers' code raise anything
        lines = str(error).strip().splitlines()
        reason = printable(lines[-1]) if lines else type(error).__name__
        raise TokenBenchError(
            f"{path}: TorchScript cannot load it: {reason}; export it again with this torch"
        ) from error


def _first(given: Any) -> Tensor:
    """The tensor that a call gives, or the first of those that it gives."""
    while isinstance(given, tuple | list) and given:
        given = given[0]
    if not isinstance(given, Tensor):
        raise ClipError(
            f"the network gives a {type(given).__name__}, expected a tensor or a tuple that begins with one"
        )
    return given


def _turned(values: Tensor, given: str, wanted: str) -> Tensor:
    """Axes in another order, by their letters."""
    return values.permute([given.index(axis) for axis in wanted]) if values.dim() == len(given) else values
