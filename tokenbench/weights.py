"""Find weight files, tell their digest, and read tensors out of them.

Importing this module costs no torch.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenbench.errors import TokenBenchError

if TYPE_CHECKING:
    from torch import Tensor

PICKLES = (".pt", ".pth", ".ckpt")
SAFETENSORS = ".safetensors"
TORCHSCRIPT = ".jit"

# Checkpoints of trainers keep the network's tensors one level down, under one of these keys.
_WRAPPERS = ("state_dict", "model")

# What a clone without Git LFS leaves in place of a large file.
_LFS_POINTER = b"version https://git-lfs"


def weights_root() -> Path:
    """The folder that holds one folder of weights a tokenizer: $TOKENBENCH_WEIGHTS, or ~/.cache/tokenbench/weights."""
    return Path(os.environ.get("TOKENBENCH_WEIGHTS") or "~/.cache/tokenbench/weights").expanduser()


def find_weights(
    name: str, given: str | Path | None, file_sets: Sequence[Sequence[str]], *, hint: str = ""
) -> list[Path]:
    """The files that hold a tokenizer's weights.

    Args:
        name: of the tokenizer, and of its folder in `weights_root()`.
        given: a file or a folder; None looks in `weights_root() / name`.
        file_sets: what a folder may hold, best first: file names that make up the weights together.
        hint: where the weights can be had, for the message when they are not there.

    Returns:
        The files of the first set that is complete, in its order. A file given directly is taken as it is, together
        with the rest of its set where it belongs to one.

    Raises:
        TokenBenchError: they are not there; says where it looked, and `hint`.
    """
    place = weights_root() / name if given is None else Path(given).expanduser()
    sets = [(place.parent, names) for names in file_sets if place.name in names] if place.is_file() else []
    if place.is_file() and not sets:
        return [place]
    for folder, names in sets or [(place, names) for names in file_sets]:
        paths = [folder / file for file in names]
        if all(path.is_file() for path in paths):
            return paths
    raise TokenBenchError(_not_found(name, place, given is None, file_sets, hint))


def _not_found(name: str, place: Path, default: bool, file_sets: Sequence[Sequence[str]], hint: str) -> str:
    wanted = ", or ".join(" + ".join(names) for names in file_sets)
    if place.is_file():
        return f"{name}: {place} is not all of its weights; expected {wanted} in {place.parent}"
    state = "in" if place.is_dir() else "at"
    advice = (
        "put them there, or name them with --weights PATH" if default else "name another file or folder with --weights"
    )
    return f"no weights for {name} {state} {place} (looked for {wanted}): {hint + '; ' if hint else ''}{advice}"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        TokenBenchError: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TokenBenchError(f"cannot read weights {path}: {error.strerror or error}; check the path") from error


def sha256_of_files(paths: Sequence[Path]) -> str:
    """One digest for a set of files.

    A single file has its own SHA-256. Several have the SHA-256 of their lines "digest  name", sorted, with names taken
    without folders: what `sha256sum * | sort | sha256sum` prints in a folder of them alone, in the C locale.
    """
    if len(paths) == 1:
        return sha256_of(paths[0])
    lines = sorted(f"{sha256_of(path)}  {path.name}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file by name, on the CPU, in the dtypes of the file.

    `.pt`, `.pth` and `.ckpt` are read as plain state dicts, with torch's restricted unpickler: nothing in the file
    is run; one level of "state_dict" or "model" is unwrapped. `.safetensors` holds data only. `.jit` is a TorchScript
    archive, which is code: its graph is not called, but loading trusts the archive as far as TorchScript reaches, so
    take it only from a publisher that you trust, and compare `sha256_of` with what the publisher states.

    Raises:
        TokenBenchError: the file is missing, empty, truncated, of another format, or holds more than tensors.
    """
    readers = {**dict.fromkeys(PICKLES, _read_pickle), SAFETENSORS: _read_safetensors, TORCHSCRIPT: _read_torchscript}
    if path.suffix not in readers:
        raise TokenBenchError(f"cannot read weights {path}: the name must end in one of {', '.join(readers)}")
    _refuse_empty_or_pointer(path)
    state = readers[path.suffix](path)
    if not state:
        raise TokenBenchError(f"weights {path} hold no tensors; name another file")
    return state


def _refuse_empty_or_pointer(path: Path) -> None:
    """A missing file, an empty one, and a Git LFS pointer have their own line."""
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


def _read_pickle(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        with _quiet():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = "holds more than tensors, or is no checkpoint; save its plain state dict, or use .safetensors"
        raise TokenBenchError(f"cannot read weights {path}: it {reason}") from error
    except Exception as error:  # damaged pickles raise whatever their bytes happen to say
        if "TorchScript" in str(error):
            raise TokenBenchError(f"weights {path} are a TorchScript archive; rename it to {TORCHSCRIPT}") from error
        raise _damaged(path, "checkpoint") from error
    return _tensors_of(path, content)


def _tensors_of(path: Path, content: Any) -> dict[str, Tensor]:
    """The name -> tensor dictionary that a checkpoint is, or has one level down."""
    import torch

    for key in _WRAPPERS:
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
        raise _damaged(path, "safetensors file") from error


def _read_torchscript(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        with _quiet():
            return dict(torch.jit.load(path, map_location="cpu").state_dict())
    except (RuntimeError, ValueError, OSError) as error:
        raise _damaged(path, "TorchScript archive") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Newer torch warns at every use of TorchScript, the format that weights were released in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _damaged(path: Path, kind: str) -> TokenBenchError:
    size = path.stat().st_size
    return TokenBenchError(
        f"cannot read weights {path} ({size} bytes): truncated, or no {kind}; download it again and compare its size"
    )
