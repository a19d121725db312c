"""Unpickle the data of a TorchScript archive into plain records. No name in the pickle reaches a real object.

Objects become `Record`s, tensors `TensorRecord`s; whatever else the pickle asks for by name is refused.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

# TorchScript names every class under this root.
SCRIPT_ROOT = "__torch__"


@dataclass(frozen=True, slots=True)
class StorageRecord:
    """Numbers in a row, that tensors are views of.

    Args:
        key: of the archive's member `data/<key>`.
        kind: element type, as in "BFloat16" for torch.BFloat16Storage.
        length: in elements.
    """

    key: str
    kind: str
    length: int


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """A tensor as it is written: a strided view of a storage, offset and strides in elements."""

    storage: StorageRecord
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class Record:
    """An object of the archive: `script_name` is its class, as "__torch__.torch.nn.modules.conv.Conv2d"."""

    script_name: ClassVar[str]

    def __init__(self, *arguments: Any) -> None:
        self.state: Any = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


def unpickle(data: bytes) -> Any:
    """The object in the bytes of `data.pkl`.

    Raises:
        pickle.UnpicklingError: it asks for something that no TorchScript archive of tensors needs; the message names
            it. Damaged bytes raise whatever they happen to say.
    """
    return _Unpickler(io.BytesIO(data)).load()


class _Unpickler(pickle._Unpickler):
    """The names that TorchScript's pickler writes (torch/csrc/jit/serialization/pickler.cpp), and no others.

    In Python: the one in C takes memory for as many objects as a damaged byte says there are.
    """

    def find_class(self, module: str, name: str) -> Any:
        if module == SCRIPT_ROOT or module.startswith(SCRIPT_ROOT + "."):
            return type(name, (Record,), {"script_name": f"{module}.{name}"})
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module == "torch" and name.endswith("Storage"):
            return _StorageKind(name.removesuffix("Storage"))
        raise pickle.UnpicklingError(f"it asks for {f'{module}.{name}'!r}")

    def persistent_load(self, identifier: Any) -> StorageRecord:
        tag, kind, key, _device, length = identifier
        if tag != "storage" or not isinstance(kind, _StorageKind):
            raise pickle.UnpicklingError(f"it asks for {tag!r}")
        return StorageRecord(str(key), kind.name, int(length))


@dataclass(frozen=True, slots=True)
class _StorageKind:
    name: str


def _rebuild_tensor(
    storage: StorageRecord, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> TensorRecord:
    """In place of torch's function of that name; gradients and hooks mean nothing here."""
    return TensorRecord(storage, offset, tuple(size), tuple(stride))


def _first(value: Any, *_: Any) -> Any:
    """For names that only tell a type: of a list's items, of a parameter, of a device."""
    return value


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch.jit._pickle", "build_intlist"): _first,
    ("torch.jit._pickle", "build_doublelist"): _first,
    ("torch.jit._pickle", "build_boollist"): _first,
    ("torch.jit._pickle", "build_tensorlist"): _first,
    ("torch.jit._pickle", "restore_type_tag"): _first,
    ("torch", "device"): _first,
    ("collections", "OrderedDict"): OrderedDict,
}
