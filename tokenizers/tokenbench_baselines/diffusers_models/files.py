"""The files of a network in the diffusers library's layout: what they are called, where they are. Costs no torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError, printable
from tokenbench.tokenizer import TokenizerInfo
from tokenbench.weights import HubSource, WeightFiles, locate
from tokenbench.weights.parts import INDEX_SUFFIX
from tokenbench.weights.source import HUB_PREFIX, parse_hub_name
from tokenbench.weights.stored import stored_weights

CONFIG = "config.json"

_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")


def layouts(subfolder: str = "", *released: str) -> tuple[tuple[str, ...], ...]:
    """File sets of a network in the library's layout, best first: for `HubSource.file_sets`.

    Args:
        subfolder: of the repository, such as "vae"; the same files beside each other, without it, are taken too.
        released: single files in the form of the network's authors, from which the card's configuration makes it.
    """
    folders = (f"{subfolder}/", "") if subfolder else ("",)
    names = [f"{name}{index}" for name in _WEIGHTS for index in ("", INDEX_SUFFIX)]
    whole = [(f"{at}{CONFIG}", f"{at}{name}") for at in folders for name in names]
    return (*whole, *((name,) for name in (*released, *_WEIGHTS)))


def locate_files(info: TokenizerInfo, weights: str | Path | None, hub: HubSource | None) -> WeightFiles:
    """The files of a tokenizer's network, with each part of weights that are split among several.

    Where they must be downloaded, a line on stderr says first under which licence they are.

    Args:
        info: of the tokenizer's card.
        weights: a file, a folder or "hf:owner/name@commit"; None looks where weights are installed, then on the hub.
        hub: where they are published, if they are.

    Raises:
        TokenBenchError: they are not there, or cannot be fetched.
        OutputError: the disk is full.
    """
    file_sets = layouts() if hub is None or not hub.file_sets else hub.file_sets
    if hub is not None and _is_published(weights, hub) and stored_weights(info.name, hub, file_sets).state == "missing":
        print(f"tokenbench: {info.name} needs {info.weights}, under the licence {info.license}", file=sys.stderr)
    hint = f"get them from {info.weights} and accept their licence ({info.license})"
    return locate(info.name, weights, hub, file_sets=file_sets, hint=hint)


def read_config(path: Path) -> dict[str, Any]:
    """A `config.json` of the library.

    Raises:
        TokenBenchError: it cannot be read, or is no JSON object.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TokenBenchError(f"cannot read {path}: {printable(error)}; download it again") from error
    if not isinstance(config, dict):
        raise TokenBenchError(f"{path} holds a {type(config).__name__}, expected the configuration of a network")
    return config


def _is_published(weights: str | Path | None, hub: HubSource) -> bool:
    """Whether the weights that are asked for are those of the card."""
    if weights is None:
        return True
    return str(weights).startswith(HUB_PREFIX) and parse_hub_name(str(weights))[0] == hub.repository
