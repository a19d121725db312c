"""Which runs may stand side by side, and which may be told apart clip by clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.records import WRITE_AGAIN
from tokenbench.reporting.runs import Run


def judged_alike(a: Run, b: Run) -> bool:
    """Whether data set, manifest and protocol agree, storage apart, and no metric is defined differently."""
    keys = [(run.dataset.name, run.dataset.manifest_sha256, run.base_protocol) for run in (a, b)]
    return keys[0] == keys[1] and all(defined_alike(a, b, metric) for metric in a.metrics)


def defined_alike(a: Run, b: Run, metric: str) -> bool:
    """Whether no run contradicts the other on how a metric is computed; one that says nothing does not."""
    return len({_definition(run, metric) for run in (a, b)} - {None}) < 2


def contradictions(runs: Sequence[Run], others: Sequence[Run]) -> dict[str, str]:
    """The metrics that some of the others define differently, with their definitions among `runs`."""
    pairs = [(run, other) for run in runs for other in others]
    metrics = {metric for run, other in pairs for metric in run.metrics if not defined_alike(run, other, metric)}
    known = ((metric, _definition(run, metric)) for metric in sorted(metrics) for run in runs)
    return {metric: text for metric, text in known if text is not None}


def check_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs whose differences would not be those of their tokenizers.

    Raises:
        TokenBenchError: protocols (storage counts) or data sets differ, or a run lacks its clips or has one twice.
    """
    first = runs[0]
    for run in runs:
        if (run.base_protocol, run.storage) != (first.base_protocol, first.storage):
            raise _different("by protocol", (first, _protocol(first)), (run, _protocol(run)))
        if _clip_list(run) != _clip_list(first):
            raise _different("on data set", (first, _dataset(first)), (run, _dataset(run)))
        _check_clips(run)


def _definition(run: Run, metric: str) -> str | None:
    definitions = run.protocol.get("definitions")
    return definitions.get(metric) if isinstance(definitions, dict) else None


def _check_clips(run: Run) -> None:
    file = run.folder / "clips.csv"
    if not run.clips:
        raise TokenBenchError(f"no clips in {file}: runs are compared clip by clip; {WRITE_AGAIN}")
    name, count = Counter(clip.clip for clip in run.clips).most_common(1)[0]
    if count > 1:
        raise TokenBenchError(f"{file} has clip {name!r} {count} times; {WRITE_AGAIN}")


def _different(what: str, *sides: tuple[Run, str]) -> TokenBenchError:
    named = " and ".join(f"{run.folder} {what} {value}" for run, value in sides)
    return TokenBenchError(f"only runs that were judged alike are compared, not {named}: evaluate one of them anew")


def _protocol(run: Run) -> str:
    label = run.dataset.protocol
    return label if run.storage == "none" or "+storage=" in label else f"{label} with storage {run.storage}"


def _clip_list(run: Run) -> tuple[str, str]:
    sha256 = run.dataset.manifest_sha256
    return ("manifest", sha256) if sha256 else ("name", run.dataset.name)


def _dataset(run: Run) -> str:
    sha256 = run.dataset.manifest_sha256
    return f"{run.dataset.name} (manifest {sha256[:12] if sha256 else 'unknown'})"
