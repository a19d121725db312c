"""A network as the files that Cosmos tokenizers are published in, or as safetensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench.files import cannot_write, whole_file
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.config import RGB
from tokenbench_cosmos.fsq import FSQuantizer


class ExportedEncoder(nn.Module):
    """Pixels to (latent, (zero, zero)), or to (indices, codes, zero) where the network is discrete."""

    def __init__(self, network: CosmosAutoencoder) -> None:
        super().__init__()
        self.encoder = network.encoder
        self.quant_conv = network.quant_conv
        if network.config.fsq_levels:
            self.quantizer = network.quantizer

    def forward(self, pixels: Tensor) -> tuple[Any, ...]:
        """As the released `encoder.jit`."""
        z = self.quant_conv(self.encoder(pixels))
        if hasattr(self, "quantizer"):
            return self.quantizer.indices(z), self.quantizer(z), _zero(z)
        return z, (_zero(z), _zero(z))


class ExportedDecoder(nn.Module):
    """A latent, or indices, to pixels."""

    def __init__(self, network: CosmosAutoencoder) -> None:
        super().__init__()
        self.post_quant_conv = network.post_quant_conv
        self.decoder = network.decoder
        if network.config.fsq_levels:
            self.inv_quant = _InverseQuantizer(network.quantizer)
        self._dtype = network.post_quant_weight.dtype

    def forward(self, tokens: Tensor) -> Tensor:
        """As the released `decoder.jit`."""
        codes = self.inv_quant(tokens).to(self._dtype) if hasattr(self, "inv_quant") else tokens
        return self.decoder(self.post_quant_conv(codes))


class ExportedAutoencoder(ExportedEncoder):
    """Pixels to (reconstruction, (zero, zero), latent), or to (reconstruction, zero, indices) where it is discrete."""

    def __init__(self, network: CosmosAutoencoder) -> None:
        super().__init__(network)
        self.post_quant_conv = network.post_quant_conv
        self.decoder = network.decoder

    def forward(self, pixels: Tensor) -> tuple[Any, ...]:
        """As the released `autoencoder.jit`."""
        z = self.quant_conv(self.encoder(pixels))
        if hasattr(self, "quantizer"):
            return self.decoder(self.post_quant_conv(self.quantizer(z))), _zero(z), self.quantizer.indices(z)
        return self.decoder(self.post_quant_conv(z)), (_zero(z), _zero(z)), z


class _InverseQuantizer(nn.Module):
    """Gives the quantiser's tables the name that released decoders have for them."""

    def __init__(self, quantizer: FSQuantizer) -> None:
        super().__init__()
        self.quantizer = quantizer

    def forward(self, indices: Tensor) -> Tensor:
        return self.quantizer.codes(indices)


def export(network: CosmosAutoencoder, kind: str, folder: Path) -> list[Path]:
    """Write a network's weights, each file whole or not at all.

    Args:
        network: in the dtype that the files shall have; released ones have bfloat16.
        kind: "jit" for `encoder.jit`, `decoder.jit` and `autoencoder.jit`, TorchScript with the released files' names
            and call conventions, for any batch, T, H and W that the network takes; "safetensors" for
            `autoencoder.safetensors`, the tensors alone under the names of `autoencoder.jit`.
        folder: is made where it is missing.

    Returns:
        The files.

    Raises:
        TokenBenchError: there is no such kind.
        OutputError: a file cannot be written.
    """
    writers: dict[str, Callable[[CosmosAutoencoder, Path], list[Path]]] = {
        "jit": _write_archives,
        "safetensors": _write_safetensors,
    }
    if kind not in writers:
        raise TokenBenchError(f"cannot export {kind!r}: expected one of {', '.join(writers)}")
    return writers[kind](network, folder)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors of any device as safetensors, whole or not at all.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with whole_file(path) as temporary:
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
        except SafetensorError as error:
            raise cannot_write(path, error) from error


def _write_archives(network: CosmosAutoencoder, folder: Path) -> list[Path]:
    config, weight = network.config, network.post_quant_weight
    time, height, width = config.compression
    # More than one group of frames and more than one token a side, so that no size is mistaken for a constant 1.
    frames = [1 + 2 * time] if config.is_video else []
    pixels = torch.zeros(1, RGB, *frames, 2 * height, 2 * width, dtype=weight.dtype, device=weight.device)
    with torch.no_grad():
        tokens = network.encode(pixels)
    parts: dict[str, tuple[nn.Module, Tensor]] = {
        "encoder.jit": (ExportedEncoder(network), pixels),
        "decoder.jit": (ExportedDecoder(network), tokens),
        "autoencoder.jit": (ExportedAutoencoder(network), pixels),
    }
    paths = []
    for name, (module, example) in parts.items():
        paths.append(folder / name)
        with whole_file(paths[-1]) as temporary, torch.no_grad(), warnings.catch_warnings():
            # Newer torch warns at every use of TorchScript, the format that weights were released in.
            warnings.simplefilter("ignore")
            torch.jit.trace(module.eval(), example, check_trace=False).save(str(temporary))
    return paths


def _write_safetensors(network: CosmosAutoencoder, folder: Path) -> list[Path]:
    path = folder / "autoencoder.safetensors"
    write_tensors(path, network.state_dict())
    return [path]


def _zero(like: Tensor) -> Tensor:
    """Stands where a variational network has its statistics, and a trained quantiser its loss."""
    return torch.zeros_like(like.flatten()[:1])
