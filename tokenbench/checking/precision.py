"""What half precision changes, and whether it overflows."""

from __future__ import annotations

import torch
from torch import Tensor

from tokenbench.checking.compare import difference, share_changed, shown
from tokenbench.checking.finding import Figure, Finding, failed, measured
from tokenbench.checking.material import Frames
from tokenbench.checking.subject import RoundTrip, Subject
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.windows import Compute

_HALVES = (torch.bfloat16, torch.float16)

# How torch says that an operation does not exist for a type on this device.
_MISSING = "not implemented for"


def precision(subject: Subject) -> Finding:
    """Tokens and reconstructions of bfloat16 and float16 against those of float32."""
    frames = subject.cut(len(subject.frames), *subject.small)
    exact = _in(subject, frames, torch.float32)
    texts: list[str] = []
    problems: list[str] = []
    figures: dict[str, Figure] = {}
    for dtype in _HALVES:
        name = str(dtype).removeprefix("torch.")
        try:
            half = _in(subject, frames, dtype)
        except TokenBenchError as error:
            if _MISSING in str(error):
                texts.append(f"{name}: torch lacks it on {subject.compute.device.type} ({error})")
            else:
                problems.append(f"{name}: {error}")
            continue
        figures |= {f"{name}_{key}": value for key, value in _figures(half, exact).items()}
        texts.append(f"{name}: {_described(half, exact)}")
    return failed("; ".join(problems), **figures) if problems else measured("; ".join(texts), **figures)


def _in(subject: Subject, frames: Frames, dtype: torch.dtype) -> RoundTrip:
    """The same frames through the tokenizer in another arithmetic."""
    compute = Compute(subject.compute.device, dtype)
    tokenizer = subject.tokenizer if compute == subject.compute else subject.fresh(compute)
    return subject.round_trip(subject.as_float(frames, dtype), tokenizer)


def _figures(half: RoundTrip, exact: RoundTrip) -> dict[str, Figure]:
    broken = int((~half.video.isfinite()).sum())
    figures: dict[str, Figure] = {"not_finite": broken}
    if broken:
        return figures
    figures["decibels"] = difference(half.video, exact.video).decibels
    if isinstance(half.data, Tensor) and half.data.shape == exact.data.shape:
        if half.data.is_floating_point():
            figures["tokens_relative"] = difference(half.data, exact.data).relative
        else:
            figures["tokens_changed"] = share_changed(half.data, exact.data)
    return figures


def _described(half: RoundTrip, exact: RoundTrip) -> str:
    figures = _figures(half, exact)
    if figures["not_finite"]:
        return f"overflows, {figures['not_finite']} of {half.video.numel()} values are NaN or infinite: do not use it"
    text = f"{shown(difference(half.video, exact.video).decibels)} against float32"
    if "tokens_changed" in figures:
        text += f", {figures['tokens_changed']:.2%} of the codes change"
    if "tokens_relative" in figures:
        text += f", latents {figures['tokens_relative']:.2g} of their size off"
    return text
