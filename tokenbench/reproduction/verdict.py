"""A measured value beside the published one, and what to think of the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tokenbench.reproduction.measure import Outcome
from tokenbench.reproduction.plan import PaperMetric
from tokenbench.reproduction.published import Published

Verdict = Literal["within tolerance", "off", "other data", "not run", "nothing published"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One value of a table.

    Args:
        section: the data set, or what else stands above the columns.
        metric: the column.
        published: None where nothing is.
        measured: None where it was not.
        verdict: "other data" where the measured value is not one of all of the paper's data; such a value is never off.
        reasons: for the verdict.
        run: folder of the run that it comes from.
        protocol: label of what it was scored by.
    """

    section: str
    metric: PaperMetric
    published: Published | None = None
    measured: float | None = None
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    run: str = ""
    protocol: str = ""

    @property
    def difference(self) -> float | None:
        """Measured less published; None where there are not both."""
        return None if self.measured is None or self.published is None else self.measured - self.published.number


def allowed(metric: PaperMetric, published: Published) -> float:
    """The largest difference that counts as reproduced, in the metric's unit."""
    return metric.tolerance * (abs(published.number) if metric.relative else 1)


def judge(section: str, metric: PaperMetric, published: Published | None, outcome: Outcome, note: str = "") -> Cell:
    """The cell of one metric of a job's outcome; a note on the row is a reason where its value is off."""
    measured = outcome.values.get(metric.name)
    deviations = (*outcome.deviations, *outcome.own.get(metric.name, ()))
    verdict: Verdict
    if measured is None:
        verdict = "not run"
        why = outcome.missing.get(metric.name, "" if outcome.lacking else "no clip has a value")
        reasons = (*outcome.lacking, *([why] if why else []))
    elif deviations:
        verdict, reasons = "other data", deviations
    elif published is None:
        verdict, reasons = "nothing published", ()
    else:
        # Decimal values have no exact binary ones: what is just within must not be lost to that.
        near = abs(measured - published.number) <= allowed(metric, published) * (1 + 1e-9)
        verdict, reasons = ("within tolerance", ()) if near else ("off", (note,) if note else ())
    return Cell(
        section=section,
        metric=metric,
        published=published,
        measured=measured,
        verdict=verdict,
        reasons=reasons,
        run=outcome.run,
        protocol=outcome.protocol,
    )
