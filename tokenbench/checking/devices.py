"""The same on another device, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from tokenbench.checking.compare import difference
from tokenbench.checking.finding import Figure, Finding, absent, failed, verdict
from tokenbench.checking.subject import RoundTrip, Subject
from tokenbench.evaluation.windows import Compute

# Devices sum in other orders and convolve by other algorithms.
_LIMIT = 1e-2
_HALF_LIMIT = 1e-1


def device(subject: Subject) -> Finding:
    """Frames come back on the device that was asked for; loaded on another one, or moved there and back, it agrees."""
    here = subject.compute.device
    if subject.first.video.device.type != here.type:
        return failed(f"the reconstruction lies on {subject.first.video.device}, not on {here}: move it there")
    there = other_device(here)
    if there is None:
        return absent("there is no CUDA device here; frames come back on the CPU")
    problems: list[str] = []
    figures: dict[str, Figure] = {}
    video = subject.clip.to(there)
    copy = subject.fresh(Compute(there, subject.compute.dtype))
    _compare(subject, subject.round_trip(video, copy), there, f"loaded on {there}", problems, figures)
    if (module := subject.module) is not None:
        module.to(there)
        _compare(subject, subject.round_trip(video), there, f"moved to {there}", problems, figures)
        module.to(here)
        _compare(subject, subject.round_trip(subject.clip), here, f"moved back to {here}", problems, figures)
    worst = max(value for value in figures.values() if isinstance(value, float))
    return verdict(problems, f"{here} and {there} agree to {worst:.2g} of the frames' size", **figures)


def other_device(here: torch.device) -> torch.device | None:
    """The device to compare with: CUDA where there is one, the CPU from there."""
    if here.type != "cpu":
        return torch.device("cpu")
    return torch.device("cuda") if torch.cuda.is_available() else None


def _compare(
    subject: Subject, given: RoundTrip, there: torch.device, what: str, problems: list[str], figures: dict[str, Figure]
) -> None:
    if given.video.device.type != there.type:
        problems.append(f"{what}: the reconstruction lies on {given.video.device}")
    apart = difference(given.video, subject.first.video).relative
    figures[what.replace(" ", "_")] = apart
    if not apart <= (_LIMIT if subject.compute.dtype == torch.float32 else _HALF_LIMIT):
        problems.append(f"{what}: frames are {apart:.2g} of their size off{_codes(given, subject.first)}")


def _codes(given: RoundTrip, expected: RoundTrip) -> str:
    if not isinstance(given.data, Tensor) or given.data.is_floating_point():
        return ""
    return f", {(given.data.cpu() != expected.data.cpu()).double().mean():.1%} of the codes are others"
