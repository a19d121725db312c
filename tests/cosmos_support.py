"""What the tests of the Cosmos networks share: the published facts, weights by formula, and small networks."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokenbench.registry import find_card, registered
from tokenbench.tokenizer import Card
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.config import CosmosConfig

FACTS = Path(__file__).parents[2] / "shared/facts"
needs_facts = pytest.mark.skipif(
    not (FACTS / "golden").is_dir(), reason=f"golden vectors are not part of the repository: no {FACTS / 'golden'}"
)

NAMES = [name for name in registered() if name.startswith("cosmos") and not name.endswith("-mini")]
MINI_NAMES = [name for name in registered() if name.startswith("cosmos") and name.endswith("-mini")]
FIRST_SERIES = [name for name in NAMES if name.startswith("cosmos-") and "tokenize1" not in name]
VIDEO_NAMES = [name for name in FIRST_SERIES if find_card(name).info.modality == "video"]


def config_of(name: str) -> CosmosConfig:
    """The network of a registered tokenizer."""
    return find_card(name).options["config"]


def small_config(name: str) -> CosmosConfig:
    """The same network, 16 times narrower."""
    config = config_of(name)
    return replace(config, channels=8, z_channels=min(config.z_channels, 16), groups=min(config.groups, 4))


def small_card(name: str) -> Card:
    """A card whose network is narrow."""
    return replace(find_card(name), options={"config": small_config(name)})


def small_network(name: str, seed: int = 0) -> CosmosAutoencoder:
    """A narrow network for inference, with random weights."""
    torch.manual_seed(seed)
    return CosmosAutoencoder(small_config(name)).eval().requires_grad_(False)


def pixels_for(config: CosmosConfig, groups: int = 2, height: int = 2, width: int = 3, batch: int = 1) -> Tensor:
    """Random pixels: so many groups of frames after the first, so many tokens high and wide."""
    time, size, _ = config.compression
    frames = [1 + groups * time] if config.is_video else []
    return torch.rand(batch, 3, *frames, height * size, width * size) * 2 - 1


def variant_of(name: str) -> str:
    """The released name of a variant: cosmos-cv-4x8x8 -> CV4x8x8."""
    kind, factors = name.split("-")[1:3]
    return kind.upper() + factors


def golden(name: str) -> dict[str, np.ndarray]:
    """The arrays of a file of golden vectors."""
    with np.load(FACTS / f"golden/{name}.npz") as arrays:
        return dict(arrays)


def golden_pixels(tag: str) -> Tensor:
    """An input of the golden vectors, as the networks take it."""
    pixels = golden("cosmos-inputs")[tag].astype(np.float64)
    return torch.from_numpy((2 * (pixels / 255) - 1).astype(np.float32))


def fill_by_formula(module: nn.Module, prefix: str = "") -> float:
    """Section 13.1: weights that depend on nothing but a parameter's name; gives the sum of their absolute values."""
    total = 0.0
    for name, parameter in module.named_parameters():
        values = weight_by_formula(prefix + name, tuple(parameter.shape))
        total += np.abs(values.astype(np.float64)).sum()
        parameter.data.copy_(torch.from_numpy(values))
    return total


def weight_by_formula(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One parameter of that formula, float32."""
    uniform = np.random.RandomState(zlib.crc32(name.encode())).random_sample(math.prod(shape))
    unit = ((2 * uniform - 1) * math.sqrt(3)).reshape(shape)
    if len(shape) >= 2:
        values = unit / math.sqrt(math.prod(shape[1:]))
    else:
        values = 0.05 * unit if name.endswith(".bias") else 1 + 0.1 * unit
    return values.astype(np.float32)


def relative_error(given: Tensor, expected: Tensor | np.ndarray) -> float:
    """L2 norm of the difference over that of what was expected."""
    expected = torch.as_tensor(expected).detach().double()
    return float((given.detach().double() - expected).norm() / expected.norm())
