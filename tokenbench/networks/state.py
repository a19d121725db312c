"""Tensors of a file into a network: all of them, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError

# A counter of training steps, which older files do not have and no inference uses.
_COUNTER = "num_batches_tracked"


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors into a network, and make it ready for inference: float32, without gradients.

    Args:
        network: on the CPU.
        state: name -> tensor, the names of the network's own `state_dict()`.
        path: of the file that they come from, for messages.

    Raises:
        TokenBenchError: a tensor is missing, unexpected, or of another shape; it is named.
    """
    expected = {key: tensor for key, tensor in network.state_dict().items() if not key.endswith(_COUNTER)}
    given = {key: tensor for key, tensor in state.items() if not key.endswith(_COUNTER)}
    _refuse(path, "lacks", [key for key in expected if key not in given])
    _refuse(path, "holds, and should not,", [key for key in given if key not in expected])
    for key, tensor in given.items():
        if tensor.shape != expected[key].shape or not tensor.is_floating_point():
            raise misfit(path, f"{key} is {_described(tensor)}, expected {_described(expected[key])}")
    with torch.no_grad():
        for key, tensor in given.items():
            expected[key].copy_(tensor)
    network.float().eval().requires_grad_(False)


def misfit(path: Path, reason: str) -> TokenBenchError:
    """The one line for a file of another network."""
    return TokenBenchError(f"{path} does not fit its network: {reason}; name the published file")


def _refuse(path: Path, verb: str, keys: list[str]) -> None:
    if keys:
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        raise misfit(path, f"it {verb} {keys[0]}{more}")


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {' x '.join(map(str, tensor.shape)) or 'single value'}"
