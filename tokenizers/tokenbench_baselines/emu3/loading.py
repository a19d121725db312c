"""Weights of Emu3's tokenizer: alone, or inside a checkpoint of the whole language model, of which the rest is left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tokenbench.errors import TokenBenchError, printable
from tokenbench.tokenizer import TokenizerInfo
from tokenbench.weights import HubSource, WeightFiles, locate
from tokenbench_baselines.checkpoint import fill
from tokenbench_baselines.diffusers_models.files import read_config
from tokenbench_baselines.emu3.cards import CONFIG, FILE_SETS, INSIDE

_INSIDE = re.compile(INSIDE)


def load_network(
    info: TokenizerInfo, weights: str | Path | None, hub: HubSource | None, dtype: torch.dtype
) -> tuple[Any, WeightFiles]:
    """The network with its weights, on the CPU.

    Args:
        info: of the card.
        weights: a folder, a safetensors file (which takes the published configuration where none lies beside it) or
            "hf:owner/name@commit"; None looks where weights are installed, then on the hub. Of a checkpoint in parts
            only those that hold tensors of the tokenizer are needed.
        hub: where the weights are published.
        dtype: of parameters and floating buffers.

    Raises:
        TokenBenchError: the weights cannot be had, read, or are not those of this tokenizer.
        OutputError: the disk is full.
    """
    hint = f"get them from {info.weights} and accept their licence ({info.license})"
    files = locate(info.name, weights, hub, file_sets=FILE_SETS, hint=hint)
    config = next((path for path in files.paths if path.name == CONFIG), None)
    with torch.device("meta"):
        module = build(info, config)
    fill(module, _read([path for path in files.paths if path.suffix != ".json"]), files.source, dtype=dtype)
    return module, files


def build(info: TokenizerInfo, path: Path | None = None) -> Any:
    """The network of a `config.json`, the tokenizer's own or the language model's; without one, the published network.

    Raises:
        TokenBenchError: the file cannot be read, or describes another network than the card.
    """
    from transformers import Emu3VQVAE, Emu3VQVAEConfig

    found = {} if path is None else read_config(path)
    found = found.get("vq_config", found)
    try:
        config = Emu3VQVAEConfig.from_dict(found)
        across = 2 ** (len(config.channel_multiplier) - 1)
        described = (config.codebook_size, config.temporal_downsample_factor, across, across)
        if described == (info.vocabulary, *info.compression):
            return Emu3VQVAE(config)
    except Exception as error:  # a configuration from outside may hold anything
        where = path or "the published configuration"
        raise TokenBenchError(f"{where} describes no Emu3VQVAE: {printable(error)}; download it again") from error
    codes, *grid = described
    raise TokenBenchError(
        f"{path} describes {codes} codes of {'x'.join(map(str, grid))} pixels, which {info.name} has not;"
        " take the weights of this very tokenizer"
    )


def _read(paths: Sequence[Path]) -> dict[str, Tensor]:
    """The tokenizer's tensors under its own names."""
    state: dict[str, Tensor] = {}
    for path in paths:
        try:
            with safe_open(path, "pt") as file:
                keys = file.keys()
                inside = {key: key[match.end() :] for key in keys if (match := _INSIDE.match(key))}
                names = inside or {key: key for key in keys}
                state |= {name: file.get_tensor(key) for key, name in names.items()}
        except (SafetensorError, OSError) as error:
            raise TokenBenchError(f"cannot read weights {path}: {printable(error)}; download it again") from error
    return state
