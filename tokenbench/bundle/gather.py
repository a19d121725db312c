"""Find the weight files of a bundle on this machine, and fetch what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from tokenbench.bundle.needs import Need
from tokenbench.bundle.record import Bundle, BundledFile, Item
from tokenbench.errors import OutputError, Problems, TokenBenchError
from tokenbench.networks import find_network
from tokenbench.registry import find_card
from tokenbench.weights import locate


def gather(
    wanted: Sequence[Need], tokenizers: Sequence[str] = (), metrics: Sequence[str] = ()
) -> tuple[Bundle, dict[str, Path]]:
    """What a bundle holds, and where each of its files lies on this machine, by its place in the bundle.

    What is missing is downloaded to where `tokenbench weights fetch` puts it; what an earlier call has fetched stays.

    Args:
        wanted: of `needs`.
        tokenizers: what the bundle is for, to be recorded.
        metrics: the same.

    Raises:
        Problems: weights cannot be had; a line each, after all others were fetched.
        OutputError: the disk is full.
    """
    items: list[Item] = []
    paths: dict[str, Path] = {}
    problems: list[str] = []
    for need in wanted:
        try:
            item, found = _network(need) if need.kind == "network" else _tokenizer(need)
        except OutputError:
            raise
        except TokenBenchError as error:
            problems.append(f"{need.name}: {error}")
            continue
        items.append(item)
        paths |= {item.place(file): path for file, path in zip(item.files, found, strict=True)}
    if problems:
        raise Problems(problems)
    return Bundle(tokenizers=tuple(tokenizers), metrics=tuple(metrics), items=tuple(items)), paths


def _tokenizer(need: Need) -> tuple[Item, Sequence[Path]]:
    card = find_card(need.name)
    files = locate(need.name, None, card.hub, file_sets=card.file_sets, hint=card.where_to_get)
    names = relative_names(files.paths, card.file_sets)
    named = zip(names, files.paths, strict=True)
    described = [_described(name, path, files.digests[path.name]) for name, path in named]
    return _item(need, files.source, files.revision, described), files.paths


def _network(need: Need) -> tuple[Item, Sequence[Path]]:
    # Who bundles a network has asked for it by name.
    file = find_network(need.name, asked=True)
    return _item(need, file.source, None, [_described(file.path.name, file.path, file.sha256)]), [file.path]


def _item(need: Need, source: str, revision: str | None, files: Sequence[BundledFile]) -> Item:
    return Item(
        name=need.name, kind=need.kind, source=source, revision=revision, license=need.license, files=tuple(files)
    )


def _described(name: str, path: Path, sha256: str) -> BundledFile:
    return BundledFile(path=name, sha256=sha256, bytes=path.stat().st_size)


def relative_names(paths: Sequence[Path], file_sets: Sequence[Sequence[str]]) -> list[str]:
    """Names of the files of a set below the folder that all lie in, such as "vae/config.json".

    Args:
        paths: of a set in its order, then the parts that its index names.
        file_sets: what the set may be.
    """
    folder = next(_folders(paths, file_sets), paths[0].parent)
    return [path.relative_to(folder).as_posix() for path in paths]


def _folders(paths: Sequence[Path], file_sets: Sequence[Sequence[str]]) -> Iterator[Path]:
    """The folders that a set of these files may be below, by the sets' own order."""
    for names in file_sets:
        ends = [PurePath(name).parts for name in names]
        own = [path.parts[-len(end) :] for path, end in zip(paths, ends, strict=False)]
        if own == ends:
            yield Path(*paths[0].parts[: -len(ends[0])])
