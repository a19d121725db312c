"""Released weights into a network: what does not fit is refused by name, what a file cannot show is stated."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench.weights import WeightFiles
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.checkpoint import Checkpoint, groups_in, legacy_order_in, owns_all, read_checkpoint
from tokenbench_cosmos.config import CosmosConfig
from tokenbench_cosmos.fsq import FSQuantizer
from tokenbench_cosmos.wavelet import HaarWavelet2D, HaarWavelet3D, InverseHaarWavelet2D, InverseHaarWavelet3D

Wavelet = Literal["file", "exact", "bfloat16"]
_TAPS = {"exact": 1 / math.sqrt(2), "bfloat16": 0.70703125}

# Files of November 2024 were traced from samplers that own all three convolutions, used or not.
_SAMPLER = re.compile(
    r"(?P<sampler>encoder\.down\.\d+\.downsample|decoder\.up\.\d+\.upsample)\.conv[123]\.conv3d\.(weight|bias)"
)

# Training checkpoints: the weights, and their moving averages, whose names have dashes for dots.
TRAINED, _AVERAGED = "network.", "ema.network-"

# Tables that training checkpoints leave out; they do not depend on what was learned.
_TABLES = re.compile(r".*\.(wavelets|_arange|patch_size_buffer)|quantizer\..*")

# bfloat16 keeps 1/sqrt(2) to 1.1e-4; the patcher that only rearranges pixels has 1.
_HAAR_TOLERANCE = 1e-2


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What changes the output of a network without changing the shape of any tensor.

    Args:
        groups: of every normalisation; None reads them from the file where it is an archive, and otherwise takes those
            of the published code.
        wavelet: the filter tap: as the file has it (bfloat16 rounded it to 0.70703125), exactly 1/sqrt(2), or that
            rounded value. The exact one is the transform as defined, but not what the released networks compute: their
            reconstructions are 0.13 % fainter over the four levels of a video network, 0.09 % in an image network.
        legacy_upsampling: double time one level earlier in the decoder; None reads it from the file where it is an
            archive of the layout that leaves it open, and otherwise takes the published order.

    Raises:
        TokenBenchError: a value is none of these.
    """

    groups: int | None = None
    wavelet: Wavelet = "file"
    legacy_upsampling: bool | None = None

    def __post_init__(self) -> None:
        if self.wavelet not in get_args(Wavelet):
            raise TokenBenchError(f"wavelet is {self.wavelet!r}, expected one of {', '.join(get_args(Wavelet))}")
        if self.groups is not None and (type(self.groups) is not int or self.groups < 1):
            raise TokenBenchError(f"groups is {self.groups!r}, expected a whole number such as 1 or 32")
        if not isinstance(self.legacy_upsampling, bool | None):
            raise TokenBenchError(f"legacy_upsampling is {self.legacy_upsampling!r}, expected true or false")


def load_network(
    config: CosmosConfig, files: WeightFiles, choices: Choices, *, dtype: torch.dtype
) -> tuple[CosmosAutoencoder, dict[str, Any]]:
    """A network with the weights of these files.

    Args:
        config: as published; what the files or the choices say otherwise is put in its place.
        files: that make up the weights.
        choices: what no shape shows.
        dtype: of parameters and floating buffers.

    Returns:
        The network on the CPU, and its settings with where each comes from, for results.

    Raises:
        TokenBenchError: a file cannot be read; a tensor is missing, unexpected, of another shape, kind or meaning; the
            files contradict a choice.
    """
    checkpoint = read_checkpoint(files.paths)
    config, settings = settle(config, checkpoint, choices)
    with torch.device("meta"):
        module = CosmosAutoencoder(config)
    fill(module, checkpoint, dtype=dtype)
    set_taps(module, choices.wavelet)
    return module, settings | {"wavelet": describe_taps(module, choices.wavelet)}


def settle(config: CosmosConfig, checkpoint: Checkpoint, choices: Choices) -> tuple[CosmosConfig, dict[str, Any]]:
    """The configuration that the files and the choices make of a published one, and what to say of it.

    Raises:
        TokenBenchError: a file's code contradicts a choice, or itself.
    """
    groups, groups_from = _settled(
        "groups", choices.groups, groups_in(checkpoint), config.groups, source=checkpoint.source
    )
    legacy, legacy_from = _settled(
        "legacy_upsampling",
        choices.legacy_upsampling,
        legacy_order_in(config, checkpoint),
        config.legacy_upsampling,
        source=checkpoint.source,
    )
    said = {"groups": groups, "groups_from": groups_from}
    if config.is_video:
        said |= {"legacy_upsampling": legacy, "legacy_upsampling_from": legacy_from}
    return replace(config, groups=groups, legacy_upsampling=legacy), said


def fill(module: CosmosAutoencoder, checkpoint: Checkpoint, *, dtype: torch.dtype) -> None:
    """Give a module its tensors, cast to `dtype`.

    Args:
        module: may lie on the meta device; its tensors are replaced.
        checkpoint: unused convolutions of samplers are ignored.
        dtype: of parameters and floating buffers; whole numbers keep the dtype that the module has for them.

    Raises:
        TokenBenchError: a tensor is missing, unexpected, of another shape, kind or meaning; it is named.
    """
    expected = module.state_dict()
    tables = tables_of(module.config)
    state = _trained_state(checkpoint.state, expected, tables)
    state = {key: tensor for key, tensor in state.items() if key in expected or not _is_legacy(key, state)}
    _refuse("lacks {}", checkpoint.source, [key for key in expected if key not in state])
    _refuse("holds {}, which this network has not", checkpoint.source, [key for key in state if key not in expected])
    for key, tensor in state.items():
        _refuse_misfit(key, tensor, expected[key], tables.get(key), checkpoint.source)
    fitted = {
        key: tensor.to(dtype if tensor.is_floating_point() else expected[key].dtype) for key, tensor in state.items()
    }
    module.load_state_dict(fitted, strict=True, assign=True)


def tables_of(config: CosmosConfig) -> dict[str, Tensor]:
    """The buffers of a network by name, float32 or int; they are constants."""
    wavelets: dict[str, nn.Module] = (
        {
            "encoder.patcher3d": HaarWavelet3D(config.patch_size),
            "decoder.unpatcher3d": InverseHaarWavelet3D(config.patch_size),
        }
        if config.is_video
        else {
            "encoder.patcher": HaarWavelet2D(config.patch_size),
            "decoder.unpatcher": InverseHaarWavelet2D(config.patch_size),
        }
    )
    parts = wavelets | ({"quantizer": FSQuantizer(config.fsq_levels)} if config.fsq_levels else {})
    return {f"{path}.{name}": table for path, part in parts.items() for name, table in part.named_buffers()}


def set_taps(module: CosmosAutoencoder, wavelet: Wavelet) -> None:
    """Put another tap in place of the one that the wavelets have; it stays float32 in any network."""
    if wavelet in _TAPS:
        for patcher in _patchers(module):
            patcher.wavelets = torch.full_like(patcher.wavelets, _TAPS[wavelet], dtype=torch.float32)


def describe_taps(module: CosmosAutoencoder, origin: str) -> str:
    """For results: the tap that is used, and where it comes from."""
    return f"{_patchers(module)[0].wavelets[0].item():.8f} ({origin})"


def _patchers(module: CosmosAutoencoder) -> list[Any]:
    return [part for part in module.modules() if "wavelets" in dict(part.named_buffers(recurse=False))]


def _trained_state(state: dict[str, Tensor], expected: Iterable[str], tables: dict[str, Tensor]) -> dict[str, Tensor]:
    """A training checkpoint under the network's own names; anything else as it is.

    The moving averages are taken where there are some, as the released archives hold them.
    """
    averaged = any(key.startswith(_AVERAGED) for key in state)
    if not averaged and not any(key.startswith(TRAINED) for key in state):
        return state
    names = {_AVERAGED + key.replace(".", "-") if averaged else TRAINED + key: key for key in expected}
    ignored = TRAINED if averaged else None
    renamed = {
        names.get(key, key): tensor for key, tensor in state.items() if not ignored or not key.startswith(ignored)
    }
    return {key: table for key, table in tables.items() if _TABLES.fullmatch(key)} | renamed


def _settled(name: str, chosen: Any, in_file: Any, published: Any, *, source: str) -> tuple[Any, str]:
    """One of the three, the user's choice first, and which one it is; a choice that the file contradicts is refused."""
    if None not in (chosen, in_file) and chosen != in_file:
        raise TokenBenchError(f"{source}: its code has {name} = {in_file}, not {chosen}; drop this setting")
    if chosen is not None:
        return chosen, "setting"
    return (published, "published code") if in_file is None else (in_file, "file")


def _is_legacy(key: str, state: Mapping[str, Tensor]) -> bool:
    """Whether a tensor belongs to a sampler that owns all its convolutions; where one is missing it is in use."""
    match = _SAMPLER.fullmatch(key)
    return match is not None and owns_all(match["sampler"], state)


def _refuse(problem: str, source: str, keys: Sequence[str]) -> None:
    if keys:
        more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
        raise TokenBenchError(f"{source} {problem.format(keys[0] + more)}; take the weights of this very tokenizer")


def _refuse_misfit(key: str, tensor: Tensor, expected: Tensor, table: Tensor | None, source: str) -> None:
    if tensor.shape != expected.shape:
        raise TokenBenchError(
            f"{source}: {key} is {_shape(tensor)}, expected {_shape(expected)}; take the weights of this very tokenizer"
        )
    if tensor.is_floating_point() != expected.is_floating_point():
        raise TokenBenchError(
            f"{source}: {key} is {tensor.dtype}, expected {expected.dtype}; take the released weights"
        )
    if key.endswith(".wavelets"):
        if (tensor.float() - _TAPS["exact"]).abs().max() > _HAAR_TOLERANCE:
            raise TokenBenchError(f"{source}: {key} is {tensor.tolist()}, expected 1/sqrt(2): it is no Haar network")
    elif table is not None and not torch.equal(tensor.to(table.dtype), table):
        raise TokenBenchError(f"{source}: {key} has other values than this network; take the weights of this very one")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
