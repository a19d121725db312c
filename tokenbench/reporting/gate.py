"""Limits on differences between runs, such as `psnr<-0.05`: what makes a comparison fail."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.diff import Diff
from tokenbench.reporting.differences import MIXED, NO_DIFFERENCE, Difference

_GATE = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*([<>])\s*(\S+)\s*")


@dataclass(frozen=True)
class Gate:
    """A difference that must not be.

    Args:
        metric: its name.
        above: whether differences above the limit fail, else those below it.
        limit: in the metric's unit; the limit itself does not fail.
    """

    metric: str
    above: bool
    limit: float

    def __str__(self) -> str:
        return f"{self.metric}{'>' if self.above else '<'}{self.limit:g}"

    def is_broken_by(self, row: Difference, significant: bool) -> bool:
        """Whether the row's difference is beyond the limit, and, where that is asked for, no chance."""
        if row.metric != self.metric or row.difference is None:
            return False
        beyond = row.difference > self.limit if self.above else row.difference < self.limit
        return beyond and not (significant and row.verdict in ("", NO_DIFFERENCE, MIXED))


def read_gate(text: str) -> Gate:
    """The limit that a text such as `psnr<-0.05` states.

    Raises:
        TokenBenchError: it is not METRIC<NUMBER or METRIC>NUMBER.
    """
    match = _GATE.fullmatch(text)
    try:
        limit = float(match[3]) if match else math.nan
    except ValueError:
        limit = math.nan
    if not match or not math.isfinite(limit):
        raise TokenBenchError(f"cannot read {text!r}: write METRIC<NUMBER or METRIC>NUMBER, such as 'psnr<-0.05'")
    return Gate(match[1], match[2] == ">", limit)


def broken_gates(gates: Sequence[Gate], diff: Diff, *, significant: bool = False) -> list[str]:
    """What fails, a line each; nothing where all differences are within their limits.

    Args:
        gates: the limits, on every later run and kind of media.
        diff: the runs, compared.
        significant: a difference must be significant as well.

    Raises:
        TokenBenchError: a limit is on a metric that was not compared, or that cannot be judged, and nothing fails.
    """
    compared = {row.metric for row in diff.rows}
    for gate in gates:
        if gate.metric not in compared:
            raise TokenBenchError(f"cannot judge {gate}: the metrics compared are {', '.join(sorted(compared))}")
    broken = [_line(gate, row) for gate in gates for row in diff.rows if gate.is_broken_by(row, significant)]
    if not broken:
        _check_judged(gates, diff, significant)
    return broken


def _check_judged(gates: Sequence[Gate], diff: Diff, significant: bool) -> None:
    """A limit that nothing could break must not look as if it were kept."""
    for gate in gates:
        for row in diff.rows:
            if row.metric != gate.metric:
                continue
            if row.reason:
                raise TokenBenchError(f"cannot judge {gate}: {row.name}: {row.reason}")
            if significant and row.significance is None:
                raise TokenBenchError(f"cannot judge {gate}: {row.name} has no p-value; leave --significant out")


def _line(gate: Gate, row: Difference) -> str:
    worth = "" if row.adjusted is None else f", adjusted p {row.adjusted:.4g}"
    return f"{gate}: {row.name} differs from A by {row.difference:+.6g}{worth}"
