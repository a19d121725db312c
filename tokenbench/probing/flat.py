"""Flat fields: whatever structure comes back is the tokenizer's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tokenbench.probing.grids import Grid, Seams, find_grid, find_seams, without_grid
from tokenbench.probing.patterns import Frames, flat
from tokenbench.probing.probe import Figure, Finding, Levels, Plot, Probe, Subject, verdict_of

_COLOURS = {
    "black": (0, 0, 0),
    "dark grey": (64, 64, 64),
    "mid grey": (128, 128, 128),
    "light grey": (191, 191, 191),
    "white": (255, 255, 255),
    "red": (191, 64, 64),
    "green": (64, 191, 64),
    "blue": (64, 64, 191),
}

# Networks pad their borders, and what that does is measured apart.
_BORDER_SHARE = 8

_POWERS_OF_TWO = (2, 4, 8, 16, 32, 64)
# A period is a mean over whole cells; fewer of them would take noise for a pattern.
_FEWEST_CELLS = 3
# Longer periods than that and the token's are called tiles.
_LONGEST_GRID = 16

# In levels of 8 bits. Rounding to 8-bit YCbCr and back to RGB, as codecs do, moves a colour by one.
_SHIFT_LIMIT = 1.5
_GRID_LIMIT = 0.25
_BORDER_LIMIT = 1.0


@dataclass(frozen=True)
class _Field:
    """One colour and what came back of it, in levels; all but `border` of the interior."""

    name: str
    pattern: Frames
    reconstruction: Levels
    shift: float
    deviation: float
    grid: Grid
    seams: Seams
    border: float

    @property
    def has_grid(self) -> bool:
        return self.grid.rms >= _GRID_LIMIT


def _run(subject: Subject) -> Finding:
    fields = [_field(subject, name, colour) for name, colour in _COLOURS.items()]
    shifted = max(fields, key=lambda field: abs(field.shift))
    gridded = max(fields, key=lambda field: field.grid.rms)
    seamed = max(fields, key=lambda field: field.seams.step)
    bordered = max(fields, key=lambda field: field.border)
    token = max(subject.tokenizer.info.compression[1:])
    problems = {}
    if abs(shifted.shift) >= _SHIFT_LIMIT:
        side = "bright" if shifted.shift > 0 else "dark"
        problems["shift"] = f"{shifted.name} comes back {abs(shifted.shift):.1f} levels too {side}"
    if gridded.has_grid:
        fault, what = _named(gridded.grid.period, token)
        problems[fault] = f"{what}, of {gridded.grid.rms:.2f} levels RMS, lies over {gridded.name}"
    if seamed.seams.step:
        where = " and ".join(filter(None, (_listed("x", seamed.seams.columns), _listed("y", seamed.seams.rows))))
        problems["seams"] = f"{seamed.name} has seams of {seamed.seams.step:.2f} levels at {where}"
    if bordered.border >= _BORDER_LIMIT:
        pixels = subject.size // _BORDER_SHARE
        problems["border"] = f"the outer {pixels} pixels of {bordered.name} are {bordered.border:.1f} levels RMS worse"
    verdict, faults = verdict_of(problems, "flat fields come back flat, with no grid and no seams")
    shown = seamed if seamed.seams.step else gridded if gridded.has_grid else shifted
    periods = list(gridded.grid.energies)
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("mean shift, worst", shifted.shift, "levels"),
            Figure("mean shift, worst colour", shifted.name),
            Figure("deviation in a field, worst", max(field.deviation for field in fields), "levels RMS"),
            Figure("grid", gridded.grid.rms, "levels RMS"),
            Figure("grid period", gridded.grid.period or None, "pixels"),
            Figure("at the token's period", _at(gridded.grid, token), "levels RMS"),
            Figure("seam, strongest", seamed.seams.step, "levels"),
            Figure("border against interior", bordered.border, "levels RMS"),
        ),
        pattern=shown.pattern,
        reconstruction=shown.reconstruction,
        plot=Plot(
            x_label="period (pixels)",
            y_label="what repeats (levels RMS)",
            curves={gridded.name: (periods, [gridded.grid.energies[period] ** 0.5 for period in periods])},
            mark=_GRID_LIMIT,
        ),
    )


def _field(subject: Subject, name: str, colour: tuple[int, int, int]) -> _Field:
    border = subject.size // _BORDER_SHARE
    inner = slice(border, -border)
    pattern = flat(subject.size, colour)
    reconstruction = subject.reconstruct_still(pattern)
    residual = reconstruction - pattern.astype(np.float64)
    interior = residual[inner, inner]
    means = interior.mean(axis=(0, 1))
    grid = find_grid(interior, _periods(subject, len(interior)))
    rest = without_grid(interior, grid.period) if grid.rms >= _GRID_LIMIT else interior
    return _Field(
        name=name,
        pattern=pattern,
        reconstruction=reconstruction,
        shift=float(means[np.abs(means).argmax()]),
        deviation=_rms(interior - means),
        grid=grid,
        seams=find_seams(rest, offset=border),
        border=max(0.0, _rms_outside(residual - means, border) - _rms(interior - means)),
    )


def _periods(subject: Subject, side: int) -> list[int]:
    """Divisors of the token's sides, which cover its patches, and powers of two, which cover tiles."""
    divisors = [
        period
        for token in subject.tokenizer.info.compression[1:]
        for period in range(2, token + 1)
        if token % period == 0
    ]
    return sorted({period for period in (*divisors, *_POWERS_OF_TWO) if period * _FEWEST_CELLS <= side})


def _named(period: int, token: int) -> tuple[str, str]:
    """The fault that a pattern of that period is, and what to call it."""
    if period > max(token, _LONGEST_GRID):
        return "seams", f"a pattern of tiles ({period} pixels)"
    if period == token:
        return "grid", f"the token grid ({period} pixels)"
    inside = f", inside of the tokens' {token}" if period < token else ""
    return "grid", f"a grid ({period} pixels{inside})"


def _at(grid: Grid, period: int) -> float | None:
    return grid.energies[period] ** 0.5 if period in grid.energies else None


def _listed(axis: str, places: tuple[int, ...]) -> str:
    if not places:
        return ""
    return f"{axis} = {', '.join(map(str, places[:4]))}{', ...' if len(places) > 4 else ''}"


def _rms_outside(values: np.ndarray, border: int) -> float:
    """Of the outer pixels of H x W x 3."""
    outside = np.ones(values.shape[:2], bool)
    outside[border:-border, border:-border] = False
    return _rms(values[outside])


def _rms(values: np.ndarray) -> float:
    return float(np.square(values).mean()) ** 0.5


PROBE = Probe(
    name="flat",
    title="Flat fields",
    shows="Five greys and three colours. Lays bare grids, seams of tiles, wrong borders and shifts of the mean.",
    source="means over cells of one size, less what noise leaves in them (tokenbench.probing.grids)",
    run=_run,
)
