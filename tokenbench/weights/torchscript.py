"""Read a TorchScript archive without TorchScript: its tensors and its source, and nothing of it is run.

An archive is a zip: `data.pkl` holds the tree of modules, `data/N` the numbers of their tensors, `code/` the source
generated for every class. File format versions 3 to 10 have that layout, which is all that torch up to 2.15 writes
(caffe2/serialize/versions.h).
"""

from __future__ import annotations

import ast
import pickle
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenbench.errors import TokenBenchError
from tokenbench.weights.pickled import Record, StorageRecord, TensorRecord, unpickle
from tokenbench.weights.tensors import damaged, refuse_bomb

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_KIND = "TorchScript archive"

# "class Conv2d(Module):" and what is indented under it.
_CLASS = re.compile(r"^class (?P<name>\w+)(?:\((?P<base>\w+)\))?:\n(?P<body>(?:[ \t].*\n|\n)*)", re.MULTILINE)

# Element types whose storage is not named as their dtype is.
_DTYPES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexDouble": "complex128",
    "ComplexFloat": "complex64",
    "ComplexHalf": "complex32",
}


@dataclass(frozen=True)
class TorchScriptArchive:
    """What an archive holds, as data.

    Args:
        path: of the file.
        tensors: parameters and buffers, named as in the `state_dict()` of the loaded archive; they share memory where
            the archive's do.
        modules: dotted paths of the modules, the root's ("") first.
        sources: module path -> source generated for its class.
        attributes: module path -> its attributes that are plain numbers, flags or strings.
    """

    path: Path
    tensors: dict[str, Tensor]
    modules: tuple[str, ...]
    sources: Mapping[str, str]
    attributes: Mapping[str, Mapping[str, Any]]

    def code(self, module_path: str) -> str | None:
        """The generated source of a module's class, that class alone; None where there is no such module."""
        return self.sources.get(module_path)


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, whatever its name: a zip with a module tree and the source for it."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except Exception:  # no zip, or a damaged one, which raises whatever its bytes happen to say
        return False
    return {"data.pkl", "constants.pkl"} <= {_below_top(name) for name in members}


def read_torchscript(path: Path) -> TorchScriptArchive:
    """Read an archive.

    Raises:
        TokenBenchError: the file is truncated, damaged, or no TorchScript archive; or its pickle asks for objects that
            weights do not need, which are refused by name.
    """
    refuse_bomb(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, _Members(archive))
    except pickle.UnpicklingError as error:
        if "asks for" not in str(error):
            raise damaged(path, _KIND) from error
        raise TokenBenchError(
            f"weights {path} are refused: {error}, which weights do not need; take them from their publisher"
        ) from error
    except TokenBenchError as error:
        raise TokenBenchError(f"cannot read weights {path}: {error}") from error
    except OSError as error:
        raise TokenBenchError(f"cannot read weights {path}: {error.strerror or error}; check the path") from error
    except Exception as error:  # damaged bytes raise whatever they happen to say
        raise damaged(path, _KIND) from error


class _Members:
    """The members of an archive, by their names below its one top folder."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = frozenset(archive.namelist())
        self._top = next(name for name in self._names if _below_top(name) == "data.pkl").removesuffix("data.pkl")
        self.source = cache(self._source)
        self.storage = cache(self._storage)

    def read(self, name: str) -> bytearray:
        """The bytes of a member; a wrong length or checksum raises."""
        return bytearray(self._archive.read(self._top + name))

    def foreign_bytes(self) -> bool:
        """Whether numbers are written the other way round than this machine has them."""
        # Archives that do not say were written when only little-endian machines wrote them.
        order = self.read("byteorder").decode() if self._top + "byteorder" in self._names else "little"
        return order != sys.byteorder

    def _source(self, script_name: str) -> tuple[str, str]:
        """Base class and source of a class."""
        module, _, name = script_name.rpartition(".")
        for match in _CLASS.finditer(self.read(f"code/{module.replace('.', '/')}.py").decode()):
            if match["name"] == name:
                return match["base"] or "", match[0]
        raise ValueError(script_name)

    def _storage(self, record: StorageRecord) -> Tensor:
        """All numbers of a storage, as one dimension."""
        import torch

        dtype = _dtype(record.kind)
        content = self.read(f"data/{record.key}")
        if len(content) != record.length * dtype.itemsize:
            raise ValueError(record)
        if not content:
            return torch.empty(0, dtype=dtype)
        values = torch.frombuffer(content, dtype=torch.uint8).view(dtype)
        if self.foreign_bytes():
            values.untyped_storage().byteswap(dtype)
        return values


def _read(file: Path, members: _Members) -> TorchScriptArchive:
    root = unpickle(bytes(members.read("data.pkl")))
    if not _is_module(root, members):
        raise TokenBenchError("its TorchScript archive holds no module; name another file")
    tensors: dict[str, Tensor] = {}
    sources: dict[str, str] = {}
    attributes: dict[str, dict[str, Any]] = {}
    for path, module in _walk(root, "", members, ()):
        sources[path] = members.source(module.script_name)[1]
        attributes[path] = {
            key: value for key, value in module.state.items() if isinstance(value, bool | int | float | str)
        }
        for name in _names_of_state(sources[path]):
            if isinstance(value := module.state.get(name), TensorRecord):
                tensors[_join(path, name)] = _tensor(value, members)
    return TorchScriptArchive(file, tensors, tuple(sources), sources, attributes)


def _walk(module: Record, path: str, members: _Members, above: tuple[Record, ...]) -> Iterator[tuple[str, Record]]:
    """Every module with its path, parents first, children in their order; a shared one at each of its places."""
    if not isinstance(module.state, Mapping) or "def __setstate__(" in members.source(module.script_name)[1]:
        raise TokenBenchError(f"{module.script_name} restores itself by running its own code; use a plain state dict")
    if module in above:
        raise ValueError(f"{path} holds itself")
    yield path, module
    for name, value in module.state.items():
        if _is_module(value, members):
            yield from _walk(value, _join(path, name), members, (*above, module))


def _is_module(value: Any, members: _Members) -> bool:
    return isinstance(value, Record) and not _is_bound(value) and members.source(value.script_name)[0] == "Module"


def _is_bound(record: Record) -> bool:
    """Whether a class is bound from C++, as quantised parameters are: no source is generated for it."""
    return record.script_name.startswith("__torch__.torch.classes.")


def _names_of_state(source: str) -> list[str]:
    """The attributes that a class declares as parameters, then those that it declares as buffers."""
    names: list[str] = []
    for kind in ("parameters", "buffers"):
        found = re.search(rf"^  __{kind}__ = (\[.*\])$", source, re.MULTILINE)
        names += ast.literal_eval(found[1]) if found else []
    return names


def _tensor(record: TensorRecord, members: _Members) -> Tensor:
    """The view of its storage that a tensor is; one that reaches outside raises."""
    values = members.storage(record.storage)
    if 0 in record.size:
        return values.new_empty(record.size)
    last = record.offset + sum((size - 1) * step for size, step in zip(record.size, record.stride, strict=True))
    if min(record.offset, *record.size, *record.stride, 0) < 0 or last >= values.numel():
        raise ValueError(record)
    return values.as_strided(record.size, record.stride, record.offset)


def _dtype(kind: str) -> torch.dtype:
    import torch

    dtype = getattr(torch, _DTYPES.get(kind, kind.lower()), None)
    if not isinstance(dtype, torch.dtype):
        raise TokenBenchError(f"its numbers are of type {kind}, which this torch does not know; update torch")
    return dtype


def _below_top(name: str) -> str:
    """The name of a member without the archive's top folder, which is named as the file once was."""
    return name.partition("/")[2]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
