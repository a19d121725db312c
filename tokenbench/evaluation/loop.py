"""Clip by clip through everything that is to be scored; what is done is kept, what fails is listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from tqdm import tqdm

from tokenbench.errors import OutputError, TokenBenchError, printable
from tokenbench.evaluation.journal import Journal
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.result import Failure

Item = TypeVar("Item")
Say = Callable[[str], None]


def score_all(
    items: Mapping[str, Item], score: Callable[[Item, Say], ScoredClip], journal: Journal, *, name: str
) -> list[Failure]:
    """Score what the journal does not hold yet.

    Args:
        items: what is to be scored, by its name in the journal.
        score: one of them; is given a function that shows how far it has come.
        journal: of the run.
        name: of the run, beside its progress bar.

    Returns:
        The items that could not be scored.

    Raises:
        OutputError: a result cannot be written.
    """
    failed: list[Failure] = []
    with tqdm(items.items(), desc=name, unit="clip", dynamic_ncols=True) as progress:
        for key, item in progress:
            if key in journal.records:
                continue
            progress.set_postfix_str(key)
            try:
                scored = score(item, progress.set_postfix_str)
            except OutputError:
                raise
            except TokenBenchError as error:
                failed.append(Failure(clip=key, error=str(error)))
                progress.write(f"failed: {printable(key)}: {printable(error)}")
                continue
            journal.add(scored.record, scored.attached)
    return failed
