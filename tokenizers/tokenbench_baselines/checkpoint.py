"""Published checkpoints into networks: nothing of a file is run, and nothing that does not fit goes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tokenbench.errors import TokenBenchError
from tokenbench.weights import read_tensors
from tokenbench.weights.tensors import CONTAINERS

RANDOM = "random"
RANDOM_SEED = 0

Network = TypeVar("Network", bound=nn.Module)


def read_checkpoint(path: Path, containers: Sequence[str] = CONTAINERS) -> dict[str, Tensor]:
    """The tensors of a weight file by name, on the CPU.

    Trainers pickle objects of their own beside the weights, such as settings and callbacks. Empty objects are put in
    their place: nothing that a file names is imported or called.

    Args:
        path: of the file.
        containers: keys under which a checkpoint may keep the tensors, best first; without any of them it is they.

    Raises:
        TokenBenchError: the file is missing, damaged, of another format, or holds other things than tensors by name.
    """
    # A class each, for a file may have classes as keys. Any, as torch's annotations have no pairs before 2.7.
    placeholders: list[Any] = [(type("Placeholder", (_Placeholder,), {}), name) for name in _foreign_names(path)]
    with torch.serialization.safe_globals(placeholders):
        return read_tensors(path, containers)


def fill(module: nn.Module, state: Mapping[str, Tensor], source: object, *, dtype: torch.dtype) -> None:
    """Give a network its tensors.

    Args:
        module: may lie on the meta device; its tensors are replaced.
        state: name -> tensor, all of the network's and no others.
        source: of the tensors, for messages.
        dtype: of parameters and floating buffers; whole numbers keep the dtype that the network has for them.

    Raises:
        TokenBenchError: a tensor is missing, unexpected, of another shape or kind; it is named.
    """
    expected = module.state_dict()
    refuse("lacks {}", source, [key for key in expected if key not in state])
    refuse("holds {}, which this network has not", source, [key for key in state if key not in expected])
    for key, tensor in state.items():
        wanted = expected[key]
        if tensor.shape != wanted.shape or tensor.is_floating_point() != wanted.is_floating_point():
            raise TokenBenchError(
                f"{source}: {key} is {_describe(tensor)}, expected {_describe(wanted)}; "
                "take the weights of this very tokenizer"
            )
    fitted = {
        key: tensor.to(dtype if tensor.is_floating_point() else expected[key].dtype) for key, tensor in state.items()
    }
    module.load_state_dict(fitted, strict=True, assign=True)


def refuse(problem: str, source: object, keys: Sequence[str]) -> None:
    """Say what is wrong with tensors, if there are any.

    Args:
        problem: with {} where the first of them is named.
        source: of the tensors.
        keys: of the wrong ones.

    Raises:
        TokenBenchError: there are some.
    """
    if keys:
        more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
        raise TokenBenchError(f"{source} {problem.format(keys[0] + more)}; take the weights of this very tokenizer")


def random_network(build: Callable[[], Network]) -> Network:
    """The framework's default initialisation, the same every time; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # torch.manual_seed would also seed the generators of every GPU, which are not forked.
        torch.default_generator.manual_seed(RANDOM_SEED)
        return build()


class _Placeholder:
    """In place of an object that weights do not need."""

    def __new__(cls, *_: object) -> _Placeholder:
        """Whatever it is made of."""
        return super().__new__(cls)

    def __init__(self, *_: object) -> None:
        """Keep nothing."""

    def __setstate__(self, state: object) -> None:
        """Keep nothing."""


def _foreign_names(path: Path) -> list[str]:
    """Dotted names in a checkpoint that torch's restricted unpickler does not know."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # other formats and damaged files raise anything; reading them says what they are
        return []


def _describe(tensor: Tensor) -> str:
    return f"{'x'.join(map(str, tensor.shape)) or 'a scalar'} of {str(tensor.dtype).removeprefix('torch.')}"
