"""`tokenbench doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.cli.options import optional_names
from tokenbench.errors import printable

if TYPE_CHECKING:
    from tokenbench.doctor import Section


@click.command("doctor")
@click.option(
    "--tokenizer", "tokenizers", multiple=True, metavar="NAME", help="A planned one; may be given several times."
)
@click.option("--metrics", metavar="NAME,...", callback=optional_names, help="Planned ones.")
@click.option(
    "--dataset", metavar="NAME|FOLDER|TOML", help="A planned one, as for eval; also davis:FOLDER and the like."
)
@click.option("--device", help="A planned one: cpu, cuda, cuda:1, ...")
@click.option("--out", type=click.Path(path_type=Path), help="Planned folder of results.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
def command(
    tokenizers: tuple[str, ...],
    metrics: tuple[str, ...],
    dataset: str | None,
    device: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """What would run here, what is missing, and how to get it: nothing is loaded, fetched or written.

    With options, what one planned evaluation needs; exit code 1 where something of that is missing.
    """
    import json

    from tokenbench.doctor import Plan, examine, lacking, report

    plan = Plan(tokenizers=tokenizers, metrics=metrics, dataset=dataset, device=device, out=out)
    sections = []
    for section in examine(plan):
        sections.append(section)
        if not as_json:
            _print(section)
    missing = lacking(sections)
    if as_json:
        click.echo(json.dumps(report(sections), indent=2))
    elif missing:
        click.echo(f"{len(missing)} needed and missing: {'; '.join(line.what for line in missing)}")
    else:
        click.echo("nothing that is needed is missing" if plan.is_empty else "everything that this plan needs is there")
    return 1 if missing else 0


def _print(section: Section) -> None:
    click.echo(section.title)
    width = max((len(line.what) for line in section.lines), default=0)
    for line in section.lines:
        click.echo(f"  {line.state:7}  {printable(line.what).ljust(width)}  {printable(line.found)}".rstrip())
        if line.remedy:
            click.echo(f"           {printable(line.remedy)}")
