"""What the tests of the discrete tokenizers share: the published tensors, and narrow networks with lively weights."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cosmos_support import fill_by_formula

from tokenbench.registry import find_card
from tokenbench.tokenizer import Card
from tokenbench_baselines.vq.cards import CARDS
from tokenbench_baselines.vq.codebook import CodebookNetwork
from tokenbench_baselines.vq.config import CodebookConfig, LookupFreeConfig
from tokenbench_baselines.vq.lookup_free import LookupFreeNetwork
from tokenbench_baselines.vq.tokenizer import VQTokenizer, build

NAMES = [card.info.name for card in CARDS]
IMAGE_NAMES = [card.info.name for card in CARDS if card.info.modality == "image"]

STATE_DICTS = Path(__file__).parents[2] / "shared/facts/statedict"
needs_state_dicts = pytest.mark.skipif(
    not STATE_DICTS.is_dir(), reason=f"lists of published tensors are not part of the repository: no {STATE_DICTS}"
)


def published_tensors(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a published state dict."""
    with (STATE_DICTS / f"{name}.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert {row["dtype"] for row in rows} == {"float32"}
    return {row["name"]: tuple(map(int, row["shape"].split("x"))) for row in rows}


def config_of(name: str) -> CodebookConfig | LookupFreeConfig:
    """The network of a registered tokenizer."""
    return find_card(name).options["config"]


def small_config(name: str) -> CodebookConfig | LookupFreeConfig:
    """The same network, narrower and with fewer codes and blocks."""
    config = config_of(name)
    if isinstance(config, LookupFreeConfig):
        return replace(config, channels=32, bits=6, blocks=2)
    return replace(
        config,
        channels=32,
        codes=64,
        code_width=min(config.code_width, 16),
        z_channels=min(config.z_channels, 16),
        usage=min(config.usage, 100),
    )


def small_card(name: str) -> Card:
    """A card whose network is narrow."""
    card, config = find_card(name), small_config(name)
    return replace(card, info=replace(card.info, vocabulary=config.codes), options={**card.options, "config": config})


def small_network(name: str) -> CodebookNetwork | LookupFreeNetwork:
    """A narrow network for inference, whose weights depend on their names alone."""
    module = build(small_config(name))
    fill_by_formula(module)
    return module.eval().requires_grad_(False)


def small_tokenizer(name: str) -> VQTokenizer:
    """The same, as a tokenizer."""
    return VQTokenizer(small_card(name).info, small_network(name))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    """Values in [-1, 1]."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
