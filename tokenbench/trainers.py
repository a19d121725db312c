"""Who trains tokenizers: the registry over the plug-ins' entry points."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from tokenbench.errors import TokenBenchError

ENTRY_POINT_GROUP = "tokenbench.trainers"

DEFAULT = "cosmos"


class Trainer(Protocol):
    """Trains a tokenizer by recipes of its own."""

    def __call__(
        self,
        recipes: Sequence[str],
        *,
        overrides: Sequence[str],
        out: Path | None,
        device: str,
        resume: bool,
        networks: Mapping[str, str],
        say: Callable[[str], None],
    ) -> str:
        """Train; the same call again goes on with a run that was interrupted.

        Args:
            recipes: files, or names that the trainer knows, of which later ones are laid over earlier ones.
            overrides: "key=value", laid over them.
            out: folder of the run; None leaves it to the trainer.
            device: torch device.
            resume: refuse to begin a new run.
            networks: files of trained networks that losses stand on, by name.
            say: shows a line to the user.

        Returns:
            Why the run was stopped before its end, in one line; empty where it has ended well.

        Raises:
            TokenBenchError: something that the user can mend.
            KeyboardInterrupt: interrupted; what is done is kept.
        """
        ...


def find_trainer(name: str) -> Trainer:
    """The trainer of that name.

    Raises:
        TokenBenchError: there is none, or its plug-in cannot be loaded.
    """
    entries = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(entries) or 'none'}"
        raise TokenBenchError(f"unknown trainer {name!r}: {hint}")
    try:
        trainer: Trainer = entries[name].load()
    except (ImportError, AttributeError) as error:
        raise TokenBenchError(
            f"trainer {name!r} ({entries[name].value}) cannot be loaded: {error}; repair or uninstall the package"
        ) from error
    return trainer


def trainer_of(recipes: Sequence[str]) -> str:
    """The trainer that recipes name, the last one that does; a recipe that is no file belongs to the default one."""
    named = DEFAULT
    for path in map(Path, recipes):
        try:
            named = tomllib.loads(path.read_text(encoding="utf-8")).get("trainer", named) if path.is_file() else named
        except (OSError, ValueError, RecursionError):
            # The trainer says what is wrong with it.
            continue
    return str(named)
