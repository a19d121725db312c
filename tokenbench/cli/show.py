"""Results as text on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.errors import printable

if TYPE_CHECKING:
    from tokenbench.evaluation.record import ClipRecord
    from tokenbench.evaluation.result import MetricValue, Result
    from tokenbench.tokens.batch import Outcome

_DIGITS = {
    **dict.fromkeys(("psnr", "psnr-frame", "psnr-uint8wrap", "seam"), 3),
    **dict.fromkeys(("ssim", "ms-ssim"), 5),
    "bits_per_pixel": 4,
    "vmaf": 2,
}
_MEDIA = {"video": "videos", "image": "photographs"}


def table(rows: Sequence[Sequence[str]], *, numeric: Sequence[bool]) -> str:
    """Columns aligned under the first row; numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def print_clips(records: Sequence[ClipRecord]) -> None:
    """One line a clip."""
    if not records:
        return
    metrics = list(dict.fromkeys(name for record in records for name in record.values))
    rows = [["clip", "frames", "size", *metrics]]
    for record in records:
        values = [_number(name, record.values[name]) if name in record.values else "-" for name in metrics]
        rows.append([printable(record.clip), str(record.frames), f"{record.width}x{record.height}", *values])
    click.echo(table(rows, numeric=[False, True, True, *[True] * len(metrics)]))


def print_result(result: Result) -> None:
    """Means with their intervals, videos and photographs apart; failures last."""
    sections = [(f"{section['clips']} {_MEDIA[kind]}", section["metrics"]) for kind, section in result["media"].items()]
    rows = [["over", "metric", "mean", "95 % interval", "unit"]]
    rows += [[over, *_cells(name, value)] for over, metrics in sections for name, value in metrics.items()]
    click.echo(f"{result['tokenizer']['name']} on {result['dataset']['name']} ({result['dataset']['protocol']})")
    if len(rows) > 1:
        click.echo(table(rows, numeric=[False, False, True, True, False]))
    for over, metrics in sections:
        for name, value in metrics.items():
            if warning := value.get("warning"):
                click.echo(f"{name} over {over}: {warning}", err=True)
    for name, reason in result["unavailable"].items():
        click.echo(f"unavailable: {name}: {reason}", err=True)
    for metric, reasons in _skipped(result).items():
        more = f" (and {len(reasons) - 1} clips more)" if len(reasons) > 1 else ""
        click.echo(f"no {metric} of {reasons[0]}{more}", err=True)
    for failure in result["failed"]:
        click.echo(f"failed: {printable(failure['clip'])}: {printable(failure['error'])}", err=True)


def print_curve(results: Sequence[Result]) -> None:
    """Means of several results, a line each: rate first, then quality; videos and photographs apart."""
    parts = [(kind, result) for kind in _MEDIA for result in results if kind in result["media"]]
    present = (name for kind, result in parts for name in result["media"][kind]["metrics"])
    metrics = list(dict.fromkeys(["bits_per_pixel", *present]))
    rows = [["over", "tokenizer", *metrics]]
    for kind, result in parts:
        section = result["media"][kind]
        means = {name: value["value"] for name, value in section["metrics"].items()}
        numbers = [_mean(name, means.get(name)) for name in metrics]
        rows.append([f"{section['clips']} {_MEDIA[kind]}", result["tokenizer"]["name"], *numbers])
    click.echo(table(rows, numeric=[False, False, *[True] * len(metrics)]))


def _skipped(result: Result) -> dict[str, list[str]]:
    """Clip and reason, by metric."""
    reasons: dict[str, list[str]] = {}
    for skipped in result["skipped"]:
        reasons.setdefault(skipped["metric"], []).append(f"{printable(skipped['clip'])}: {skipped['reason']}")
    return reasons


def print_outcome(outcome: Outcome, out: Path) -> None:
    """How many files were written and where; failures last."""
    there = f", {outcome.skipped} there already" if outcome.skipped else ""
    click.echo(f"{outcome.written} written to {out}{there}")
    for name, error in outcome.failed:
        click.echo(f"failed: {printable(name)}: {printable(error)}", err=True)


def _cells(name: str, value: MetricValue) -> list[str]:
    mean, (low, high) = value["value"], value["ci95"]
    if mean is None or low is None or high is None:
        return [name, "-", "-", value["unit"]]
    interval = f"[{_number(name, low)}, {_number(name, high)}]" if value["n"] > 1 else "-"
    return [name, _number(name, mean), interval, "" if value["unit"] == "1" else value["unit"]]


def _mean(name: str, value: float | None) -> str:
    return "-" if value is None else _number(name, value)


def _number(name: str, value: float) -> str:
    """With the digits that a reader wants: a fixed number of decimals where that is known, else four significant."""
    return f"{value:.{_DIGITS[name]}f}" if name in _DIGITS else f"{value:.4g}"
