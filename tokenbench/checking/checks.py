"""All checks, in the order in which they run, and what each of them builds on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tokenbench.checking import causality, devices, picture, repetition, shapes, streaming, tokens
from tokenbench.checking.batches import batch
from tokenbench.checking.finding import Finding, absent, failed
from tokenbench.checking.precision import precision
from tokenbench.checking.subject import Subject
from tokenbench.checking.tiles import tiles
from tokenbench.errors import TokenBenchError, printable

_LONGEST = 600


@dataclass(frozen=True)
class Check:
    """One thing that must hold.

    Args:
        name: of the check.
        run: tries it.
        needs: checks without which this one says nothing.
    """

    name: str
    run: Callable[[Subject], Finding]
    needs: tuple[str, ...] = ()


_WHOLE = ("shapes", "finite")
_REPEATED = (*_WHOLE, "determinism")

CHECKS = (
    Check("shapes", shapes.shapes),
    Check("grid", shapes.grid, ("shapes",)),
    Check("finite", tokens.finite, ("shapes",)),
    Check("tokens", tokens.tokens, ("shapes",)),
    Check("bits", tokens.bits, ("shapes", "grid")),
    Check("card", tokens.card),
    Check("one-frame", shapes.one_frame, ("shapes",)),
    Check("frame-counts", shapes.frame_counts, ("shapes",)),
    Check("odd-sizes", shapes.odd_sizes, ("shapes",)),
    Check("inputs", repetition.inputs, _WHOLE),
    Check("gradients", repetition.gradients, ("shapes",)),
    Check("determinism", repetition.determinism, _WHOLE),
    Check("state", repetition.state, _REPEATED),
    Check("batch", batch, _REPEATED),
    Check("causality", causality.causality, _REPEATED),
    Check("windows", streaming.windows, (*_REPEATED, "frame-counts")),
    Check("tiles", tiles, (*_REPEATED, "one-frame")),
    Check("input-range", picture.input_range, (*_WHOLE, "one-frame")),
    Check("better-than-mean", picture.better_than_mean, (*_WHOLE, "one-frame", "input-range")),
    Check("precision", precision, _REPEATED),
    Check("device", devices.device, _REPEATED),
    # Last, because it leaves a stream unfinished.
    Check("streaming", streaming.streaming, (*_REPEATED, "causality", "state")),
)


def run_checks(subject: Subject, say: Callable[[str], object] = lambda name: None) -> Iterator[tuple[str, Finding]]:
    """Each check's name and finding, as they come; whatever a tokenizer raises is the failure of one check.

    Args:
        subject: the tokenizer.
        say: is told the name of each check before it runs.
    """
    broken: set[str] = set()
    for check in CHECKS:
        say(check.name)
        finding = _run(check, subject, broken)
        if finding.verdict == "failed":
            broken.add(check.name)
        yield check.name, finding


def _run(check: Check, subject: Subject, broken: set[str]) -> Finding:
    if missing := [name for name in check.needs if name in broken]:
        return absent(f"it builds on {missing[0]}, which failed")
    try:
        return check.run(subject)
    except TokenBenchError as error:
        return failed(_line(error))
    except Exception as error:  # a stranger's code may raise anything; the other checks go on
        return failed(_line(f"{type(error).__name__}: {error}"))


def _line(error: object) -> str:
    text = printable(error)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
