"""Which of several values is best, and which could not be told from the ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tokenbench.reporting.formats import quantity
from tokenbench.reporting.runs import Measure, Metrics


def ranking(name: str, measures: Mapping[int, Measure]) -> dict[int, int]:
    """Ranks by row; equal values share one.

    A single row is not ranked, nor a metric of unknown direction, nor values over different numbers of clips or
    samples: a Frechet distance depends on how many there are.

    Args:
        name: of the metric.
        measures: of each row.

    Returns:
        1 for the best; empty where nothing is ranked.
    """
    known = {i: measure.value for i, measure in measures.items() if measure.value is not None}
    higher = quantity(name).higher_is_better
    if higher is None or len(known) < 2 or len({measures[i].n for i in known}) > 1:
        return {}
    places = sorted(set(known.values()), reverse=higher)
    return {i: places.index(value) + 1 for i, value in known.items()}


def reached(metrics: Metrics, ceiling: Metrics) -> Iterator[str]:
    """The metrics whose value lies within the ceiling's interval, or beyond it."""
    for name, measure in metrics.items():
        value, limit, higher = measure.value, ceiling.get(name, Measure(None)), quantity(name).higher_is_better
        if value is None or limit.low is None or limit.high is None or higher is None:
            continue
        if value >= limit.low if higher else value <= limit.high:
            yield name
