"""Tokens: their kind, their range, what they cost, and what the card says of the network."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tokenbench.checking.finding import Figure, Finding, absent, failed, measured, verdict
from tokenbench.checking.subject import Subject, data_of
from tokenbench.evaluation.guard import describe
from tokenbench.evaluation.windows import bits_of

_ROUNDING = 1e-6


def finite(subject: Subject) -> Finding:
    """Neither tokens nor reconstruction hold NaN or infinite values."""
    problems = []
    for what, value in (("tokens", subject.first.data), ("reconstruction", subject.first.video)):
        if isinstance(value, Tensor) and (count := int((~value.isfinite()).sum())):
            problems.append(f"{what}: {count} of {value.numel()} values are NaN or infinite in {value.dtype}")
    low, high = (float(end) for end in subject.first.video.float().nan_to_num().aminmax())
    return verdict(problems, f"all values; the reconstruction is in [{low:.3g}, {high:.3g}]", low=low, high=high)


def tokens(subject: Subject) -> Finding:
    """Tokens are of the card's kind: floats, or whole numbers from 0 to the vocabulary's last."""
    info, data = subject.info, subject.first.data
    if info.kind == "codec":
        return absent("a codec's bytes are its own affair")
    if not isinstance(data, Tensor):
        return absent("they are no tensor")
    if info.kind == "continuous":
        problems = [] if data.is_floating_point() else [f"latents are {data.dtype}, expected a floating type"]
        return verdict(problems, f"latents, {data.dtype}, standard deviation {data.double().std():.3g}")
    return _codes(data, info.vocabulary)


def _codes(data: Tensor, vocabulary: int | None) -> Finding:
    if data.is_floating_point() or data.is_complex() or data.dtype == torch.bool:
        return failed(f"codes are {data.dtype}, expected a type of whole numbers")
    if vocabulary is None:
        return failed("the card is of kind discrete and has no vocabulary: give the number of codes")
    low, high = (int(end) for end in data.aminmax())
    used = len(data.unique())
    problems = [] if low >= 0 and high < vocabulary else [f"codes are {low} to {high}, expected 0 to {vocabulary - 1}"]
    text = f"codes, {data.dtype}, {low} to {high} of {vocabulary}; {used} different ones among {data.numel()}"
    return verdict(problems, text, low=low, high=high, used=used)


def bits(subject: Subject) -> Finding:
    """Tokens cost what the card says: its bits per pixel times the pixels that the token grid stands for."""
    info = subject.info
    tokens = subject.first.tokens
    cost, pixels = bits_of(tokens, info), subject.clip[0, 0].numel()
    if cost is None:
        return measured("not known: neither the tokens nor the card say what a token costs")
    if not (math.isfinite(cost) and cost > 0):
        return failed(f"the tokens cost {cost} bits, expected a number above 0", bits=None)
    rate = cost / pixels
    figures: dict[str, Figure] = {"bits": cost, "bits_per_pixel": rate}
    if info.bits_per_pixel is None:
        return measured(f"{rate:.4g} bits per pixel; the card states none", **figures)
    # Along time the grid may stand for more frames than there are: a causal network's first token is of one frame.
    frames = -(-subject.clip.shape[2] // info.compression[0]) * info.compression[0]
    expected = info.bits_per_pixel * pixels * frames / subject.clip.shape[2]
    wrong = abs(cost - expected) > _ROUNDING * expected
    problem = f"{sizes_of(tokens)} cost {cost:.8g} bits, but {info.bits_per_pixel:.6g} per pixel make {expected:.8g}"
    text = f"{cost:.8g} bits, {info.bits_per_pixel:.6g} for every pixel that a token stands for"
    return verdict([problem] if wrong else [], text, **figures)


def card(subject: Subject) -> Finding:
    """The number of parameters that the card states is that of the network."""
    if subject.module is None:
        return absent("it shows no network as .module")
    parameters = sum(value.numel() for value in subject.module.parameters())
    # A codebook may be kept as a buffer.
    buffers = sum(value.numel() for value in subject.module.buffers() if value.is_floating_point())
    stated = subject.info.parameters
    figures: dict[str, Figure] = {"parameters": parameters, "buffers": buffers, "stated": stated}
    if not stated:
        return measured(f"the card states no number of parameters; the network has {parameters:,}", **figures)
    right = parameters <= stated <= parameters + buffers
    problem = f"the card states {stated:,} parameters; the network has {parameters:,} and {buffers:,} in buffers"
    return verdict([] if right else [problem], f"{stated:,} parameters, as the card says", **figures)


def sizes_of(tokens: object) -> str:
    """Tokens by their shape."""
    return f"tokens {describe(data_of(tokens))}"
