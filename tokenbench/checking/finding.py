"""What a check finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["passed", "failed", "measured", "does not apply"]
Figure = float | int | str | None


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Args:
        verdict: "measured" where there is no right or wrong, or nothing is claimed.
        text: one line for a reader; of a failure: what is wrong and what to do.
        figures: the numbers behind it, for programs.
    """

    verdict: Verdict
    text: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


def passed(text: str, **figures: Figure) -> Finding:
    """It holds."""
    return Finding("passed", text, figures)


def failed(text: str, **figures: Figure) -> Finding:
    """It does not hold."""
    return Finding("failed", text, figures)


def measured(text: str, **figures: Figure) -> Finding:
    """A figure to know."""
    return Finding("measured", text, figures)


def absent(reason: str) -> Finding:
    """It does not apply, and why."""
    return Finding("does not apply", reason)


def verdict(problems: list[str], text: str, **figures: Figure) -> Finding:
    """Failed where there are problems, all of them in one line; else passed with the text."""
    return failed("; ".join(problems), **figures) if problems else passed(text, **figures)
