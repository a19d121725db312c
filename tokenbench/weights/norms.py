"""How many groups the group norms of a TorchScript archive have: the one number that no tensor's shape shows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.weights.torchscript import TorchScriptArchive

# Traced modules call the operator, scripted ones the function around it, under a local name.
_OPERATOR = "torch.group_norm"
_FUNCTION = "__torch__.torch.nn.functional.group_norm"


def group_norm_groups(archive: TorchScriptArchive) -> dict[str, int]:
    """Module path -> number of groups, for every module whose own code calls group norm with a constant.

    A constant is a number in the code, or an attribute that the archive stores with the module. Groups that are
    computed while the network runs are left out.

    Raises:
        TokenBenchError: one module normalises with different numbers of groups, or its code makes no sense.
    """
    groups: dict[str, int] = {}
    for path in archive.modules:
        where = f"weights {archive.path}: {path or 'the root'}"
        try:
            found = sorted(set(_constants(archive.sources[path], archive.attributes[path])))
        except (SyntaxError, RecursionError) as error:
            raise TokenBenchError(f"{where} has code that cannot be parsed; download the file again") from error
        if len(found) > 1:
            raise TokenBenchError(f"{where} normalises with {found} groups, expected one number; name another file")
        if found:
            groups[path] = found[0]
    return groups


def _constants(source: str, attributes: Mapping[str, Any]) -> Iterator[int]:
    """The second argument of every call of group norm in a class's source, where it is known."""
    if "group_norm" not in source:
        return
    for method in [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]:
        locals_ = _assignments(method)
        names = {_OPERATOR, *(name for name, value in locals_.items() if ast.unparse(value) == _FUNCTION)}
        for node in ast.walk(method):
            if isinstance(node, ast.Call) and len(node.args) > 1 and ast.unparse(node.func) in names:
                value = _value(node.args[1], locals_, method.args.args[0].arg, attributes)
                if value is not None:
                    yield value


def _assignments(method: ast.FunctionDef) -> dict[str, ast.expr]:
    """Local name -> what it is set to; generated code sets a name once, but for loops and branches."""
    values: dict[str, ast.expr] = {}
    several: set[str] = set()
    for node in ast.walk(method):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            several |= {name} & values.keys()
            values[name] = node.value
    return {name: value for name, value in values.items() if name not in several}


def _value(
    node: ast.expr, locals_: Mapping[str, ast.expr], self_name: str, attributes: Mapping[str, Any]
) -> int | None:
    """A number, an attribute of the module that is one, or a local name for either."""
    if isinstance(node, ast.Name) and node.id in locals_:
        node = locals_[node.id]
    value: Any = None
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self_name:
        value = attributes.get(node.attr)
    return value if type(value) is int else None
