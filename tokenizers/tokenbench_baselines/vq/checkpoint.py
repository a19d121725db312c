"""Published files into these networks: larger models around them, leftovers of training, moving averages."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from tokenbench_baselines.checkpoint import fill, read_checkpoint, refuse
from tokenbench_baselines.vq.config import FileLayout

_AVERAGES = "model_ema."

# What lies among the moving averages beside those of the network: counters, and averages of the losses' networks.
_AVERAGES_DROPPED = ("model_ema.decay", "model_ema.num_updates", "model_ema.loss")


def load_weights(module: nn.Module, path: Path, layout: FileLayout, *, dtype: torch.dtype) -> str:
    """Give a network the tensors of a published file.

    Args:
        module: may lie on the meta device; its tensors are replaced.
        path: of the file.
        layout: of the file.
        dtype: of parameters and buffers.

    Returns:
        Which of the weights in the file were taken, for results: "moving averages" or "as trained".

    Raises:
        TokenBenchError: the file cannot be read; a tensor is missing, unexpected or of another shape.
    """
    state = _of_this_network(read_checkpoint(path, layout.containers), layout)
    averaged = layout.averaged and any(key.startswith(_AVERAGES) for key in state)
    if averaged:
        state = _averaged(state, module, path)
    elif layout.averaged:
        print(
            f"tokenbench: {path} holds no moving averages ({_AVERAGES}*), which the published figures are of; "
            "the plain weights are taken",
            file=sys.stderr,
        )
    expected = module.state_dict()
    optional = {key: torch.zeros(expected[key].shape) for key in layout.optional if key not in state}
    fill(module, optional | state, path, dtype=dtype)
    return "moving averages" if averaged else "as trained"


def _of_this_network(state: Mapping[str, Tensor], layout: FileLayout) -> dict[str, Tensor]:
    """Without a larger model around it, and without what only training needs."""
    for prefix in layout.prefixes:
        if any(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            break
    return {key: value for key, value in state.items() if not key.startswith(layout.dropped)}


def _averaged(state: Mapping[str, Tensor], module: nn.Module, path: Path) -> dict[str, Tensor]:
    """With the moving average of every parameter in its place."""
    names = {_AVERAGES + name.replace(".", ""): name for name, _ in module.named_parameters()}
    refuse("lacks {}", path, [key for key in names if key not in state])
    kept = {key: value for key, value in state.items() if not key.startswith(_AVERAGES_DROPPED)}
    plain = {key: value for key, value in kept.items() if not key.startswith(_AVERAGES)}
    return plain | {names.get(key, key): value for key, value in kept.items() if key.startswith(_AVERAGES)}
