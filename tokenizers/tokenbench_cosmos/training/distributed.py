"""Several processes that train one network: who they are, what they agree on, and tensors that lie in parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from tokenbench.errors import TokenBenchError

# Set by torchrun: rank, number of processes, rank on this machine.
_TORCHRUN = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


@dataclass(frozen=True)
class World:
    """The processes of a run, and this one among them.

    Args:
        rank: of this process, from 0.
        size: how many there are.
        device: of this process.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0


@contextmanager
def joined(device: str) -> Iterator[World]:
    """The world of this process: that which `torchrun` has made, or it alone.

    Args:
        device: torch device; "cuda" is a GPU for each process of a machine.

    Raises:
        TokenBenchError: torch does not know the device, or the machine does not have it.
    """
    rank, size, local = (int(os.environ.get(name, default)) for name, default in _TORCHRUN.items())
    try:
        place = torch.device(f"cuda:{local}" if device == "cuda" else device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TokenBenchError(f"device {device!r} cannot be used: {reason}; '--device cpu' always works") from error
    if place.type == "cuda":
        torch.cuda.set_device(place)
    if size == 1:
        yield World(0, 1, place)
        return
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield World(rank, size, place)
    finally:
        dist.destroy_process_group()


def mean(values: Mapping[str, Tensor], world: World) -> dict[str, float]:
    """Scalars of every process, averaged; each process has the same keys in the same order."""
    if not values:
        return {}
    stacked = torch.stack([value.detach().to(world.device, torch.float64) for value in values.values()])
    if world.size > 1:
        dist.all_reduce(stacked)
    return dict(zip(values, (stacked / world.size).tolist(), strict=True))


def average(tensors: list[Tensor], world: World) -> None:
    """Put the mean over the processes in place of each tensor, such as a gradient."""
    if world.size == 1:
        return
    joint = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(joint)
    joint /= world.size
    for tensor, part in zip(tensors, joint.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))


def gather(item: Any, world: World) -> list[Any]:
    """What every process has, in their order; plain data."""
    if world.size == 1:
        return [item]
    items: list[Any] = [None] * world.size
    dist.all_gather_object(items, item)
    return items


def agreed(flag: bool, world: World) -> bool:
    """Whether any process says so."""
    if world.size == 1:
        return flag
    said = torch.tensor(float(flag), device=world.device)
    dist.all_reduce(said)
    return bool(said)


def whole(tensor: Tensor) -> Tensor:
    """A tensor that may lie in parts, as one; all processes must ask."""
    tensor = tensor.detach()
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def assign(target: Tensor, value: Tensor) -> None:
    """Put a whole tensor in the place of one that may lie in parts; its dtype and memory format stay."""
    with torch.no_grad():
        if isinstance(target, DTensor):
            value = distribute_tensor(value.to(target.device, target.dtype), target.device_mesh, target.placements)
        target.copy_(value)


def local(tensor: Tensor) -> Tensor:
    """The part of a tensor that lies here."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
