"""Weight files on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.weights.tensors import SUFFIXES


def weights_root() -> Path:
    """The folder that holds one folder of weights a tokenizer: $TOKENBENCH_WEIGHTS, or ~/.cache/tokenbench/weights."""
    return Path(os.environ.get("TOKENBENCH_WEIGHTS") or "~/.cache/tokenbench/weights").expanduser()


def complete_set(folder: Path, file_sets: Sequence[Sequence[str]]) -> list[Path] | None:
    """The files of the first set that a folder holds whole; None where it holds none.

    Where no set is known, all weight files of the folder together.
    """
    for names in file_sets:
        paths = [folder / name for name in names]
        if all(path.is_file() for path in paths):
            return paths
    if file_sets or not folder.is_dir():
        return None
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file()) or None


def find_weights(
    name: str, given: str | Path | None, file_sets: Sequence[Sequence[str]], *, hint: str = ""
) -> list[Path]:
    """The files that hold a tokenizer's weights.

    Args:
        name: of the tokenizer, and of its folder in `weights_root()`.
        given: a file or a folder; None looks in `weights_root() / name`.
        file_sets: what a folder may hold, best first: file names that make up the weights together. Where there are
            none, every weight file in the folder.
        hint: where the weights can be had, for the message when they are not there.

    Returns:
        The files of the first set that is complete, in its order. A file given directly is taken as it is, together
        with the rest of its set where it belongs to one.

    Raises:
        TokenBenchError: they are not there; says where it looked, and `hint`.
    """
    place = weights_root() / name if given is None else Path(given).expanduser()
    if place.is_file():
        own = [names for names in file_sets if place.name in names]
        found = complete_set(place.parent, own) if own else [place]
    else:
        found = complete_set(place, file_sets)
    if found is None:
        raise TokenBenchError(_not_found(name, place, given is None, file_sets, hint))
    return found


def _not_found(name: str, place: Path, default: bool, file_sets: Sequence[Sequence[str]], hint: str) -> str:
    wanted = ", or ".join(" + ".join(names) for names in file_sets) or ", ".join(f"*{suffix}" for suffix in SUFFIXES)
    if place.is_file():
        return f"{name}: {place} is not all of its weights; expected {wanted} in {place.parent}"
    state = "in" if place.is_dir() else "at"
    advice = (
        "put them there, or name them with --weights PATH" if default else "name another file or folder with --weights"
    )
    return f"no weights for {name} {state} {place} (looked for {wanted}): {hint + '; ' if hint else ''}{advice}"
