"""Use a bundle: copy its weights to where they are found by name, all of them or none."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from tokenbench.bundle.contents import Contents, checked, open_bundle
from tokenbench.bundle.record import Item
from tokenbench.errors import Problems, TokenBenchError
from tokenbench.files import nearest_folder, sha256_of_file, whole_folder
from tokenbench.networks.cards import NETWORKS
from tokenbench.networks.find import is_published
from tokenbench.registry import registered
from tokenbench.weights import weights_root
from tokenbench.weights.local import complete_set
from tokenbench.weights.provenance import PROVENANCE, Provenance, write_provenance


def install(path: Path, *, force: bool = False) -> dict[str, Path]:
    """Copy the weights of a bundle into `weights_root()`, with a `provenance.json` that says where they came from.

    Weights that are there already are left alone. A bar on stderr shows how far it is, where that is a terminal.

    Args:
        path: of the bundle, a folder or a tar archive.
        force: replace other weights that are there; keep a network's file that is not the published one.

    Returns:
        The folder of each item's weights, by its name.

    Raises:
        TokenBenchError: the bundle is damaged or hostile, does not fit this TokenBench, or needs more room than there
            is; nothing is changed.
        Problems: other weights are there; a line each; nothing is changed.
        OutputError: the disk is full or cannot be written; no folder is left half written.
    """
    with open_bundle(path) as contents:
        for item in contents.bundle.items:
            _refuse_misfit(path, item, force)
        folders = {item.name: weights_root() / item.name for item in contents.bundle.items}
        missing = [item for item in contents.bundle.items if not _is_there(item, folders[item.name])]
        if not force:
            _refuse_other([folders[item.name] for item in missing])
        _refuse_too_large(path, missing)
        _copy(contents, missing)
    return folders


def _copy(contents: Contents, items: Sequence[Item]) -> None:
    """Every folder is complete before the first takes its place."""
    total = sum(file.bytes for item in items for file in item.files)
    with (
        tqdm(total=total, desc=contents.where.name, unit="B", unit_scale=True, disable=None) as progress,
        ExitStack() as folders,
    ):
        for item in items:
            staged = folders.enter_context(whole_folder(weights_root() / item.name))
            for file in item.files:
                target = staged / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as copy:
                    for chunk in checked(contents, item.place(file), file):
                        copy.write(chunk)
                        progress.update(len(chunk))
            _refuse_incomplete(contents.where, item, staged)
            digests = {Path(file.path).name: file.sha256 for file in item.files}
            write_provenance(staged, Provenance(source=item.source, revision=item.revision, files=digests))


def _refuse_misfit(path: Path, item: Item, force: bool) -> None:
    """Refuse what this TokenBench would not look for, or knows to be another file."""
    if item.name not in (registered() if item.kind == "tokenizer" else NETWORKS):
        raise TokenBenchError(
            f"{path} holds weights of the {item.kind} {item.name}, which is not known here; install the version of "
            "TokenBench, or the plug-in, that the bundle was gathered with"
        )
    if item.kind == "tokenizer":
        return
    card = NETWORKS[item.name]
    if [file.path for file in item.files] != [card.file]:
        raise TokenBenchError(f"{path} does not hold {card.file}, which is what {item.name} takes; gather it again")
    digest = item.files[0].sha256
    if card.sha256 is not None and not is_published(card, digest) and not force:
        raise TokenBenchError(
            f"{path} does not hold the published {card.file}: its sha256 begins with {digest[: len(card.sha256)]}, "
            f"expected {card.sha256}; keep it as somebody's own with --force"
        )


def _refuse_incomplete(path: Path, item: Item, folder: Path) -> None:
    sets = registered()[item.name].file_sets if item.kind == "tokenizer" else ((item.files[0].path,),)
    if complete_set(folder, sets) is None:
        wanted = ", or ".join(" + ".join(names) for names in sets) or "weight files"
        raise TokenBenchError(f"{path} does not hold what {item.name} takes ({wanted}); gather it again")


def _is_there(item: Item, folder: Path) -> bool:
    """Whether a folder holds just these weights."""
    if not folder.is_dir():
        return False
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return there - {PROVENANCE} == {file.path for file in item.files} and all(
        sha256_of_file(folder / file.path) == file.sha256 for file in item.files
    )


def _refuse_other(folders: Sequence[Path]) -> None:
    other = [folder for folder in folders if folder.is_dir() and any(folder.iterdir())]
    if other:
        raise Problems(
            [f"{folder} holds other weights; replace the folder with --force, or move it away" for folder in other]
        )


def _refuse_too_large(path: Path, items: Sequence[Item]) -> None:
    needed = sum(file.bytes for item in items for file in item.files)
    free = shutil.disk_usage(nearest_folder(weights_root())).free
    if needed > free:
        raise TokenBenchError(
            f"{path} needs {needed / 1e9:.2f} GB in {weights_root()}, where {free / 1e9:.2f} GB are free; free some "
            "space, or set TOKENBENCH_WEIGHTS to another disk"
        )
