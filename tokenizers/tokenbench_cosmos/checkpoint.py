"""What the files of a network hold: its tensors under the names of the whole, and what their code alone shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from tokenbench.errors import TokenBenchError
from tokenbench.weights import read_tensors
from tokenbench.weights.norms import group_norm_groups
from tokenbench.weights.torchscript import TorchScriptArchive, is_torchscript, read_torchscript
from tokenbench_cosmos.config import CosmosConfig

# Released decoders keep the quantiser under a name of their own.
_RENAMED = {"inv_quant.quantizer.": "quantizer."}


@dataclass(frozen=True)
class Checkpoint:
    """What the files of a network hold together.

    Args:
        source: named in messages.
        state: tensors under the names of the whole network.
        archives: the files that also carry code.
    """

    source: str
    state: dict[str, Tensor]
    archives: tuple[TorchScriptArchive, ...] = ()


def read_checkpoint(paths: Sequence[Path]) -> Checkpoint:
    """The tensors of a network whose halves may lie in several files, under the names of the whole.

    Raises:
        TokenBenchError: a file cannot be read, or two hold different tensors of one name.
    """
    source = " + ".join(map(str, paths))
    state: dict[str, Tensor] = {}
    archives = []
    for path in paths:
        tensors, archive = _read(path)
        archives += [archive] if archive else []
        for name, tensor in tensors.items():
            key = _whole_name(name)
            if key in state and not torch.equal(state[key], tensor):
                raise TokenBenchError(f"{source} differ in {key}; take them from the same release")
            state[key] = tensor
    return Checkpoint(source, state, tuple(archives))


def groups_in(checkpoint: Checkpoint) -> int | None:
    """The number of groups in the code of the archives; None where no code shows it."""
    found = {groups for archive in checkpoint.archives for groups in group_norm_groups(archive).values()}
    if len(found) > 1:
        raise TokenBenchError(f"{checkpoint.source} normalise in {sorted(found)} groups, expected one number")
    return found.pop() if found else None


def legacy_order_in(config: CosmosConfig, checkpoint: Checkpoint) -> bool | None:
    """Whether the code of an archive doubles time one level early; None where the order is settled or not shown.

    It is open only where every up-sampler owns all its convolutions. Time is doubled by repeating frames.
    """
    levels = [f"decoder.up.{level}.upsample" for level in range(1, len(config.widths))]
    if not config.is_video or not all(owns_all(level, checkpoint.state) for level in levels):
        return None
    code = {level: archive.code(level) for archive in checkpoint.archives for level in levels if archive.code(level)}
    doubling = [bool(code.get(level) and "repeat_interleave" in str(code[level])) for level in levels]
    if not any(doubling):
        return None
    for legacy in (False, True):
        steps = replace(config, legacy_upsampling=legacy).decoder_steps
        if doubling == [doubles_time for doubles_time, _ in steps[1:]]:
            return legacy
    raise TokenBenchError(
        f"{checkpoint.source}: its decoder doubles time in an order that this network does not know; "
        "take the released weights"
    )


def owns_all(sampler: str, state: Mapping[str, Tensor]) -> bool:
    """Whether a sampler has all three convolutions, those that it does not use included."""
    return all(f"{sampler}.conv{number}.conv3d.weight" in state for number in (1, 2, 3))


def _read(path: Path) -> tuple[dict[str, Tensor], TorchScriptArchive | None]:
    if is_torchscript(path):
        archive = read_torchscript(path)
        return archive.tensors, archive
    return read_tensors(path), None


def _whole_name(name: str) -> str:
    for prefix, whole in _RENAMED.items():
        if name.startswith(prefix):
            return whole + name.removeprefix(prefix)
    return name
