"""Is what comes back the picture that went in: in its range, its order of colours, and better than one colour?"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from tokenbench.checking.compare import psnr, shown
from tokenbench.checking.finding import Finding, absent, failed, passed, verdict
from tokenbench.checking.subject import Subject
from tokenbench.errors import TokenBenchError

# Cells whose means are fitted: what a tokenizer loses of detail stays out of the fit.
_CELL = 16
_SLOPES = (0.8, 1.25)
_OFFSET = 0.1
# Below it, what comes back is no likeness, and a fit says nothing.
_LEAST_CORRELATION = 0.5

_UNTRAINED = "the weights are random"


class _Convention(NamedTuple):
    """How pixels could be given to a network instead of RGB in [-1, 1].

    Args:
        there, back: from RGB in [-1, 1], and to it.
        margin: dB by which it must be better than the contract's before it is believed.
        most_correlation: with the original, up to which what the contract's gives is no likeness yet.
    """

    there: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]
    margin: float = 3.0
    most_correlation: float = 1.0


def _swap(video: Tensor) -> Tensor:
    return video.flip(1)


# A wrong order of colours costs little, and a right one nothing. Beside values of 255 any small error disappears, so
# those are believed only of a network that makes nothing of [-1, 1].
_CONVENTIONS = {
    "[0, 1]": _Convention(lambda x: (x + 1) / 2, lambda y: 2 * y - 1),
    "[-0.5, 0.5]": _Convention(lambda x: x / 2, lambda y: 2 * y),
    "[0, 255]": _Convention(lambda x: (x + 1) * 127.5, lambda y: y / 127.5 - 1, most_correlation=0.9),
    "BGR": _Convention(_swap, _swap, margin=0.5),
}


def input_range(subject: Subject) -> Finding:
    """The network is given what it wants, RGB in [-1, 1] in and out: a photograph comes back as bright and as coloured.

    The means of cells of 16 x 16 pixels are fitted by a line. Other conventions are tried on the way in, on the way
    out and on both: where one of them makes the photograph come back clearly better, it is the network's own.
    """
    if subject.untrained:
        return absent(_UNTRAINED)
    slope, offset, correlation = _fit(subject.seen, subject.photograph)
    level, named = psnr(subject.seen, subject.photograph), _other_convention(subject, correlation)
    figures = {"slope": slope, "offset": offset, "correlation": correlation, "psnr": level}
    text = f"a photograph comes back as {slope:.3f} x {offset:+.3f}, {shown(level)}"
    if named is not None:
        return failed(f"{text}; {named}: convert from and to RGB in [-1, 1]", **figures)
    if correlation < _LEAST_CORRELATION:
        return absent(f"what comes back is no likeness (correlation {correlation:.2f})")
    wrong = not (_SLOPES[0] <= slope <= _SLOPES[1] and abs(offset) <= _OFFSET)
    problem = f"{text}, expected a slope near 1 and an offset near 0: look for a scale or a shift on the way"
    return verdict([problem] if wrong else [], text, **figures)


def better_than_mean(subject: Subject) -> Finding:
    """A reconstruction is nearer to its original than the original's mean colour is."""
    if subject.untrained:
        return absent(_UNTRAINED)
    pairs = {"photograph": (subject.seen, subject.photograph)}
    if not subject.is_image:
        pairs["clip"] = (subject.first.video, subject.clip)
    levels = {name: psnr(given, original) for name, (given, original) in pairs.items()}
    flat = {name: psnr(_mean_colour(original), original) for name, (_, original) in pairs.items()}
    told = [f"{name} {shown(levels[name])}, its mean colour {shown(flat[name])}" for name in pairs]
    figures = {f"{name}_psnr": level for name, level in levels.items()}
    figures |= {f"{name}_mean_colour_psnr": level for name, level in flat.items()}
    worse = [text for name, text in zip(pairs, told, strict=True) if not levels[name] > flat[name]]
    if worse:
        return failed(f"worse than one colour: {'; '.join(worse)}: are these the right weights?", **figures)
    return passed("; ".join(told), **figures)


def _other_convention(subject: Subject, correlation: float) -> str | None:
    """What the network takes or gives instead of the contract's, in words; None where nothing fits clearly better."""
    original, seen = subject.photograph, subject.seen
    flat = psnr(_mean_colour(original), original)
    best, named = 0.0, None
    for name, (there, back, margin, most_correlation) in _CONVENTIONS.items():
        levels = {f"the network gives {name}": psnr(back(seen), original)}
        fed = _tried(subject, there(original)) if correlation <= most_correlation else None
        if fed is not None:
            levels[f"the network wants {name}"] = psnr(back(fed), original)
            levels[f"the network takes {name} in, but gives RGB in [-1, 1]"] = psnr(fed, original)
        for text, level in levels.items():
            gain = level - psnr(seen, original)
            if level > flat and gain > max(best, margin):
                best, named = gain, text
    return named


def _tried(subject: Subject, video: Tensor) -> Tensor | None:
    """What comes back of pixels of another convention; None where they are refused, as they may be."""
    try:
        out = subject.through_runner(video)
    except TokenBenchError:
        return None
    return out if bool(out.isfinite().all()) else None


def _fit(given: Tensor, original: Tensor) -> tuple[float, float, float]:
    """Slope, offset and correlation of given = slope x original + offset, over the means of cells."""
    x, y = (F.avg_pool2d(video[:, :, 0].double().cpu(), _CELL).flatten() for video in (original, given))
    covariance = torch.cov(torch.stack([x, y]))
    slope = (covariance[0, 1] / covariance[0, 0]).item()
    spread = (covariance[0, 0] * covariance[1, 1]).sqrt().item()
    correlation = covariance[0, 1].item() / spread if spread else 0.0
    return slope, (y.mean() - slope * x.mean()).item(), correlation


def _mean_colour(video: Tensor) -> Tensor:
    return video.double().mean(dim=(0, 2, 3, 4), keepdim=True).expand_as(video)
