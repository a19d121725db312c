"""Cards of names such as `jit:encoder.jit,decoder.jit`: what no archive says of itself stands in a TOML file beside it.

Importing this costs no torch. The archives are not opened here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.tokenizer import Card, Padding, TokenizerInfo, nominal_bits_per_pixel

PREFIX = "jit:"
CARD_FILE = "tokenizer.toml"

_FORM = "write jit:ENCODER.jit,DECODER.jit or jit:AUTOENCODER.jit, and #CARD.toml behind it where the card is not there"
_EXAMPLE = (
    'kind = "continuous" (or "discrete"), modality = "video" (or "image"), compression = [4, 8, 8], '
    'latent_channels = 16 (or vocabulary = 1024), range = [-1, 1], layout = "BCTHW" (or "BCHW"), frames = [4, 1]'
)

# The paper's window; the next longer one where a network does not take it.
_WINDOW = 17


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a network takes and gives pixels and tokens. Layouts name the axes: B, C, T, H and W in any order.

    Args:
        range: the values of black and white.
        layout: of the pixels that it takes.
        output_layout: of those that it gives.
        token_layout: of what passes between the halves; without C where tokens are codes.
    """

    range: tuple[float, float]
    layout: str
    output_layout: str
    token_layout: str


def card(name: str) -> Card | None:
    """The card of `jit:ENCODER.jit,DECODER.jit[#CARD.toml]` or `jit:AUTOENCODER.jit[#CARD.toml]`; None of other names.

    The TOML file is `tokenizer.toml` in the encoder's folder where none is named.

    Raises:
        TokenBenchError: a file is missing, or the card lacks a field or holds what it cannot.
    """
    if not name.startswith(PREFIX):
        return None
    files, path = _parsed(name)
    table = _read(path)
    compression = tuple(table["compression"])
    frames = tuple(table.get("frames", (1, 0)))
    tokens = {key: table[key] for key in ("latent_channels", "vocabulary") if key in table}
    info = TokenizerInfo(
        name=table.get("name", name),
        kind=table["kind"],
        modality=table["modality"],
        compression=compression,
        bits_per_pixel=nominal_bits_per_pixel(compression, **tokens),
        license=table.get("license", "unknown"),
        weights=", ".join(file.name for file in files),
        source=table.get("source", "a TorchScript file of one's own"),
        description=table.get("description", "TorchScript archive"),
        window=table.get("window", _WINDOW + (frames[1] - _WINDOW) % frames[0]),
        padding=Padding(frames=frames, size=tuple(table.get("size", compression[1:]))),
        **tokens,
    )
    axes = _axes(table)
    form = Form(
        range=tuple(table["range"]),
        layout=table["layout"],
        output_layout=table.get("output_layout", table["layout"]),
        token_layout=table.get("token_layout", axes if "latent_channels" in table else axes.replace("C", "")),
    )
    return Card(
        info=info,
        factory="tokenbench_baselines.torchscript.tokenizer:load",
        options={"files": tuple(map(str, files)), "form": form},
        runs_code=True,
    )


def _parsed(name: str) -> tuple[list[Path], Path]:
    """The archives, and the file of their card."""
    text, mark, card_file = name.removeprefix(PREFIX).rpartition("#")
    if not mark or not card_file.endswith(".toml"):
        text, card_file = name.removeprefix(PREFIX), ""
    files = [Path(part.strip()).expanduser() for part in text.split(",")]
    if len(files) > 2 or not all(part.strip() for part in text.split(",")):
        raise TokenBenchError(f"{name}: expected one or two files with a comma between them; {_FORM}")
    for file in files:
        if not file.is_file():
            raise TokenBenchError(f"{name}: no such file: {file}; {_FORM}")
    return files, Path(card_file).expanduser() if card_file else files[0].parent / CARD_FILE


def _read(path: Path) -> dict[str, Any]:
    """The table of a card, with every field checked."""
    if not path.is_file():
        raise TokenBenchError(f"{path}: no such file; a TorchScript tokenizer needs it as its card, with {_EXAMPLE}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TokenBenchError(f"{path}: cannot be read: {error}; it is a TOML file with {_EXAMPLE}") from error
    if unknown := sorted(table.keys() - _FIELDS.keys()):
        raise TokenBenchError(f"{path}: has no field {unknown[0]!r}; its fields are {', '.join(_FIELDS)}")
    tokens = {"continuous": "latent_channels", "discrete": "vocabulary"}.get(str(table.get("kind")), "kind")
    needed = ["kind", "modality", "compression", tokens, "range", "layout"]
    needed += ["frames"] if table.get("modality") == "video" else []
    if missing := [field for field in needed if field not in table]:
        raise TokenBenchError(f"{path}: lacks {', '.join(dict.fromkeys(missing))}; a card has {_EXAMPLE}")
    for field, value in table.items():
        holds, expected = _FIELDS[field]
        if not holds(value):
            raise TokenBenchError(f"{path}: {field} is {value!r}, expected {expected}")
    _check_together(path, table, tokens)
    return table


def _check_together(path: Path, table: Mapping[str, Any], tokens: str) -> None:
    other = {"latent_channels", "vocabulary"} - {tokens}
    if extra := other & table.keys():
        raise TokenBenchError(f"{path}: {extra.pop()} does not go with kind {table['kind']!r}; leave it out")
    if table["modality"] == "image" and (table["compression"][0] != 1 or "frames" in table or "window" in table):
        raise TokenBenchError(
            f"{path}: a tokenizer of images has no time; write compression = [1, h, w] and leave out frames and window"
        )
    axes = _axes(table)
    for field, wanted in (
        ("layout", axes),
        ("output_layout", axes),
        ("token_layout", axes if tokens == "latent_channels" else axes.replace("C", "")),
    ):
        if sorted(table.get(field, wanted)) != sorted(wanted):
            raise TokenBenchError(
                f"{path}: {field} is {table[field]!r}, expected the letters of {wanted!r} in any order"
            )


def _axes(table: Mapping[str, Any]) -> str:
    return "BCTHW" if table["modality"] == "video" else "BCHW"


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 1


def _are_whole(count: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) == count and all(map(_is_whole, value))


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and all(type(end) in (int, float) for end in value) and _rises(value)


def _rises(value: list[float]) -> bool:
    return len(value) == 2 and value[0] < value[1] < float("inf") and value[0] > -float("inf")


def _is_frame_rule(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(number) is int for number in value)
        and 0 <= value[1] < value[0]
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


_LAYOUT = 'letters such as "BCTHW" or "BTHWC"'

# Field -> what it may hold, as a test and in words.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "kind": (lambda value: value in ("continuous", "discrete"), '"continuous" or "discrete"'),
    "modality": (lambda value: value in ("image", "video"), '"video" or "image"'),
    "compression": (_are_whole(3), "three whole numbers: [t, h, w]"),
    "latent_channels": (_is_whole, "a whole number"),
    "vocabulary": (_is_whole, "a whole number"),
    "range": (_is_range, "the values of black and white, such as [-1, 1] or [0, 1]"),
    "layout": (_is_text, _LAYOUT),
    "output_layout": (_is_text, _LAYOUT),
    "token_layout": (_is_text, _LAYOUT),
    "frames": (_is_frame_rule, "[multiple, remainder], such as [4, 1] for 1, 5, 9, ... frames"),
    "size": (_are_whole(2), "the numbers that height and width must be multiples of: [h, w]"),
    "window": (_is_whole, "a whole number of frames"),
    "license": (_is_text, "a line of text"),
    "name": (_is_text, "a line of text"),
    "source": (_is_text, "a line of text"),
    "description": (_is_text, "a line of text"),
}
