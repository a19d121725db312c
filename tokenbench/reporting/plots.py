"""Which figures a leaderboard has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from tokenbench.reporting.curves import has_rate
from tokenbench.reporting.domain_bars import draw_domain_bars
from tokenbench.reporting.figures import Plot
from tokenbench.reporting.formats import GRID, NOTHING, RATE, compression, quantity
from tokenbench.reporting.frame_curves import draw_frame_curves
from tokenbench.reporting.leaderboard import Group, Row, Table, file_slug, unique_names
from tokenbench.reporting.scatter import Price, draw_scatter
from tokenbench.reporting.speed import Times

# Those that papers draw; against the rate there is a figure for every metric.
_HEADLINES = ("psnr", "ssim", "fvd", "fid")


def draw_plots(group: Group, table: Table, speeds: Mapping[str, Times] | None = None) -> list[Plot]:
    """The figures of one leaderboard; what no row has values for is left out.

    Args:
        group: of the leaderboard.
        table: the leaderboard.
        speeds: times, by the setting that they were taken in; None draws no figure against them.
    """
    prefix = f"{group.slug}-{table.slug}"
    slugs = dict(zip(table.qualities, unique_names([file_slug(name) for name in table.qualities]), strict=True))
    headlines = [name for name in _HEADLINES if name in slugs]
    plots = [draw_scatter(group, table, name, _RATE, f"{prefix}-{slugs[name]}") for name in table.qualities]
    for price, word in _further_prices(speeds or {}):
        plots += [draw_scatter(group, table, name, price, f"{prefix}-{slugs[name]}-{word}") for name in headlines]
    plots += [draw_domain_bars(group, table, name, f"{prefix}-{slugs[name]}-domains") for name in headlines]
    plots.append(draw_frame_curves(group, table, f"{prefix}-frames"))
    return [plot for plot in plots if plot]


def _further_prices(speeds: Mapping[str, Times]) -> Iterator[tuple[Price, str]]:
    """With a word for the names of files."""
    yield _COMPRESSION, "compression"
    words = unique_names([file_slug(f"speed-{setting}") for setting in speeds])
    for (setting, times), word in zip(speeds.items(), words, strict=True):
        yield _time(setting, times), word


def _rate(row: Row) -> float | None:
    return row.rate if has_rate(row) else None


def _compression(row: Row) -> float | None:
    """Pixels a token; a codec has no tokens."""
    tokenizer = row.run.tokenizer
    known = tokenizer.compression is not None and compression(tokenizer) != NOTHING
    return float(math.prod(tokenizer.compression or ())) if known else None


def _time(setting: str, times: Times) -> Price:
    axis = "Encode and decode, ms an image or frame"
    return Price(f"time ({setting})", axis, lambda row: times.get(row.run.tokenizer.name), "Not timed")


_RATE = Price("rate", quantity(RATE).title, _rate, "Without a rate or a value, hence not drawn", curves=True)
_COMPRESSION = Price("compression", f"Pixels per token, {GRID}", _compression, "Without tokens or a value")
