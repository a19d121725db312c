"""`tokenbench reproduce`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.cli.options import DTYPES

if TYPE_CHECKING:
    from tokenbench.reproduction.reproduce import Work


def _parse_data(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """NAME=FOLDER texts as a dictionary."""
    folders: dict[str, str] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals or not name or not folder:
            raise click.BadParameter(f"{text!r} is not NAME=FOLDER")
        if name in folders:
            raise click.BadParameter(f"{name!r} is given twice")
        folders[name] = folder
    return folders


@click.command("reproduce")
@click.argument("tables", nargs=-1, required=True, metavar="TABLE...")
@click.option(
    "--data",
    multiple=True,
    metavar="NAME=FOLDER",
    callback=_parse_data,
    help="Where a data set lies: davis, tokenbench (a built folder), coco or imagenet; may be given several times.",
)
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames of each clip.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N clips of each data set.")
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the networks.")
@click.option(
    "--throughput",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="What 'tokenbench throughput' wrote: the times of Table 9.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be run, and what is lacking.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("reproduction"),
    show_default=True,
    help="Folder of the tables, and of the runs behind them.",
)
def command(
    tables: tuple[str, ...],
    data: dict[str, str],
    frames: int | None,
    limit: int | None,
    device: str,
    dtype: str,
    throughput: Path | None,
    dry_run: bool,
    out: Path,
) -> int:
    """Measure tables of the Cosmos paper (5 to 9, or all) and set them beside the published values.

    Runs the tokenizers whose weights are installed on the data sets that are given, and downloads nothing. A table of
    which no data set is given is measured on the embedded set mini, and says so. Writes OUT/table5.md, .csv and .tex;
    the same command again goes on where it stopped.
    """
    from tokenbench.reproduction.measure import Settings
    from tokenbench.reproduction.reproduce import plan_work, reproduce
    from tokenbench.reproduction.timing import timings_of
    from tokenbench.throughput.record import read_records

    work = plan_work(tables, data, limit=limit, frames=frames)
    if dry_run:
        for each in work:
            _print_plan(each)
        return 0
    timings = timings_of(read_records(throughput)) if throughput else []
    settings = Settings(device=device, dtype=dtype, frames=frames)
    failed = False
    for each in work:
        done = reproduce(each, settings, out, partial(_say, each.table.number), timings)
        click.echo(done.files[0].read_text(encoding="utf-8"))
        click.echo(f"written to {', '.join(map(str, done.files))}")
        failed |= done.failed
    return 1 if failed else 0


def _say(number: int, text: str) -> None:
    click.echo(f"Table {number}: {text}", err=True)


def _print_plan(work: Work) -> None:
    """One line for each row and data set, then what to do about what is lacking."""
    from tokenbench.cli.show import table
    from tokenbench.reproduction.measure import missing_networks

    click.echo(f"Table {work.table.number}: {work.table.title}")
    if not work.jobs:
        click.echo("parameters are counted; times come from 'tokenbench throughput'\n")
        return
    rows = [["tokenizer", "data", "window", "storage", "what"]]
    for job in work.jobs:
        words = (job.row.tokenizer, job.section.title, str(job.row.window or "-"), job.section.storage)
        rows.append([*words, ", ".join(reason.partition(":")[0] for reason in job.lacking) or "run"])
    click.echo(table(rows, numeric=[False, False, True, False, False]))
    for reason in dict.fromkeys(reason for job in work.jobs for reason in job.lacking):
        click.echo(reason)
    for name, reason in missing_networks(work.table.metrics).items():
        click.echo(f"{name}: {reason}")
    click.echo()
