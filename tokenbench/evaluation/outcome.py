"""What is asked of a worker, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tokenbench.errors import OUT_OF_MEMORY, OutputError, TokenBenchError, is_out_of_memory
from tokenbench.evaluation.meters import ScoredClip


@dataclass(frozen=True)
class Failed:
    """Why a clip could not be scored.

    Args:
        error: in one line.
        fatal: whether no other clip can be scored either, as on a full disk.
    """

    error: str
    fatal: bool = False


@dataclass(frozen=True)
class ScoreTask:
    """One item to score.

    Args:
        key: its name in journals.
        item: what is scored.
        wanted: positions of the runs that have not scored it yet.
    """

    key: str
    item: Any
    wanted: tuple[int, ...]


# What became of a task, for each run that wanted it.
Outcomes = list[ScoredClip | Failed]


def attempt(score: Callable[[], ScoredClip]) -> ScoredClip | Failed:
    """A clip's scores, or why there are none."""
    try:
        return score()
    except OutputError as error:
        return Failed(str(error), fatal=True)
    except TokenBenchError as error:
        return Failed(str(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return Failed(OUT_OF_MEMORY)
