"""White noise: how much of what cannot be compressed comes back, and as what."""

from __future__ import annotations

import numpy as np

from tokenbench.probing.patterns import GREY, white_noise
from tokenbench.probing.probe import Figure, Finding, Probe, Subject, verdict_of

_DEVIATION = 20.0
_BORDER_SHARE = 8

# More energy than went in is the tokenizer's own.
_AMPLIFIED = 1.1

_LUMA = np.ones(3) / 3**0.5


def _run(subject: Subject) -> Finding:
    border = subject.size // _BORDER_SHARE
    clip = white_noise(subject.still_frames, subject.size, _DEVIATION)
    reconstruction = subject.reconstruct(clip)
    shown = clip[-1, border:-border, border:-border].astype(np.float64) - GREY
    seen = reconstruction[-1, border:-border, border:-border].astype(np.float64)
    seen -= seen.mean(axis=(0, 1))
    kept = _share(seen, shown)
    luma = _share(seen @ _LUMA, shown @ _LUMA)
    chroma = _share(_without_luma(seen), _without_luma(shown))
    energy = _energy(seen) / _energy(shown)
    other = _energy(seen - kept * shown) / _energy(shown)
    problems = {}
    if energy >= _AMPLIFIED:
        problems["amplified"] = f"noise comes back with {energy:.0%} of its energy"
    verdict, faults = verdict_of(
        problems,
        f"{kept:.0%} of white noise comes back as it was ({luma:.0%} of its luma, {chroma:.0%} of its colours), and"
        f" {other:.0%} of its energy as something else",
    )
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("passes, of the amplitude", kept),
            Figure("passes, of luma", luma),
            Figure("passes, of colours", chroma),
            Figure("energy that comes back", energy),
            Figure("energy that is something else", other),
        ),
        pattern=clip[-1],
        reconstruction=reconstruction[-1],
    )


def _share(seen: np.ndarray, shown: np.ndarray) -> float:
    """The factor of `shown` that is nearest to `seen`."""
    return float((seen * shown).sum() / np.square(shown).sum())


def _energy(values: np.ndarray) -> float:
    return float(np.square(values).mean())


def _without_luma(values: np.ndarray) -> np.ndarray:
    return values - (values @ _LUMA)[..., None] * _LUMA


PROBE = Probe(
    name="noise",
    title="White noise",
    shows="Gaussian noise of 20 levels around mid grey, new in each frame. Lays bare how much of it passes.",
    source="projection of the reconstruction on the noise that was shown",
    run=_run,
)
