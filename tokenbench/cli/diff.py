"""`tokenbench diff`: do runs over the same clips differ?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tokenbench.reporting.diff import Diff
    from tokenbench.reporting.differences import Difference

EXIT_LIMIT_BROKEN = 3


@click.command("diff")
@click.argument("first", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("others", nargs=-1, required=True, metavar="RUN_B [RUN_C]...", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this one; may be given several times.")
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write as JSON.")
@click.option(
    "--fail-if",
    "limits",
    multiple=True,
    metavar="'METRIC<NUMBER'",
    help="Exit with 3 where a run's mean difference to RUN_A is below (<) or above (>) it; may be given several times.",
)
@click.option("--significant", is_flag=True, help="With --fail-if: only where the difference is significant as well.")
def command(
    first: Path,
    others: tuple[Path, ...],
    metrics: tuple[str, ...],
    out: Path | None,
    limits: tuple[str, ...],
    significant: bool,
) -> int:
    """Compare later runs with RUN_A, clip by clip, and rank all of them.

    A run is a folder written by 'tokenbench eval', or the path of its result.json. Runs must share protocol, storage
    and data set. Means, differences and tests are over the clips that both runs scored.
    """
    from tokenbench.reporting.diff import diff_runs, write_diff
    from tokenbench.reporting.gate import broken_gates, read_gate
    from tokenbench.reporting.runs import load_run

    if significant and not limits:
        raise click.UsageError("--significant needs --fail-if")
    gates = [read_gate(text) for text in limits]
    diff = diff_runs([load_run(path) for path in (first, *others)], metrics)
    _print(diff)
    if out:
        write_diff(out, diff)
        click.echo(f"written to {out}")
    broken = broken_gates(gates, diff, significant=significant)
    for line in broken:
        click.echo(f"failed: {line}", err=True)
    return EXIT_LIMIT_BROKEN if broken else 0


def _print(diff: Diff) -> None:
    """Which runs, each later one against the first, and the ranks of all."""
    from tokenbench.cli.show import table

    rows = [["run", "tokenizer", "folder"]]
    rows += [[label, run.tokenizer.name, str(run.folder)] for label, run in diff.runs.items()]
    click.echo(table(rows, numeric=[False] * 3))
    for label in list(diff.runs)[1:]:
        _print_run(diff, label)
    if diff.rankings:
        rows = [["ranks", "metric", *diff.runs]]
        for ranking in diff.rankings:
            places = [str(ranking.ranks.get(label, "-")) for label in diff.runs]
            rows.append([ranking.media, ranking.metric, *places])
        click.echo("\n" + table(rows, numeric=[False, False, *[True] * len(diff.runs)]))
    _print_notes(diff)


def _print_run(diff: Diff, label: str) -> None:
    from tokenbench.cli.show import table

    means = ["mean A", f"mean {label}", f"{label} - A", "95 % interval"]
    rows = [["media", "metric", "n", *means, "p", "adjusted", "verdict"]]
    rows += [_cells(row) for row in diff.rows if row.run == label and not row.reason]
    if len(rows) > 1:
        click.echo("\n" + table(rows, numeric=[False, False, *[True] * 7, False]))
    else:
        click.echo(f"\n{label} and A have nothing to compare")
    for row in diff.rows:
        if row.run == label and row.reason:
            click.echo(f"not compared: {row.name}: {row.reason}")
    for overlap in diff.overlaps:
        if overlap.run == label:
            alone = f"{overlap.only_a} in A alone, {overlap.only_b} in {label} alone"
            click.echo(f"clips ({overlap.media}): {overlap.both} in both, {alone}")


def _cells(row: Difference) -> list[str]:
    name = row.metric if row.unit in ("", "1") else f"{row.metric} ({row.unit})"
    interval = f"[{_number(row, row.ci95[0], '+')}, {_number(row, row.ci95[1], '+')}]" if row.ci95 else "-"
    return [
        row.media,
        name,
        "-" if row.n is None else str(row.n),
        _number(row, row.mean_a),
        _number(row, row.mean_b),
        _number(row, row.difference, "+"),
        interval,
        _probability(row.significance.p_value if row.significance else None),
        _probability(row.adjusted),
        row.verdict or "-",
    ]


def _number(row: Difference, value: float | None, sign: str = "") -> str:
    """With a digit more than a leaderboard has, since differences are small."""
    from tokenbench.reporting.formats import quantity

    decimals = quantity(row.metric).decimals
    return "-" if value is None else f"{value:{sign}.4g}" if decimals is None else f"{value:{sign}.{decimals + 1}f}"


def _probability(value: float | None) -> str:
    return "-" if value is None else "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _print_notes(diff: Diff) -> None:
    """What the numbers are, once."""
    tests = sorted({row.significance.test for row in diff.rows if row.significance})
    if not tests:
        return
    count = sum(row.significance is not None for row in diff.rows)
    clustered = any(row.clusters != row.n for row in diff.rows if row.significance)
    click.echo(f"\np: {'; '.join(tests)}, two-sided; adjusted for {count} comparisons (Holm)")
    click.echo(f"95 % interval: paired bootstrap over {'sources' if clustered else 'clips'}")
