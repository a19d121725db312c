"""How alike two values must be, given what is different between the run and this machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What may change a number; the command itself, its seed and its inputs are checked apart.
_DECISIVE = (
    *("tokenbench", "python", "torch", "numpy", "av", "numba", "pillow", "ffmpeg"),
    *("platform", "device", "device_name", "dtype", "cores", "threads"),
)

# Other kernels and orders of summation move a reconstruction's float values in their last digits, and some of its 8-bit
# values by one; a wrong checkpoint, window or definition moves scores much further than this.
_DECIBELS = 0.02
_SHARE = 0.001
_LEAST = 0.0001


@dataclass(frozen=True)
class Likeness:
    """What is asked of values that are scored again.

    Args:
        differences: between the run's environment and this one, a line each.
        exact: every digit must be the same.
    """

    differences: tuple[str, ...]
    exact: bool

    @property
    def words(self) -> str:
        """The rule, for a reader."""
        if self.exact:
            return "exact: the run was made on the CPU, with the same versions, on a machine like this"
        return f"within {_DECIBELS} dB, or {_SHARE:.1%} ({_LEAST} at least) of values in other units"

    def holds(self, recorded: float, measured: float, unit: str) -> bool:
        """Whether a value that was recorded is confirmed by the one that is measured now."""
        if self.exact or math.isinf(recorded):
            return recorded == measured
        return abs(recorded - measured) <= (_DECIBELS if unit == "dB" else max(_LEAST, _SHARE * abs(recorded)))


def likeness(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> Likeness:
    """What may be asked of values of a run.

    Args:
        recorded: environment of the run, as its result has it.
        here: environment of this process (`tokenbench.evaluation.environment`).
    """
    differences = tuple(
        f"{name}: {_shown(recorded.get(name))} in the run, {_shown(here.get(name))} here"
        for name in _DECISIVE
        if recorded.get(name) != here.get(name)
    )
    return Likeness(differences, exact=not differences and str(here.get("device")) == "cpu")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return "not recorded" if value is None else str(value)
