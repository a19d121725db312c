"""Probe after probe, and the record of what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tqdm import tqdm

import tokenbench
from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.evaluation.environment import environment
from tokenbench.evaluation.guard import provenance_of
from tokenbench.evaluation.journal import fingerprint
from tokenbench.evaluation.streams import streams_itself
from tokenbench.probing.probe import Finding, Probe, Subject

SCHEMA = "tokenbench.probe/1"
NOT_OVER_TIME = "it looks at what frames do to each other, and this tokenizer takes every frame alone"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of each probe, by its name, in the order of the catalog.

    Args:
        findings: of those that ran.
        skipped: why a probe does not apply.
        failed: what went wrong in a probe; the others went on.
    """

    findings: Mapping[str, Finding] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """All that were found, as "probe: fault"."""
        return [f"{name}: {fault}" for name, finding in self.findings.items() for fault in finding.faults]


def run_probes(subject: Subject, probes: Sequence[Probe]) -> Outcome:
    """Run them one after the other, with a progress bar on stderr.

    Raises:
        TokenBenchError: a window was asked for that does not apply to the tokenizer.
    """
    findings, skipped, failed = {}, {}, {}
    describe(subject)  # refuses what cannot be run before any time is spent
    with tqdm(probes, desc=subject.tokenizer.info.name, unit="probe", dynamic_ncols=True) as progress:
        for probe in progress:
            progress.set_postfix_str(probe.name)
            if probe.over_time and subject.takes_images:
                skipped[probe.name] = NOT_OVER_TIME
                continue
            try:
                findings[probe.name] = probe.run(subject)
            except OutputError:
                raise
            except TokenBenchError as error:
                failed[probe.name] = str(error)
    return Outcome(findings=findings, skipped=skipped, failed=failed)


def describe(subject: Subject) -> dict[str, Any]:
    """The tokenizer's card and weights, and how patterns go through it.

    Raises:
        TokenBenchError: the window does not apply to it, or its provenance is not plain data.
    """
    info = subject.tokenizer.info
    return {
        **asdict(info),
        "compression": list(info.compression),
        "weights_sha256": getattr(subject.tokenizer, "weights_sha256", None),
        "settings": dict(subject.settings),
        "provenance": provenance_of(subject.tokenizer),
        "streaming": streams_itself(subject.tokenizer, subject.window),
        "window_used": subject.window_used,
    }


def digest(subject: Subject, probes: Sequence[Probe]) -> str:
    """Of everything that decides the figures."""
    return fingerprint(
        {
            "tokenbench": tokenbench.__version__,
            "tokenizer": describe(subject),
            "compute": [subject.compute.device.type, str(subject.compute.dtype)],
            "shown": [subject.size, subject.frames, [probe.name for probe in probes]],
        }
    )


def record(subject: Subject, probes: Sequence[Probe], outcome: Outcome) -> dict[str, Any]:
    """All figures and where they come from: what `probe.json` holds."""
    dtype = str(subject.compute.dtype).removeprefix("torch.")
    return {
        "schema": SCHEMA,
        "tokenizer": describe(subject),
        "shown": {
            "size": subject.size,
            "frames": subject.frames,
            "still_frames": subject.still_frames,
            "reconstructions": "8-bit frames" if subject.quantisation == "round" else "float frames, not rounded",
        },
        "probes": [_section(probe, outcome.findings[probe.name]) for probe in probes if probe.name in outcome.findings],
        "skipped": dict(outcome.skipped),
        "failed": dict(outcome.failed),
        "environment": environment(device=str(subject.compute.device), dtype=dtype),
    }


def _section(probe: Probe, finding: Finding) -> dict[str, Any]:
    return {
        "name": probe.name,
        "title": probe.title,
        "shows": probe.shows,
        "source": probe.source,
        "verdict": finding.verdict,
        "faults": list(finding.faults),
        "figures": [asdict(figure) | {"text": figure.text} for figure in finding.figures],
        "plot": None if finding.plot is None else asdict(finding.plot),
        "picture": f"{probe.name}.png",
    }
