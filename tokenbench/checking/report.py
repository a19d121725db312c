"""Findings for programs, and in one line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch

import tokenbench
from tokenbench.checking.finding import Figure, Finding
from tokenbench.checking.subject import Subject

SCHEMA = "tokenbench.check/1"


def report(subject: Subject, findings: Mapping[str, Finding]) -> dict[str, Any]:
    """All findings as plain data for JSON; figures that are no finite numbers are null."""
    return {
        "schema": SCHEMA,
        "tokenizer": subject.info.name,
        "device": str(subject.compute.device),
        "dtype": _name(subject.compute.dtype),
        "untrained": subject.untrained,
        "tokenbench": tokenbench.__version__,
        "torch": torch.__version__,
        "failed": [name for name, finding in findings.items() if finding.verdict == "failed"],
        "checks": [
            {
                "name": name,
                "verdict": finding.verdict,
                "text": finding.text,
                "figures": {key: _plain(value) for key, value in finding.figures.items()},
            }
            for name, finding in findings.items()
        ],
    }


def summary(findings: Mapping[str, Finding]) -> str:
    """How many checks have which verdict."""
    counts = Counter(finding.verdict for finding in findings.values())
    absent = counts["does not apply"]
    return (
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['measured']} measured, "
        f"{absent} {'does' if absent == 1 else 'do'} not apply"
    )


def _plain(value: Figure) -> Figure:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
