"""Metrics: which can be measured now, and where the networks of the others can be had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tokenbench.doctor.line import Line
from tokenbench.doctor.media import vmaf
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.measures import too_few
from tokenbench.metrics.catalog import IMPLIED, METRICS, MetricInfo, choose
from tokenbench.networks import NETWORKS, find_network
from tokenbench.networks.find import absence, stored_network


def metrics(planned: Sequence[str], dataset: str | None) -> Iterator[Line]:
    """Planned metrics, their networks' files read and compared with their digests; else all that there are.

    Args:
        planned: names; without them all are looked at, and no file is read.
        dataset: that they are planned for.
    """
    try:
        chosen = choose(tuple(planned)) if planned else tuple(METRICS[name] for name in METRICS if name not in IMPLIED)
    except TokenBenchError as error:
        yield Line("missing", ", ".join(planned), "", str(error), needed=True)
        return
    needed = bool(planned)
    if free := [metric.name for metric in chosen if metric.network is None and metric.name != "vmaf"]:
        yield Line("ok", "without a network", ", ".join(free), needed=needed)
    for name in dict.fromkeys(metric.network for metric in chosen if metric.network):
        users = ", ".join(metric.name for metric in chosen if metric.network == name)
        yield _read(users, name) if planned else _stored(users, name)
    if any(metric.name == "vmaf" for metric in chosen):
        yield vmaf(needed)
    if planned and dataset is not None:
        yield from _without_clips(chosen, dataset)


def _stored(users: str, name: str) -> Line:
    card = NETWORKS[name]
    stored = stored_network(card)
    if stored is None:
        return Line("missing", users, f"network {name}", absence(card))
    return Line("ok", users, f"network {name} ({stored[0]})")


def _read(users: str, name: str) -> Line:
    try:
        file = find_network(name, download=False)
    except TokenBenchError as error:
        return Line("missing", users, f"network {name}", str(error), needed=True)
    checked = "as published" if file.verified else "not compared: no published digest"
    return Line("ok", users, f"network {name}, {checked}", needed=True)


def _without_clips(chosen: Sequence[MetricInfo], dataset: str) -> Iterator[Line]:
    """Metrics that have no value of a data set; one that cannot be opened has its own section."""
    from tokenbench.doctor.clips import opened

    try:
        kinds: Counter[str] = Counter(clip.kind for clip in opened(dataset).clips)
    except TokenBenchError:
        return
    for metric in chosen:
        if reason := too_few(metric, kinds):
            remedy = f"{reason}; leave it out, or give --skip-unavailable"
            yield Line("missing", metric.name, f"too few clips in {dataset}", remedy, needed=True)
