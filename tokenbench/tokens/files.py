"""Token files: one tensor `tokens` and a JSON header, as safetensors or NumPy's npz.

Continuous tokens are `C x t x h x w`, discrete ones `t x h x w` in the smallest unsigned integers that hold the
vocabulary. The header (`tokenbench.tokens.header`) lies under the key "tokenbench": in the metadata of safetensors, as
a text beside the tensor in npz, which has no bfloat16 and holds float32 in its place.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.files import cannot_write, whole_file
from tokenbench.media.limits import MEMBER_BYTES
from tokenbench.tokens.header import Header

SAFETENSORS, NPZ = ".safetensors", ".npz"
TOKEN_SUFFIXES = (SAFETENSORS, NPZ)

_TENSOR, _HEADER = "tokens", "tokenbench"
_UNSIGNED = (torch.uint8, torch.uint16, torch.uint32)


def write_tokens(path: Path, tokens: Tensor, header: Header) -> None:
    """Write a token file, whole or not at all.

    Args:
        path: ends in .safetensors or .npz.
        tokens: `C x t x h x w`, float, or `t x h x w`, whole numbers, with t = `header.latents`.
        header: of these tokens; its digest is filled in.

    Raises:
        OutputError: the file cannot be written.
        TokenBenchError: the name has another ending.
    """
    _refuse_suffix(path)
    stored = _as_stored(tokens, header.tokenizer.vocabulary)
    if path.suffix == NPZ:
        stored = stored.float() if stored.dtype == torch.bfloat16 else stored
    text = replace(header, tokens_sha256=_digest(stored)).to_json()
    with whole_file(path) as temporary:
        if path.suffix == NPZ:
            np.savez(temporary, tokens=stored.numpy(), tokenbench=np.array(text))
            return
        try:
            save_file({_TENSOR: stored}, temporary, metadata={_HEADER: text})
        except SafetensorError as error:
            raise cannot_write(path, error) from error


def read_tokens(path: Path) -> tuple[Tensor, Header]:
    """The tokens of a file, in the dtype in which the tokenizer gave them, and its header.

    Raises:
        ClipError: the file is missing, damaged, or no token file.
    """
    with open_tokens(path) as file:
        return file.latents(0, file.header.latents), file.header


def read_header(path: Path) -> Header:
    """The header alone; its tokens are not looked at.

    Raises:
        ClipError: the file is missing, damaged, or no token file.
    """
    with _reading(path):
        return Header.from_json(_header_text(path))


@contextmanager
def open_tokens(path: Path) -> Iterator[TokenFile]:
    """An open token file, its digest checked; safetensors are read piece by piece, npz at once.

    Raises:
        ClipError: the file is missing, damaged, or no token file.
    """
    header = read_header(path)
    if path.suffix == NPZ:
        with _reading(path), _archive(path) as archive:
            whole = torch.from_numpy(archive[_TENSOR])
        _refuse_changed(path, _digest(whole), header)
        yield TokenFile(path, header, whole)
        return
    _refuse_changed(path, _digest_of_safetensors(path), header)
    with _reading(path):
        file = safe_open(path, framework="pt")
    with file:
        yield TokenFile(path, header, file.get_slice(_TENSOR))


class TokenFile:
    """Tokens that are read when they are asked for.

    Args:
        path: of the file.
        header: of the file.
        stored: the tensor, or a slice view that reads from the disk.
    """

    def __init__(self, path: Path, header: Header, stored: Any) -> None:
        self.path = path
        self.header = header
        self._stored = stored
        self._dtype = getattr(torch, header.dtype, None)
        shape = tuple(stored.shape) if isinstance(stored, Tensor) else tuple(stored.get_shape())
        self._discrete = header.tokenizer.kind == "discrete"
        time = 0 if self._discrete else 1
        if len(shape) != time + 3 or shape[time] != header.latents or not isinstance(self._dtype, torch.dtype):
            raise ClipError(f"{path}: its tokens ({' x '.join(map(str, shape))}) are not what its header says")

    def latents(self, start: int, stop: int) -> Tensor:
        """`C x t x h x w` or `t x h x w`, those from `start` to `stop` along time, on the CPU."""
        part = self._stored[start:stop] if self._discrete else self._stored[:, start:stop]
        return part.to(self._dtype)


def _as_stored(tokens: Tensor, vocabulary: int | None) -> Tensor:
    tokens = tokens.detach().cpu().contiguous()
    if tokens.is_floating_point() or not vocabulary:
        return tokens
    fitting = [dtype for dtype in _UNSIGNED if vocabulary <= torch.iinfo(dtype).max + 1]
    return tokens.to(fitting[0]) if fitting else tokens


def _refuse_suffix(path: Path) -> None:
    if path.suffix not in TOKEN_SUFFIXES:
        raise TokenBenchError(f"{path}: the name of a token file ends in {' or '.join(TOKEN_SUFFIXES)}")


def _header_text(path: Path) -> str:
    _refuse_suffix(path)
    if path.suffix == NPZ:
        with _archive(path) as archive:
            return str(archive[_HEADER])
    with safe_open(path, framework="pt") as file:
        if list(file.keys()) != [_TENSOR]:
            raise ValueError(f"it holds no single tensor {_TENSOR!r}")
        return (file.metadata() or {})[_HEADER]


def _archive(path: Path) -> NpzFile:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, NpzFile):
        raise ValueError("it is a single array")
    unpacked = sum(member.file_size for member in archive.zip.infolist()) if archive.zip else 0
    MEMBER_BYTES.refuse_more(path, unpacked, f"{unpacked:,} bytes")
    return archive


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file is one line."""
    try:
        yield
    except TokenBenchError:
        raise
    except FileNotFoundError as error:
        raise ClipError(f"{path}: no such file; check the path") from error
    except KeyError as error:
        raise ClipError(f"{path}: not a token file: it has no {error}; give one that 'tokenize' wrote") from error
    except (SafetensorError, zipfile.BadZipFile, zlib.error, EOFError, MemoryError) as error:
        raise ClipError(f"{path}: damaged or cut short ({error}); copy it again, or encode its clip again") from error
    except Exception as error:  # NumPy reads an array's header as Python, which raises nearly anything
        raise ClipError(f"{path}: not a token file: {error}; give one that 'tokenize' wrote") from error


def _digest(stored: Tensor) -> str:
    return hashlib.sha256(stored.contiguous().reshape(-1).view(torch.uint8).numpy().data).hexdigest()


def _digest_of_safetensors(path: Path) -> str:
    """Of the only tensor's bytes: they follow the header, whose length the first eight bytes tell."""
    with _reading(path), path.open("rb") as file:
        file.seek(8 + int.from_bytes(file.read(8), "little"))
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_changed(path: Path, digest: str, header: Header) -> None:
    if digest != header.tokens_sha256:
        raise ClipError(f"{path}: damaged, its tokens are not those written; copy it again, or encode its clip again")
