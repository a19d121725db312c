"""A tokenizer's weights, wherever they are: named by the user, installed, or published on the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.weights.digest import sha256_of, sha256_of_set
from tokenbench.weights.local import complete_set, find_weights, weights_root
from tokenbench.weights.parts import parts_of
from tokenbench.weights.provenance import read_provenance
from tokenbench.weights.source import HUB_PREFIX, HubSource, parse_hub_name


@dataclass(frozen=True)
class WeightFiles:
    """Files that make up a tokenizer's weights, and where they came from.

    Args:
        paths: in the order of their set; the parts that an index names stand behind.
        source: file or folder as the user named it, or "hf:owner/name".
        revision: whole commit id, for files of the hub.
        recorded: name -> SHA-256 of the files when they were imported, where they were.
    """

    paths: tuple[Path, ...]
    source: str
    revision: str | None = None
    recorded: Mapping[str, str] | None = None

    @cached_property
    def digests(self) -> dict[str, str]:
        """Name -> SHA-256 of every file, computed once.

        Raises:
            TokenBenchError: a file cannot be read, or is not the one that was imported.
        """
        digests = {path.name: sha256_of(path) for path in self.paths}
        for path in self.paths:
            if self.recorded is not None and self.recorded.get(path.name) != digests[path.name]:
                raise TokenBenchError(
                    f"weights {path} are not the file that was imported from {self.source}: their sha256 "
                    f"{digests[path.name]} differs from the recorded one; type 'tokenbench weights import' again"
                )
        return digests

    @property
    def sha256(self) -> str:
        """One digest for all files, as `sha256_of_files` has it."""
        return sha256_of_set(self.digests.items())

    def as_dict(self) -> dict[str, Any]:
        """What a result says of its weights: JSON-able, file names without folders."""
        return {"source": self.source, "revision": self.revision, "sha256": self.sha256, "files": self.digests}


def locate(
    name: str,
    given: str | Path | None,
    hub: HubSource | None = None,
    *,
    file_sets: Sequence[Sequence[str]],
    hint: str = "",
) -> WeightFiles:
    """The files that hold a tokenizer's weights; those of the hub are downloaded where its cache lacks them.

    Args:
        name: of the tokenizer, and of its folder in `weights_root()`.
        given: a file, a folder, or "hf:owner/name[@revision]"; None looks in `weights_root() / name`, then on the hub.
        hub: where the weights are published, if they are.
        file_sets: what a folder may hold, best first. The hub is asked for `hub.file_sets`, or for these.
        hint: where the weights can be had, for the message when they are not there.

    Raises:
        TokenBenchError: they are not there or cannot be fetched; says why and what to do.
        OutputError: the disk is full.
    """
    inside = hub.inside if hub is not None else ""
    if given is not None and str(given).startswith(HUB_PREFIX):
        repository, revision = parse_hub_name(str(given))
        if hub is not None and repository == hub.repository and revision is None:
            revision = hub.revision
        return _from_hub(name, repository, revision, hub, file_sets)
    if given is not None:
        paths = find_weights(name, given, file_sets, hint=hint)
        return WeightFiles((*paths, *_parts_beside(paths, inside)), str(given))
    folder = weights_root() / name
    if hub is not None and complete_set(folder, file_sets) is None:
        return _from_hub(name, hub.repository, hub.revision, hub, file_sets)
    paths = find_weights(name, None, file_sets, hint=hint)
    return _installed(folder, [*paths, *_parts_beside(paths, inside)])


def _installed(folder: Path, paths: Sequence[Path]) -> WeightFiles:
    """Files of `weights_root()`, which say themselves where they were imported from."""
    provenance = read_provenance(folder)
    if provenance is None or not {path.name for path in paths} <= provenance.files.keys():
        return WeightFiles(tuple(paths), str(folder))
    return WeightFiles(tuple(paths), provenance.source, provenance.revision, provenance.files)


def _from_hub(
    name: str, repository: str, revision: str | None, hub: HubSource | None, file_sets: Sequence[Sequence[str]]
) -> WeightFiles:
    from tokenbench.weights.hub import fetch

    wanted = hub.file_sets if hub is not None and hub.file_sets else file_sets
    advice = f"put {_either(file_sets or wanted)} into {weights_root() / name}, or name them with --weights PATH"
    paths, commit = fetch(repository, revision, wanted, advice=advice)
    parts = parts_of(paths, hub.inside if hub is not None else "")
    if missing := [part for part in parts if not part.is_file()]:
        snapshot = missing[0].parts.index(commit) + 1
        names = ["/".join(part.parts[snapshot:]) for part in missing]
        fetch(repository, commit, [names], advice=advice)
    return WeightFiles((*paths, *parts), f"{HUB_PREFIX}{repository}", commit)


def _parts_beside(paths: Sequence[Path], inside: str) -> list[Path]:
    parts = parts_of(paths, inside)
    for part in parts:
        if not part.is_file():
            raise TokenBenchError(f"{part} is missing, which an index beside it names; put all of its files there")
    return parts


def _either(file_sets: Sequence[Sequence[str]]) -> str:
    return " or ".join(" + ".join(names) for names in file_sets) or "its files"
