"""Catches a training that has gone wrong: NaN, infinity, and losses far above what they were."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tokenbench_cosmos.training.recipe import WatchSettings

Ids = Callable[[], Sequence[str]]

# A median of fewer values says little.
_LEAST = 10


class Diverged(Exception):
    """The training has gone wrong: says at which step, in which loss term, and on which samples, in one line."""


class Watch:
    """Looks at every mini-batch.

    Args:
        settings: of the recipe.
    """

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings
        self._recent: dict[str, deque[float]] = {}
        self._raised: dict[str, int] = {}

    def check_finite(self, step: int, terms: Mapping[str, float], ids: Ids) -> None:
        """Look for NaN and infinity, before they can get into the weights.

        Args:
            step: counted from 1.
            terms: loss terms by name, weighted, or other numbers that must be finite.
            ids: gives those of the samples, of all processes.

        Raises:
            Diverged: a term is not finite.
        """
        for term, value in terms.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"step {step}: {term} is {value} on {', '.join(ids())}; look at these samples, or begin anew with "
                    "a lower optimiser.lr"
                )

    def check_level(self, step: int, kind: str, terms: Mapping[str, float], ids: Ids) -> None:
        """Compare loss terms, 0 or more each, with their running medians.

        Args:
            step: counted from 1.
            kind: of the mini-batch, "image" or "video", which are watched apart.
            terms: by name, weighted.
            ids: gives those of the samples, of all processes.

        Raises:
            Diverged: a term was too large for too long.
        """
        factor, patience = self._settings.factor, self._settings.patience
        for term, value in terms.items() if factor else ():
            key = f"{kind} {term}"
            recent = self._recent.setdefault(key, deque(maxlen=self._settings.window))
            median = statistics.median(recent) if len(recent) >= _LEAST else math.inf
            self._raised[key] = self._raised.get(key, 0) + 1 if value > factor * median else 0
            if self._raised[key] >= patience:
                raise Diverged(
                    f"step {step}: {term} is {value:.4g}, above {factor:g} times its median {median:.4g} for "
                    f"{patience} {kind} batches, now {', '.join(ids())}; {_ADVICE}"
                )
            # What is too large does not count, or the median would follow it.
            if not self._raised[key]:
                recent.append(value)

    def forget(self, term: str) -> None:
        """Begin a term's median anew, since its weight changes: values from before and after are of another size."""
        for kept in (self._recent, self._raised):
            for key in [key for key in kept if key.split()[-1] == term]:
                del kept[key]

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, ready for JSON."""
        return {"recent": {key: list(values) for key, values in self._recent.items()}, "raised": dict(self._raised)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        window = self._settings.window
        self._recent = {key: deque(values, maxlen=window) for key, values in state["recent"].items()}
        self._raised = dict(state["raised"])


_ADVICE = "look at these samples; go on with a higher watch.factor, or begin anew with a lower optimiser.lr"
