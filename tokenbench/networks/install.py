"""Import the file of a network: a copy under its usual name, where it is found by name."""

from __future__ import annotations

import shutil
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.files import whole_file
from tokenbench.networks.cards import find_card
from tokenbench.networks.find import NetworkFile, find_network, is_published, unpublished
from tokenbench.networks.load import load_network
from tokenbench.weights import sha256_of, weights_root
from tokenbench.weights.provenance import Provenance, write_provenance


def install_network(name: str, path: Path, *, force: bool = False) -> NetworkFile:
    """Copy a network's file into `weights_root() / name`, with a `provenance.json` that says where it came from.

    Args:
        name: of the network.
        path: of the file, under any name.
        force: keep a file that is not the published one, and replace another that is there. Such a file is found like
            any other, but not verified, so its values are comparable with themselves alone.

    Raises:
        TokenBenchError: the file does not fit the network; or it is not the published one, or another is there, and
            `force` is not given. Nothing is changed.
        OutputError: the disk is full or cannot be written.
    """
    card = find_card(name)
    given = find_network(name, path)
    if card.sha256 is not None and not given.verified and not force:
        raise unpublished(card, path, given.sha256, "keep it as somebody's own with --force")
    target = weights_root() / name / card.file
    if target.is_file() and not force and sha256_of(target) != given.sha256:
        raise TokenBenchError(f"{target} is another file; replace it with --force, or move it away")
    load_network(given)
    with whole_file(target) as temporary:
        shutil.copyfile(given.path, temporary)
    provenance = Provenance(source=given.source, revision=None, files={card.file: given.sha256})
    write_provenance(target.parent, provenance)
    return find_network(name)


def refuse_unpublished(file: NetworkFile) -> None:
    """Refuse a file that is known not to be the published one.

    Raises:
        TokenBenchError: it is not; where its publisher does not say what its digest is, nothing is known.
    """
    card = find_card(file.name)
    if card.sha256 is not None and not is_published(card, file.sha256):
        raise unpublished(card, file.path, file.sha256, "take it as somebody's own, or fetch that one")
