"""What a bundle says of itself: `bundle.json`."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tokenbench.errors import TokenBenchError, printable
from tokenbench.weights.provenance import PROVENANCE

RECORD = "bundle.json"
SCHEMA = "tokenbench.bundle/1"

Kind = Literal["tokenizer", "network"]

_WEIGHTS = "weights"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class BundledFile:
    """A file of an item.

    Args:
        path: below the item's folder, parts with "/" between them.
        sha256: that it must have.
        bytes: its size.
    """

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Item:
    """The weights of a tokenizer, or of a network that metrics stand on.

    Args:
        name: of the tokenizer or network.
        kind: which of the two.
        source: where the files came from, as `provenance.json` has it.
        revision: whole commit id, for files of the hub.
        license: of the weights.
        files: all that it needs.
    """

    name: str
    kind: Kind
    source: str
    revision: str | None
    license: str
    files: tuple[BundledFile, ...]

    def place(self, file: BundledFile) -> str:
        """Where a file lies in the bundle."""
        return f"{_WEIGHTS}/{self.name}/{file.path}"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """What a bundle is for, and all that it holds.

    Args:
        tokenizers: that were asked for, those that need no file among them.
        metrics: the same.
        items: each name once.
    """

    tokenizers: tuple[str, ...]
    metrics: tuple[str, ...]
    items: tuple[Item, ...]

    @property
    def files(self) -> Iterator[tuple[str, BundledFile]]:
        """Every file with its place in the bundle."""
        return ((item.place(file), file) for item in self.items for file in item.files)

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for _, file in self.files)


def dump(bundle: Bundle) -> str:
    """The text of `bundle.json`."""
    return json.dumps({"schema": SCHEMA, **dataclasses.asdict(bundle)}, indent=2) + "\n"


def parse(text: str | bytes, where: str) -> Bundle:
    """The bundle of a `bundle.json`, whoever wrote it: its paths stay below their items' folders.

    Args:
        text: of the file.
        where: the bundle, for messages.

    Raises:
        TokenBenchError: it is damaged, of another version, or names what no bundle holds.
    """
    try:
        said = json.loads(text)
        if said["schema"] != SCHEMA:
            raise TokenBenchError(
                f"{where}: its {RECORD} is of the version {printable(said['schema'])}, this TokenBench reads {SCHEMA}; "
                "gather it again with this version"
            )
        bundle = Bundle(
            tokenizers=_texts(said["tokenizers"]),
            metrics=_texts(said["metrics"]),
            items=tuple(map(_item, said["items"])),
        )
        _refuse_twins([item.name for item in bundle.items])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TokenBenchError(f"{where}: its {RECORD} is damaged ({printable(error)}); gather it again") from error
    return bundle


def _item(said: dict[str, Any]) -> Item:
    item = Item(
        name=_path(said["name"]),
        kind=said["kind"],
        source=_text(said["source"]),
        revision=None if said["revision"] is None else _text(said["revision"]),
        license=_text(said["license"]),
        files=tuple(map(_file, said["files"])),
    )
    if item.kind not in get_args(Kind) or not item.files or "/" in item.name:
        raise ValueError(f"{item.name} is no item")
    _refuse_twins([file.path for file in item.files])
    return item


def _file(said: dict[str, Any]) -> BundledFile:
    file = BundledFile(path=_path(said["path"]), sha256=_text(said["sha256"]), bytes=said["bytes"])
    if not _DIGEST.fullmatch(file.sha256) or type(file.bytes) is not int or file.bytes < 0 or file.path == PROVENANCE:
        raise ValueError(f"{file.path} is no file of weights")
    return file


def _path(said: Any) -> str:
    """A relative path whose parts are plain names."""
    path = _text(said)
    if not path.isprintable() or re.search(r"[\\:]", path) or {"", ".", ".."} & set(path.split("/")):
        raise ValueError(f"{path!r} is no path below the bundle")
    return path


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError(f"{said!r} is no text")
    return said


def _texts(said: Any) -> tuple[str, ...]:
    return tuple(map(_text, said))


def _refuse_twins(names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError("a name stands in it twice")
