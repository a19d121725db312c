"""Subjects for the checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tokenbench.checking import Finding, Material, Subject, read_material, run_checks
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip
from tokenbench.registry import load_tokenizer

BROKEN = Path(__file__).parent / "broken.py"

Check = Callable[..., dict[str, Finding]]


@pytest.fixture(scope="session")
def material(mini: dict[str, Clip]) -> Material:
    return read_material(mini.values())


@pytest.fixture(scope="session")
def subject(material: Material) -> Callable[..., Subject]:
    """Make the subject of a name, or of a class of `broken.py`."""

    def make(name: str, *, weights: str | None = None, dtype: torch.dtype = torch.float32) -> Subject:
        full = name if "-" in name or name.islower() else f"{BROKEN}:{name}"

        def load(compute: Compute) -> object:
            return load_tokenizer(full, weights=weights, device=compute.device, dtype=compute.dtype)

        return Subject(load, Compute(torch.device("cpu"), dtype), material, untrained=weights == "random")  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def check(subject: Callable[..., Subject]) -> Check:
    """All findings on a name, or on a class of `broken.py`."""
    return lambda name, **how: dict(run_checks(subject(name, **how)))
