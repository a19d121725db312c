"""A user's own tokenizer, from `path/to/file.py:ClassName`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from tokenbench.datasets.table import read_table
from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import Tokenizer, TokenizerInfo

if TYPE_CHECKING:
    import torch


def is_custom(name: str) -> bool:
    """Whether a name means a class in a file."""
    return ".py:" in name or name.endswith(".py")


def load_custom(
    name: str,
    weights: str | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
    **settings: Any,
) -> Tokenizer:
    """Make the user's tokenizer.

    The class needs `encode(video)` and `decode(tokens)`. Its constructor gets those of `weights`, `device` and `dtype`
    that it names, and all `settings`. Its `info` may be a `TokenizerInfo` or a dictionary of its fields; what is
    missing takes the defaults, and the name defaults to the class's.

    Raises:
        TokenBenchError: there is no such file or class, it fails while it is made, it lacks a method, it takes none of
            the weights that are given, or its `info` holds what it cannot.
    """
    import torch

    file, _, class_name = name.rpartition(":")
    if not file or not class_name.isidentifier():
        raise TokenBenchError(f"{name}: name the class too, as in {file or name}:MyTokenizer")
    offered = {"weights": weights, "device": torch.device(device), "dtype": dtype or torch.float32}
    made = _instance(Path(file), class_name, offered, settings)
    for method in ("encode", "decode"):
        if not callable(getattr(made, method, None)):
            raise TokenBenchError(f"{name}: has no method {method}(...); a tokenizer needs encode and decode")
    try:
        made.info = _info(name, class_name, getattr(made, "info", None))
    except AttributeError as error:
        raise TokenBenchError(f"{name}: its attribute 'info' cannot be set ({error}); make it a plain one") from error
    return made


def _instance(path: Path, class_name: str, offered: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    where = f"{path}:{class_name}"
    module = _module(path)
    if not isinstance(found := getattr(module, class_name, None), type):
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise TokenBenchError(f"{where}: no such class in the file; it has {', '.join(classes) or 'none'}")
    named = inspect.signature(found).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in named.values())
    if offered["weights"] is not None and not takes_all and "weights" not in named:
        raise TokenBenchError(f"{where}: its constructor takes no weights; leave out --weights")
    try:
        return found(**{key: value for key, value in offered.items() if takes_all or key in named}, **settings)
    except TokenBenchError:
        raise
    except Exception as error:  # a stranger's constructor may raise anything
        raise TokenBenchError(f"{where}: cannot be made: {type(error).__name__}: {error}") from error


class _Compiled(SourceFileLoader):
    """Compiles a file each time: kept bytecode is told by the file's size and second, which an edit may leave."""

    def get_code(self, fullname: str) -> CodeType:
        """Of the file as it is now."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _module(path: Path) -> Any:
    if not path.is_file():
        raise TokenBenchError(f"{path}: no such file; give path/to/file.py:ClassName")
    name = f"tokenbench_custom_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Compiled(name, str(path)))
    if spec is None or spec.loader is None:
        raise TokenBenchError(f"{path}: not a Python file; give path/to/file.py:ClassName")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up by name.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a stranger's file may raise anything
        raise TokenBenchError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _info(name: str, class_name: str, given: Any) -> TokenizerInfo:
    if isinstance(given, TokenizerInfo):
        return given
    fields = {"name": class_name, "kind": "continuous", **_as_mapping(name, given)}
    return read_table(TokenizerInfo, fields, f"{name}: info")


def _as_mapping(name: str, given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return given
    raise TokenBenchError(f"{name}: info is a {type(given).__name__}, expected a TokenizerInfo or a dictionary")
