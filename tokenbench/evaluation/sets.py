"""Set metrics of a run: the features that its clips left behind, as Frechet and kernel distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.heading import Heading
from tokenbench.evaluation.record import ClipRecord
from tokenbench.metrics.catalog import MetricInfo

if TYPE_CHECKING:
    from tokenbench.metrics.sets import SetScore

# Values that a kernel gives, and not a distance of Gaussians.
_KERNEL_METRICS = ("kid", "kvd")

_FLOAT_BYTES = 4
# Of the reference and of its reconstruction.
_SIDES = 2


@dataclass
class SetValues:
    """Of one kind of media.

    Args:
        metrics: by name, as a result holds them.
        unavailable: metrics that have no value, and why.
    """

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


def score_sets(heading: Heading, records: Sequence[ClipRecord], attachments: Attachments, kind: str) -> SetValues:
    """The set metrics over all clips of one kind.

    Args:
        heading: of the run. A clip's position in its data set makes random draws independent of the journal's order.
        records: of all clips, in the order in which they were journalled.
        attachments: features as float32 n x 2 x d, by "network-kind".
        kind: of media.

    Raises:
        TokenBenchError: features are damaged.
    """
    values = SetValues()
    networks = heading.set_networks(kind)
    for network, metrics in tqdm(networks.items(), desc=f"{kind} sets", unit="set", disable=not networks):
        name = f"{network}-{kind}"
        attachments.check(name, [record.attached[name] for record in records if name in record.attached])
        try:
            scored = _score(name, records, attachments, heading.numbers, heading.features[network])
        except TokenBenchError as error:
            values.unavailable |= {metric.name: str(error) for metric in metrics}
            continue
        for metric in metrics:
            values.metrics[metric.name] = _value(metric, scored)
    return values


def _score(
    name: str, records: Sequence[ClipRecord], attachments: Attachments, numbers: dict[str, int], width: int
) -> SetScore:
    from tokenbench.metrics.sets import score_set

    row_bytes = _SIDES * width * _FLOAT_BYTES
    rows = [record.attached[name].length // row_bytes if name in record.attached else 0 for record in records]
    if sum(rows) < 2:
        raise TokenBenchError(f"a distance of sets needs at least two samples, got {sum(rows)}; score more clips")
    # Clips of one source share their first clip's number.
    first: dict[str, int] = {}
    for record in sorted(records, key=lambda record: numbers[record.clip]):
        first.setdefault(record.cluster, numbers[record.clip])
    clusters = np.repeat([first[record.cluster] for record in records], rows)
    features = np.memmap(attachments.path(name), np.float32, "r", shape=(sum(rows), _SIDES, width))
    return score_set(features[:, 0], features[:, 1], clusters)


def _value(metric: MetricInfo, scored: SetScore) -> dict[str, Any]:
    """One number of a result, with what must stand beside it."""
    is_kernel = metric.name in _KERNEL_METRICS
    estimate = scored.kernel if is_kernel else scored.frechet
    value = {
        "value": estimate.value,
        "unit": metric.unit,
        "ci95": list(estimate.ci95 or (None, None)),
        "n": scored.samples,
        "clusters": scored.clusters,
        "features": scored.features,
        "rank": scored.rank,
        "standard_error": estimate.standard_error,
        "method": estimate.method,
    }
    if not is_kernel:
        value |= {"infinity": scored.infinity, "infinity_missing": scored.infinity_missing, "warning": scored.warning}
    return value
