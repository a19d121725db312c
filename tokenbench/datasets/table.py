"""Tables of a TOML file as typed records: unknown keys and values of the wrong kind are refused in one line."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from tokenbench.errors import TokenBenchError

Record = TypeVar("Record")


def read_table(kind: type[Record], values: Any, where: str) -> Record:
    """A dataclass made of a table.

    Args:
        kind: a dataclass of strings, whole numbers, numbers, switches, choices (`Literal`), any of these or None,
            lists of them (`tuple`), tables (`dict`) and further dataclasses, each a table or made already.
        values: the table.
        where: what messages begin with.

    Raises:
        TokenBenchError: it is no table, has an unknown key, lacks one, or a value is of the wrong kind.
    """
    if not isinstance(values, Mapping):
        raise TokenBenchError(f"{where} is {values!r}, expected a table")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in sorted(values.keys() - known):
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
        raise TokenBenchError(f"{where} has the unknown key {key!r}: {hint}")
    required = [name for name, field in known.items() if field.default is field.default_factory is MISSING]
    if missing := [name for name in required if name not in values]:
        raise TokenBenchError(f"{where} lacks {', '.join(missing)}")
    hints = get_type_hints(kind)
    for name, value in values.items():
        if not is_dataclass(hints[name]) and (expected := _misfit(value, hints[name])):
            raise TokenBenchError(f"{where}: {name} is {value!r}, expected {expected}")
    return kind(**{name: _read(hints[name], value, f"{where}: {name}") for name, value in values.items()})


def _read(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind) and not isinstance(value, cast(type[Any], kind)):
        return read_table(cast(type[Any], kind), value, where)
    return tuple(value) if isinstance(value, list) else value


def _misfit(value: Any, kind: Any) -> str:
    """What was expected of a value that is not of its field's kind; nothing where it is."""
    if get_origin(kind) is UnionType:
        (kind,) = [each for each in get_args(kind) if each is not NoneType]
        return "" if value is None else _misfit(value, kind)
    if get_origin(kind) is Literal:
        return "" if value in get_args(kind) else " or ".join(map(repr, get_args(kind)))
    if get_origin(kind) is tuple:
        return _misfit_of_list(value, get_args(kind))
    if kind is str:
        return "" if isinstance(value, str) else "a string"
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false"
    if kind is int:
        return "" if type(value) is int and value >= 0 else "a whole number of 0 or more"
    if kind is float:
        return "" if type(value) in (int, float) and 0 <= value < math.inf else "a number of 0 or more"
    return "" if isinstance(value, Mapping) else "a table"


def _misfit_of_list(value: Any, kinds: tuple[Any, ...]) -> str:
    """Likewise of a list: of any length where the last kind is `...`."""
    if not isinstance(value, list | tuple):
        return "a list"
    if kinds[-1] is not ...:
        if len(value) != len(kinds):
            return f"a list of {len(kinds)}"
    else:
        kinds = kinds[:1] * len(value)
    return next((f"each to be {wrong}" for wrong in map(_misfit, value, kinds) if wrong), "")
