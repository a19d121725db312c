"""The conformance test: what every tokenizer must do, tried on a real clip and a photograph at small sizes.

material = read_material(open_dataset("mini").clips)
subject = Subject(load, Compute(device, dtype), material, untrained=False)
findings = dict(run_checks(subject))
"""

from __future__ import annotations

from tokenbench.checking.checks import CHECKS, Check, run_checks
from tokenbench.checking.finding import Finding, Verdict
from tokenbench.checking.material import Material, read_material
from tokenbench.checking.report import report, summary
from tokenbench.checking.subject import Subject

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Material",
    "Subject",
    "Verdict",
    "read_material",
    "report",
    "run_checks",
    "summary",
]
