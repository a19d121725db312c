"""`tokenbench throughput`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tokenbench.cli.options import DTYPES, settings_option

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)


def _parse_sizes(context: click.Context, parameter: click.Parameter, given: str | None) -> list[tuple[int, int]]:
    """HxW texts with commas between them, as pairs."""
    sizes = []
    for text in _parts(given):
        match = _SIZE.fullmatch(text)
        if match is None:
            raise click.BadParameter(f"{text!r} is no height and width, such as 720x1280")
        sizes.append((int(match[1]), int(match[2])))
    return sizes


def _parse_numbers(context: click.Context, parameter: click.Parameter, given: str | None) -> list[int]:
    """Whole numbers with commas between them."""
    numbers = []
    for text in _parts(given):
        if not text.isdecimal() or int(text) < 1:
            raise click.BadParameter(f"{text!r} is no whole number from 1 on")
        numbers.append(int(text))
    return numbers


def _parts(given: str | None) -> list[str]:
    return [] if given is None else [text.strip() for text in given.split(",")]


@click.command("throughput")
@click.option(
    "--tokenizer",
    "tokenizers",
    required=True,
    multiple=True,
    metavar="NAME,...",
    help="Registered names, or path/to/file.py:ClassName; may be given several times.",
)
@click.option(
    "--size",
    "sizes",
    metavar="HxW,...",
    callback=_parse_sizes,
    help="Height and width. By default the paper's: 1024x1024 for images, 720x1280 for video.",
)
@click.option(
    "--frames",
    metavar="N,...",
    callback=_parse_numbers,
    help="Of clips. By default the paper's for each tokenizer; else those of its window.",
)
@click.option(
    "--batch",
    "batches",
    default="1",
    show_default=True,
    metavar="N,...",
    callback=_parse_numbers,
    help="Images or clips in one call.",
)
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1")
@click.option("--dtype", type=click.Choice(DTYPES), help="Of the network; by default bfloat16 on cuda, float32 on cpu.")
@click.option("--compile/--no-compile", "compiled", default=False, show_default=True, help="Use torch.compile.")
@click.option(
    "--warmup", type=click.IntRange(min=1), default=3, show_default=True, help="Round trips that are not timed."
)
@click.option("--repeats", type=click.IntRange(min=1), default=10, show_default=True, help="Round trips that are.")
@click.option(
    "--weights",
    metavar="PATH",
    help="File or folder of weights. By default a tokenizer's own, or random ones where they are not here.",
)
@settings_option
@click.option("--again", is_flag=True, help="Measure rows that OUT has already, too.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/throughput"),
    show_default=True,
    help="Folder of the results.",
)
def command(
    tokenizers: tuple[str, ...],
    sizes: list[tuple[int, int]],
    frames: list[int],
    batches: list[int],
    device: str,
    dtype: str | None,
    compiled: bool,
    warmup: int,
    repeats: int,
    weights: str | None,
    settings: dict[str, Any],
    again: bool,
    out: Path,
) -> int:
    """Time tokenizers: encode and decode, memory, arithmetic.

    Writes OUT/throughput.json, .csv, .md and .tex; what OUT has already is not measured again. Exit code 1 where a
    row failed; "out of memory" is a result.
    """
    from tokenbench.cli.show import table
    from tokenbench.throughput.case import plan
    from tokenbench.throughput.run import run_cases
    from tokenbench.throughput.tables import sections

    cases = plan(
        tokenizers,
        sizes=sizes,
        frames=frames,
        batches=batches,
        device=device,
        dtype=dtype,
        weights=weights,
        settings=settings,
        compile=compiled,
        warmup=warmup,
        repeats=repeats,
    )
    rows = run_cases(cases, out, again=again)
    for section in sections(rows):
        click.echo(section.title)
        click.echo(table([section.headers, *section.rows], numeric=section.numeric))
        for note in section.notes:
            click.echo(note)
        click.echo()
    click.echo(f"written to {out}")
    return 1 if any(row["status"] == "failed" for row in rows) else 0
