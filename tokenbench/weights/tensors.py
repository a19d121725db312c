"""Read the tensors of a weight file, whatever its format."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tokenbench.errors import TokenBenchError

if TYPE_CHECKING:
    from torch import Tensor

PICKLES = (".pt", ".pth", ".ckpt", ".bin")
SAFETENSORS = ".safetensors"
TORCHSCRIPT = ".jit"
SUFFIXES = (*PICKLES, SAFETENSORS, TORCHSCRIPT)

Format = Literal["torchscript", "pickle", "safetensors"]

_FORMATS: dict[str, Format] = {TORCHSCRIPT: "torchscript", SAFETENSORS: "safetensors"}

# Checkpoints of trainers keep the network's tensors one level down, under one of these keys.
CONTAINERS = ("state_dict", "model")

# Torch stores numbers as they are, and packs the source of a network alone; more than that is a bomb.
_MOST_UNPACKED = 2**28

# What a clone without Git LFS leaves in place of a large file.
_LFS_POINTER = b"version https://git-lfs"


def read_tensors(path: Path, containers: Sequence[str] = CONTAINERS) -> dict[str, Tensor]:
    """The tensors of a weight file by name, on the CPU, in the dtypes of the file; nothing in the file is run.

    The content decides how it is read, whatever the file's name: a TorchScript archive without its code, a plain
    state dict with torch's restricted unpickler (one level is unwrapped; an optimizer's state beside it is left
    alone), safetensors as they are.

    Args:
        path: of the file.
        containers: keys under which a trainer's checkpoint may keep the tensors, best first.

    Raises:
        TokenBenchError: the file is missing, empty, truncated, of another format, or holds more than tensors.
    """
    kind = weight_format(path)
    readers = {"torchscript": _read_torchscript, "safetensors": _read_safetensors}
    state = _read_pickle(path, containers) if kind == "pickle" else readers[kind](path)
    if not state:
        raise TokenBenchError(f"weights {path} hold no tensors; name another file")
    return state


def weight_format(path: Path) -> Format:
    """The format of a weight file, from its content; from its suffix where the content is too damaged to say.

    Raises:
        TokenBenchError: the file is missing, empty or a Git LFS pointer, or neither says.
    """
    from tokenbench.weights.torchscript import is_torchscript

    head = _head(path)
    if is_torchscript(path):
        return "torchscript"
    # Eight bytes say how long the header of a safetensors file is, which is JSON.
    if head[8:9] == b"{":
        return "safetensors"
    # What is left of a zip that is cut short has lost its list of members; a bare pickle is what torch once wrote.
    if (head.startswith(b"PK") and path.suffix != TORCHSCRIPT) or head.startswith(b"\x80"):
        return "pickle"
    if path.suffix in SUFFIXES:
        return _FORMATS.get(path.suffix, "pickle")
    raise TokenBenchError(
        f"cannot read weights {path}: neither its content nor its name says what it is; the name must end in one of "
        f"{', '.join(SUFFIXES)}"
    )


def refuse_bomb(path: Path) -> None:
    """Refuse a zip whose members are far larger than itself.

    Raises:
        TokenBenchError: it is such a one; what is no zip passes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except Exception:  # no zip, or a damaged one, which its reader refuses
        return
    if unpacked > path.stat().st_size + _MOST_UNPACKED:
        raise TokenBenchError(f"weights {path} would unpack to {unpacked:,} bytes; take them from their publisher")


def damaged(path: Path, kind: str) -> TokenBenchError:
    """The one line for a file that breaks off or makes no sense."""
    size = path.stat().st_size
    return TokenBenchError(
        f"cannot read weights {path} ({size} bytes): truncated, or no {kind}; download it again and compare its size"
    )


def _head(path: Path) -> bytes:
    """The first bytes; a missing file, an empty one, and a Git LFS pointer have their own line."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise TokenBenchError(f"cannot read weights {path}: {error.strerror or error}; check the path") from error
    if not head:
        raise TokenBenchError(f"weights {path} are an empty file; download it again")
    if head == _LFS_POINTER:
        raise TokenBenchError(
            f"weights {path} are a Git LFS pointer, not the file itself; type 'git lfs pull' in its folder"
        )
    return head


def _read_pickle(path: Path, containers: Sequence[str]) -> dict[str, Tensor]:
    import torch

    refuse_bomb(path)
    try:
        # An open file, for torch would let the suffix of a path decide.
        with path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = "holds more than tensors, or is no checkpoint; save its plain state dict, or use .safetensors"
        raise TokenBenchError(f"cannot read weights {path}: it {reason}") from error
    except Exception as error:  # damaged pickles raise whatever their bytes happen to say
        raise damaged(path, "checkpoint") from error
    return _tensors_of(path, content, containers)


def _tensors_of(path: Path, content: Any, containers: Sequence[str]) -> dict[str, Tensor]:
    """The name -> tensor dictionary that a checkpoint is, or has one level down."""
    import torch

    for key in containers:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping):
        raise TokenBenchError(f"weights {path} hold a {type(content).__name__}, expected a state dict (name -> tensor)")
    for key, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise TokenBenchError(f"weights {path}: {key!r} is a {type(value).__name__}, expected tensors only")
    return {str(key): value.detach() for key, value in content.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, "safetensors file") from error


def _read_torchscript(path: Path) -> dict[str, Tensor]:
    from tokenbench.weights.torchscript import read_torchscript

    return read_torchscript(path).tensors
