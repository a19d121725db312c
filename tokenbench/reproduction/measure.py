"""What can be measured here of a table, and the measuring: runs as `tokenbench eval` makes them, kept and resumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from tokenbench.datasets.dataset import Dataset
from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.evaluation.device import open_device
from tokenbench.evaluation.measures import Measures, prepare
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.runner import Evaluation, evaluate
from tokenbench.evaluation.windows import Compute
from tokenbench.files import safe_name
from tokenbench.metrics.catalog import METRICS
from tokenbench.metrics.conventions import CONVENTIONS
from tokenbench.networks.cards import find_card as find_network_card
from tokenbench.networks.find import stored_network
from tokenbench.readiness import readiness
from tokenbench.registry import find_card, load_tokenizer
from tokenbench.reproduction.plan import PaperMetric, Row, Table
from tokenbench.reproduction.sections import Section

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One tokenizer on one data set.

    Args:
        row, section: whose values it gives.
        lacking: why it cannot be run here, a reason each.
    """

    row: Row
    section: Section
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a job.

    Args:
        values: by the metric's name here.
        lacking: why there are none at all.
        missing: why a metric has none, by its name.
        deviations: why they are not values of the paper's data.
        own: the same of single metrics, by name.
        failed: something went wrong that was not to be expected; the reasons say what.
        run: folder of the run.
        protocol: label of what it was scored by.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failed: bool = False
    run: str = ""
    protocol: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How jobs are run: torch device, dtype of networks, and the first frames of each clip; None takes all."""

    device: str = "cpu"
    dtype: str = "float32"
    frames: int | None = None


def list_jobs(table: Table, sections: Sequence[Section]) -> list[Job]:
    """Every row on every section, with what is lacking; stand-ins on the stand-in for the data alone.

    Loads no network and downloads nothing.
    """
    return [
        Job(row=row, section=section, lacking=tuple(_lacking(row, section)))
        for section in sections
        for row in (*table.rows, *(table.stand_ins if section.is_stand_in else ()))
    ]


def missing_networks(metrics: Sequence[PaperMetric]) -> dict[str, str]:
    """Metrics whose trained network is not on this machine, and how to get it. Downloads nothing."""
    needed = {metric.name: METRICS[metric.name].network for metric in metrics}
    return {
        name: f"weights missing: tokenbench weights fetch {network}"
        for name, network in needed.items()
        if network and stored_network(find_network_card(network)) is None
    }


def run_jobs(
    jobs: Sequence[Job], metrics: Sequence[PaperMetric], settings: Settings, out: Path, say: Say
) -> Iterator[tuple[Job, Outcome]]:
    """Run what can be run, one job after the other; one that fails does not lose the others.

    Args:
        jobs: of `list_jobs`.
        metrics: of the table.
        settings: how to run.
        out: folder under which each run has one of its own; what is there is not done again.
        say: shows what is being done.

    Yields:
        Every job with its outcome, in their order.

    Raises:
        OutputError: results cannot be written.
    """
    compute = Compute(open_device(settings.device), getattr(torch, settings.dtype))
    missing = missing_networks(metrics)
    names = tuple(metric.name for metric in metrics if metric.name not in missing)
    prepared: dict[str, Measures] = {}
    for number, job in enumerate(jobs, 1):
        dataset = job.section.dataset
        if job.lacking or dataset is None:
            yield job, Outcome(lacking=job.lacking, missing=missing, deviations=job.section.deviations)
            continue
        say(f"{job.row.tokenizer} on {dataset.name} ({number} of {len(jobs)})")
        if job.section.title not in prepared:
            prepared[job.section.title] = prepare(
                names,
                compute.device,
                clips=Counter(clip.kind for clip in dataset.clips),
                skip_unavailable=True,
            )
        yield job, _run(job, dataset, prepared[job.section.title], missing, compute, settings, out)


def _lacking(row: Row, section: Section) -> Iterator[str]:
    if section.lacking:
        yield section.lacking
    found = readiness(find_card(row.tokenizer))
    if found.state != "ready":
        yield f"{found.state}: {found.hint}"


def _run(
    job: Job,
    dataset: Dataset,
    measures: Measures,
    missing: Mapping[str, str],
    compute: Compute,
    settings: Settings,
    out: Path,
) -> Outcome:
    try:
        tokenizer = load_tokenizer(job.row.tokenizer, device=compute.device, dtype=compute.dtype)
        window = job.row.window if tokenizer.info.modality == "video" else None
        run = Evaluation(
            tokenizer=tokenizer,
            dataset=dataset,
            protocol=Protocol.of(
                CONVENTIONS["paper"], measures, frames=settings.frames, window=window, storage=job.section.storage
            ),
            compute=compute,
            measures=measures,
            inputs={"tokenizer": job.row.tokenizer, "weights": None, "dataset": job.section.named, "tokens": "count"},
        )
        folder = out / f"{safe_name(f'{job.row.tokenizer}-{dataset.name}')}-{run.fingerprint()[:8]}"
        result = evaluate(run, folder)
    except OutputError:
        raise
    except Exception as error:  # a stranger's network may raise anything when it is loaded; the other rows go on
        lines = str(error).strip().splitlines() or [type(error).__name__]
        kind = "" if isinstance(error, TokenBenchError) else f"{type(error).__name__}: "
        return Outcome(lacking=(f"failed: {kind}{lines[0]}",), failed=True, deviations=job.section.deviations)
    kind = dataset.clips[0].kind
    scored = result["media"][kind]["metrics"] if kind in result["media"] else {}
    failures = len(result["failed"])
    incomplete = (f"{failures} of {len(dataset.clips)} clips failed",) if failures else ()
    return Outcome(
        values={name: value["value"] for name, value in scored.items() if value["value"] is not None},
        missing={**result["unavailable"], **missing},
        deviations=(*job.section.deviations, *incomplete),
        failed=bool(failures),
        run=folder.name,
        protocol=result["dataset"]["protocol"],
    )
