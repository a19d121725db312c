"""Ways to damage a file, each decided by a random number generator alone, so that every damage can be made again.

Bytes are changed anywhere; formats that guard themselves by checksums, lengths or a grammar are also taken apart,
changed inside, and put together again, so that the damage reaches what lies behind the guard.
"""

from __future__ import annotations

import io
import json
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import tomli_w

_PNG = b"\x89PNG\r\n\x1a\n"
_NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]
_TEXTS = [
    "",
    "\0",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "<script>",
    "\x1b[31m",
    "\ud800",
    "nan",
    "1e999",
    "x" * 5000,
]
_VALUES: list[Any] = [
    *(None, True, -1, 0, 2**31, 2**63, 10**400, 0.5, float("nan"), float("inf"), [], {}, [[]], {"": {}}),
    *([0] * 1000, {"a": [None]}),
]


def mutate(name: str, data: bytes, random: Random) -> bytes:
    """A damaged copy of a file.

    Args:
        name: of the file, whose suffix decides how it may be taken apart.
        data: that it holds.
        random: decides.
    """
    inside = _INSIDE.get(name.rpartition(".")[2])
    # An old checkpoint is no zip, whatever its suffix.
    if inside is not None and random.random() < 0.6 and not (inside is _zip and not data.startswith(b"PK")):
        return inside(data, random)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data = random.choice(_ANYWHERE)(data, random)
    return data


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 4, 8, 64, 1024)))


def _flip(data: bytes, random: Random) -> bytes:
    start, _ = _span(data, random)
    return data[:start] + bytes([data[start] ^ 1 << random.randrange(8)]) + data[start + 1 :] if data[start:] else data


def _number(data: bytes, random: Random) -> bytes:
    start, size = random.randrange(len(data) + 1), random.choice((1, 2, 4, 8))
    number = random.choice(_NUMBERS) % 256**size
    return data[:start] + number.to_bytes(size, random.choice(("big", "little"))) + data[start + size :]


def _noise(data: bytes, random: Random) -> bytes:
    start, stop = _span(data, random)
    return data[:start] + random.randbytes(stop - start) + data[stop:]


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _drop(data: bytes, random: Random) -> bytes:
    start, stop = _span(data, random)
    return data[:start] + data[stop:]


def _repeat(data: bytes, random: Random) -> bytes:
    start, stop = _span(data, random)
    return data[:stop] + data[start:stop] * random.choice((1, 2, 50)) + data[stop:]


def _move(data: bytes, random: Random) -> bytes:
    (start, stop), place = _span(data, random), random.randrange(len(data) + 1)
    return data[:place] + data[start:stop] + data[place:]


def _text(data: bytes, random: Random) -> bytes:
    start, stop = _span(data, random)
    return data[:start] + random.choice(_TEXTS).encode(errors="surrogatepass") + data[stop:]


_ANYWHERE: list[Callable[[bytes, Random], bytes]] = [_flip, _number, _noise, _cut, _drop, _repeat, _move, _text]


def _anything(data: bytes, random: Random) -> bytes:
    return random.choice(_ANYWHERE)(data, random)


def _value(random: Random) -> Any:
    if random.random() < 0.05:
        nested: Any = []
        for _ in range(random.choice((20, 2000, 100_000))):
            nested = [nested]
        return nested
    return random.choice([*_VALUES, *_TEXTS])


def mutate_tree(tree: Any, random: Random) -> Any:
    """A copy of what JSON or TOML holds, with one value changed, taken out, put in or renamed."""
    if isinstance(tree, dict) and tree and random.random() < 0.9:
        key = random.choice(list(tree))
        if random.random() < 0.15:
            return {other: value for other, value in tree.items() if other != key}
        if random.random() < 0.1:
            return tree | {random.choice(_TEXTS): _value(random)}
        return tree | {key: mutate_tree(tree[key], random)}
    if isinstance(tree, list) and tree and random.random() < 0.9:
        place = random.randrange(len(tree))
        if random.random() < 0.2:
            return tree * random.choice((0, 2))
        return [*tree[:place], mutate_tree(tree[place], random), *tree[place + 1 :]]
    return _value(random)


def _json(data: bytes, random: Random) -> bytes:
    return _dumped(mutate_tree(json.loads(data), random))


def _dumped(tree: Any) -> bytes:
    try:
        return json.dumps(tree).encode()
    except RecursionError:
        # Deeper than Python writes; the text is simple.
        return b"[" * 100_000 + b"]" * 100_000


def _toml(data: bytes, random: Random) -> bytes:
    try:
        return tomli_w.dumps(mutate_tree(tomllib.loads(data.decode()), random)).encode()
    except (TypeError, ValueError, AttributeError, RecursionError):
        # TOML cannot hold that value.
        return data + b"\nx = " + random.choice((b"9" * 5000, b"[" * 5000 + b"]" * 5000, b"nan", b'"\\u0000"'))


def _zip(data: bytes, random: Random) -> bytes:
    """One member changed, and its checksum made to fit."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        members = [(member.filename, old.read(member)) for member in old.infolist()]
        place = random.randrange(len(members))
        for number, (name, content) in enumerate(members):
            if number == place and random.random() < 0.1:
                continue
            changed = _anything(content, random) if number == place else content
            if number == place and content.startswith(b"{"):
                changed = _dumped(mutate_tree(json.loads(content), random))
            new.writestr(name, changed)
    return made.getvalue()


def _png(data: bytes, random: Random) -> bytes:
    """One chunk changed, and its length and checksum made to fit."""
    chunks, position = [], len(_PNG)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        chunks.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    place = random.randrange(len(chunks))
    chunks[place] = chunks[place][0], _anything(chunks[place][1], random)
    parts = [
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    ]
    return _PNG + b"".join(parts)


def _safetensors(data: bytes, random: Random) -> bytes:
    """The header changed, and its length made to fit."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.get("__metadata__", {})
    if "tokenbench" in metadata and random.random() < 0.7:
        inner = _dumped(mutate_tree(json.loads(metadata["tokenbench"]), random)).decode(errors="replace")
        header["__metadata__"] = metadata | {"tokenbench": inner}
    else:
        header = mutate_tree(header, random)
    text = _dumped(header)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


_INSIDE: dict[str, Callable[[bytes, Random], bytes]] = {
    "json": _json,
    "toml": _toml,
    "npz": _zip,
    "pt": _zip,
    "jit": _zip,
    "png": _png,
    "safetensors": _safetensors,
}
