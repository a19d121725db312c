"""`tokenbench probe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenbench.cli.options import DTYPES, settings_option, window_option
from tokenbench.cli.show import table

if TYPE_CHECKING:
    from tokenbench.probing.run import Outcome


@click.command("probe")
@click.argument("tokenizer", metavar="NAME")
@click.option("--only", default="", metavar="PROBE,...", help="Only these probes, such as flat,zone-plate.")
@click.option("--weights", metavar="PATH", help="File or folder of weights; 'random' for an untrained network.")
@click.option("--size", type=click.IntRange(min=64), default=256, show_default=True, help="Of patterns, in pixels.")
@click.option("--frames", type=click.IntRange(min=5), default=17, show_default=True, help="Of moving patterns.")
@window_option
@settings_option
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the network.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the results; by default one under runs/ that is named after the settings.",
)
def command(
    tokenizer: str,
    only: str,
    weights: str | None,
    size: int,
    frames: int,
    window: int | None,
    settings: dict[str, Any],
    device: str,
    dtype: str,
    out: Path | None,
) -> int:
    """Show synthetic patterns to a tokenizer and say what is wrong with what comes back.

    NAME is a registered name, or path/to/file.py:ClassName. Writes OUT/index.html, OUT/probe.json and a picture for
    each probe. No data set is needed.
    """
    import re

    import torch

    from tokenbench.evaluation.device import open_device
    from tokenbench.evaluation.windows import Compute
    from tokenbench.probing.catalog import find_probes
    from tokenbench.probing.probe import Subject
    from tokenbench.probing.report import write_report
    from tokenbench.probing.run import digest, record, run_probes
    from tokenbench.registry import load_tokenizer

    probes = find_probes([name.strip() for name in only.split(",") if name.strip()])
    compute = Compute(open_device(device), getattr(torch, dtype))
    subject = Subject(
        tokenizer=load_tokenizer(tokenizer, weights=weights, device=compute.device, dtype=compute.dtype, **settings),
        compute=compute,
        window=window,
        size=size,
        frames=frames,
        settings=settings,
    )
    name = re.sub(r"[^\w.-]+", "-", subject.tokenizer.info.name)
    out = out or Path("runs", f"probe-{name}-{digest(subject, probes)[:8]}")
    outcome = run_probes(subject, probes)
    write_report(record(subject, probes, outcome), outcome, out)
    _print(outcome)
    click.echo(f"written to {out}; open {out / 'index.html'}")
    return 1 if outcome.failed else 0


def _print(outcome: Outcome) -> None:
    """All figures, then a line for each probe."""
    rows = [["probe", "figure", "value", "unit"]]
    for name, finding in outcome.findings.items():
        rows += [[name, figure.name, figure.text, figure.unit] for figure in finding.figures]
    if len(rows) > 1:
        click.echo(table(rows, numeric=[False, False, True, False]))
        click.echo()
    lines = [["", "probe", "verdict"]]
    for name, finding in outcome.findings.items():
        lines.append(["fault" if finding.faults else "ok", name, finding.verdict])
    lines += [["-", name, f"does not apply: {reason}"] for name, reason in outcome.skipped.items()]
    click.echo(table(lines, numeric=[False, False, False]))
    for name, error in outcome.failed.items():
        click.echo(f"failed: {name}: {error}", err=True)
