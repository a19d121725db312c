"""Tokenizers: which are ready, and what the others lack."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenbench.custom import is_custom
from tokenbench.doctor.line import Line, gigabytes
from tokenbench.errors import TokenBenchError, printable
from tokenbench.readiness import readiness
from tokenbench.registry import find_card, registered
from tokenbench.tokenizer import Card

# Weights are published in float32 at the most.
_BYTES_PER_PARAMETER = 4

# A clip that every codec takes: frames, height and width.
_TRIAL = (2, 64, 64)


def tokenizers(planned: Sequence[str]) -> Iterator[Line]:
    """Each planned tokenizer; where none is planned, how many of all are ready."""
    if planned:
        yield from map(_planned, planned)
    else:
        yield from _counts()


def download_size(planned: Sequence[str]) -> int:
    """The most bytes that the missing weights of tokenizers can take, by their numbers of parameters."""
    size = 0
    for name in planned:
        try:
            card = None if is_custom(name) else find_card(name)
        except TokenBenchError:  # its own line says so
            continue
        if card is not None and readiness(card).state == "weights missing":
            size += card.info.parameters * _BYTES_PER_PARAMETER
    return size


def _counts() -> Iterator[Line]:
    found = [readiness(card) for card in registered().values()]
    states = Counter(now.state for now in found)
    yield Line("ok", "ready", f"{states['ready']} of {len(found)}")
    if states["weights missing"]:
        remedy = "tokenbench weights fetch NAME; 'tokenbench list tokenizers' has the names"
        yield Line("missing", "weights", f"those of {states['weights missing']}", remedy)
    commands = Counter(now.hint for now in found if now.state == "package missing")
    for command, count in commands.items():
        yield Line("missing", "packages", f"those of {count}", command)


def _planned(name: str) -> Line:
    if is_custom(name):
        return _own_file(name)
    try:
        card = find_card(name)
        now = readiness(card)
        if now.state == "ready" and card.info.kind == "codec":
            _try(card)
    except TokenBenchError as error:
        return Line("missing", name, "", str(error), needed=True)
    size = f", at most {gigabytes(card.info.parameters * _BYTES_PER_PARAMETER)}" if card.info.parameters else ""
    found = "weights missing" + size if now.state == "weights missing" else now.state
    license = f" (licence: {card.info.license})" if now.state == "weights missing" else ""
    return Line("ok" if now.state == "ready" else "missing", name, found, now.hint + license, needed=True)


def _try(card: Card) -> None:
    """A codec has no network: whether its encoder is in this installation shows when it is used.

    Raises:
        TokenBenchError: it is not.
    """
    import torch

    frames, height, width = _TRIAL
    shape = (1, 3, height, width) if card.info.modality == "image" else (1, 3, frames, height, width)
    card.load().reconstruct(torch.zeros(shape))


def _own_file(name: str) -> Line:
    """Whether a file has the class, without running it."""
    file, _, wanted = name.rpartition(":")
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        return Line("missing", name, "", f"cannot be read as Python: {printable(error)}", needed=True)
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if wanted not in classes:
        has = ", ".join(classes) or "none"
        return Line("missing", name, "", f"no such class in the file; it has {has}", needed=True)
    return Line("ok", name, f"'tokenbench check-tokenizer {name}' tries it", needed=True)
