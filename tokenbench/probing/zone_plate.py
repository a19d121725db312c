"""Zone plate: which frequencies come back, and which come back as others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokenbench.probing.patterns import ZONE_PLATE_AMPLITUDE, zone_plate, zone_plate_phase
from tokenbench.probing.probe import Figure, Finding, Levels, Plot, Probe, Subject, verdict_of

# Of rings of one frequency, in cycles/pixel. Next to 1/2 a cosine and a sine are hard to tell apart.
_FIRST, _LAST, _STEP = 0.05, 0.45, 0.025
_SECTORS = 16
# Three unknowns are fitted to each sector.
_FEWEST_PIXELS = 32

_HALF = 0.5
# Half of what 8-bit pixels can carry.
_BLUR_LIMIT = 0.25
# Share of a ring's energy: contrast of 1/5 at frequencies that were not there.
_FOLDED_LIMIT = 0.04


def _run(subject: Subject) -> Finding:
    pattern = zone_plate(subject.size)
    reconstruction = subject.reconstruct_still(pattern)
    frequencies, contrast, folded = responses(reconstruction)
    half = half_contrast(frequencies, contrast)
    worst = int(np.argmax(folded))
    problems = {}
    if half is not None and half < _BLUR_LIMIT:
        problems["blur"] = f"contrast falls below 1/2 at {half:.3f} cycles/pixel (pixels could carry 0.5)"
    if folded[worst] >= _FOLDED_LIMIT:
        problems["aliasing"] = (
            f"{folded[worst]:.0%} of the energy at {frequencies[worst]:.3f} cycles/pixel comes back at others"
        )
    reach = "never falls below 1/2" if half is None else f"falls below 1/2 at {half:.3f} cycles/pixel"
    verdict, faults = verdict_of(problems, f"contrast {reach}, and hardly any energy moves to other frequencies")
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("contrast at 0.1 cycles/pixel", float(np.interp(0.1, frequencies, contrast))),
            Figure("contrast at 0.25 cycles/pixel", float(np.interp(0.25, frequencies, contrast))),
            Figure("contrast at 0.4 cycles/pixel", float(np.interp(0.4, frequencies, contrast))),
            Figure("contrast falls below 1/2 at", half, "cycles/pixel"),
            Figure("folded energy, worst", folded[worst]),
            Figure("folded energy, worst at", frequencies[worst], "cycles/pixel"),
            Figure("folded energy, mean", float(np.mean(folded))),
        ),
        pattern=pattern,
        reconstruction=reconstruction,
        plot=Plot(
            x_label="spatial frequency (cycles/pixel)",
            y_label="share of the pattern",
            curves={"contrast": (frequencies, contrast), "energy at other frequencies": (frequencies, folded)},
            mark=_HALF,
        ),
    )


def responses(reconstruction: Levels) -> tuple[list[float], list[float], list[float]]:
    """Contrast over spatial frequency, of a reconstructed zone plate.

    In each sector of each ring of one frequency, A cos(phase) + B sin(phase) is fitted. Contrast is the mean over the
    sectors of sqrt(A^2 + B^2), as a share of the pattern's amplitude; folded is the energy that the fit leaves, as a
    share of the pattern's. The green channel stands for all.

    Args:
        reconstruction: H x H x 3 in [0, 255].

    Returns:
        Frequencies in cycles/pixel, contrast, and folded energy as shares of 1.
    """
    size = len(reconstruction)
    across = np.arange(size) - (size - 1) / 2
    frequency = np.hypot(across[:, None], across) / size
    angle = np.arctan2(across[:, None], across)
    phase = zone_plate_phase(size)
    values = reconstruction[..., 1].astype(np.float64)
    values = (values - values[frequency < 0.5].mean()) / ZONE_PLATE_AMPLITUDE
    centres = np.arange(_FIRST, _LAST + _STEP / 2, _STEP)
    contrast, folded = [], []
    for centre in centres:
        ring = np.flatnonzero(np.abs(frequency - centre).ravel() < _STEP / 2)
        count = int(np.clip(len(ring) // _FEWEST_PIXELS, 1, _SECTORS))
        sector = ((angle.ravel()[ring] + np.pi) / (2 * np.pi) * count).astype(int) % count
        fits = [_fit(values.ravel()[part], phase.ravel()[part]) for part in (ring[sector == k] for k in range(count))]
        contrast.append(float(np.mean([amplitude for amplitude, _ in fits])))
        folded.append(float(np.mean([left for _, left in fits])) / 0.5)
    return centres.tolist(), contrast, folded


def half_contrast(frequencies: Sequence[float], contrast: Sequence[float]) -> float | None:
    """Where contrast first falls below 1/2, between the frequencies that were measured; None where it does not."""
    for number, value in enumerate(contrast):
        if value < _HALF:
            if number == 0:
                return frequencies[0]
            before = contrast[number - 1]
            share = (before - _HALF) / (before - value)
            return frequencies[number - 1] + share * (frequencies[number] - frequencies[number - 1])
    return None


def _fit(values: NDArray[np.float64], phase: NDArray[np.float64]) -> tuple[float, float]:
    """Amplitude of the pattern in `values`, and the mean square of what it leaves."""
    waves = np.stack([np.cos(phase), np.sin(phase)], axis=1)
    weights = np.linalg.lstsq(waves, values, rcond=None)[0]
    return float(np.hypot(*weights)), float(np.square(values - waves @ weights).mean())


PROBE = Probe(
    name="zone-plate",
    title="Zone plate",
    shows="Rings from 0 to 1/2 cycles/pixel. Lays bare loss of sharpness over frequency, and aliasing.",
    source="Drewery, BBC Research Department Report 1978/23",
    run=_run,
)
