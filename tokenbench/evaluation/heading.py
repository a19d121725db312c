"""`run.json`: what is known of a run before its first clip. With it, parts are put together without networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.measures import Measures
from tokenbench.evaluation.protocol import Protocol
from tokenbench.files import write_text
from tokenbench.metrics.catalog import METRICS, MetricInfo, set_networks
from tokenbench.sealed import seal, unseal

NAME = "run.json"

SCHEMA = "tokenbench.run/1"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """Of one run; equal for all of its shards.

    Args:
        fingerprint: of everything that decides its numbers.
        tokenizer: section of the result.
        dataset: its name.
        manifest_sha256: of its manifest or listing.
        clips: of the whole data set, in its order.
        protocol: section of the result.
        label: of the protocol.
        metrics: that are measured.
        features: width of the features of each network that sets stand on.
        unavailable: metrics that were asked for and cannot be measured, and why.
    """

    fingerprint: str
    tokenizer: Mapping[str, Any]
    dataset: str
    manifest_sha256: str
    clips: Sequence[str]
    protocol: Mapping[str, Any]
    label: str
    metrics: Sequence[str]
    features: Mapping[str, int]
    unavailable: Mapping[str, str]

    @classmethod
    def of(cls, fingerprint: str, protocol: Protocol, measures: Measures, **sections: Any) -> Heading:
        """The heading of a run.

        Args:
            fingerprint: of it.
            protocol: how clips are scored.
            measures: what is measured.
            sections: the other fields.
        """
        networks = {metric.network for metric in measures.metrics if metric.over == "set" and metric.network}
        return cls(
            fingerprint=fingerprint,
            protocol=protocol.as_dict(),
            label=protocol.label,
            metrics=measures.names,
            features={name: measures.networks[name].features for name in sorted(networks)},
            unavailable=measures.unavailable,
            **sections,
        )

    def set_networks(self, kind: str) -> dict[str, list[MetricInfo]]:
        """The networks whose features make up sets of that kind of media, and the set metrics that use them."""
        return set_networks(map(METRICS.__getitem__, self.metrics), kind)

    @property
    def numbers(self) -> dict[str, int]:
        """Position of every clip in the data set."""
        return {clip: number for number, clip in enumerate(self.clips)}

    def write(self, folder: Path) -> None:
        """Keep it in a run's folder, whole or not at all."""
        text = seal({"schema": SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False, allow_nan=False)
        write_text(folder / NAME, text + "\n")


def read_heading(folder: Path) -> Heading:
    """The heading of the run in a folder.

    Raises:
        TokenBenchError: there is none, or it is damaged.
    """
    path = folder / NAME
    try:
        values = unseal(path.read_text(encoding="utf-8"))
        if values.pop("schema") != SCHEMA:
            raise TokenBenchError(f"{path}: written by another version of TokenBench; use that one")
        heading = Heading(**values)
    except OSError as error:
        raise TokenBenchError(f"{path}: cannot be read ({error.strerror}); is {folder} the folder of a run?") from error
    except (ValueError, TypeError, KeyError) as error:
        raise TokenBenchError(f"{path}: damaged ({error}); start that run again, what it has scored is kept") from error
    for field in fields(Heading):
        expected = str if field.type == "str" else list if "Sequence" in str(field.type) else dict
        if not isinstance(getattr(heading, field.name), expected):
            raise TokenBenchError(f"{path}: {field.name} is damaged; start that run again, what it has scored is kept")
    if unknown := sorted(set(heading.metrics) - set(METRICS)):
        raise TokenBenchError(f"{path}: unknown metrics {', '.join(unknown)}; written by another version?")
    return heading
