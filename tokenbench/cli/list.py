"""`tokenbench list`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import click

from tokenbench.cli.show import table
from tokenbench.errors import printable
from tokenbench.tokenizer import Kind, Modality, TokenizerInfo

if TYPE_CHECKING:
    from tokenbench.readiness import Readiness


@click.group("list")
def command() -> None:
    """Show what there is."""


@command.command("tokenizers")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only these.")
@click.option("--modality", type=click.Choice(get_args(Modality)), help="Only these.")
@click.option("--ready", is_flag=True, help="Only those that can be used at once.")
@click.option("--json", "as_json", is_flag=True, help="Every field of every card, and what is missing, as JSON.")
def tokenizers(kind: str | None, modality: str | None, ready: bool, as_json: bool) -> None:
    """Registered tokenizers, those of installed plug-ins included, and which of them can be used at once.

    Names that are too many to list: codecs at any quality (h264-crf30), diffusers:REPOSITORY, jit:ENCODER,DECODER.
    """
    from tokenbench.readiness import readiness
    from tokenbench.registry import registered

    found = [
        (card.info, readiness(card))
        for card in registered().values()
        if kind in (None, card.info.kind) and modality in (None, card.info.modality)
    ]
    found = [(info, now) for info, now in found if now.state == "ready" or not ready]
    if as_json:
        entries = [{**dataclasses.asdict(info), "readiness": now.state, "hint": now.hint} for info, now in found]
        click.echo(json.dumps(entries, indent=2))
        return
    header = ["name", "kind", "modality", "TxHxW", "token", "bits/pixel", "parameters", "license", "readiness"]
    numeric = [False, False, False, False, False, True, True, False, False]
    click.echo(table([header, *([*_row(info), now.state] for info, now in found)], numeric=numeric))
    for line in _advice([now for _, now in found]):
        click.echo(line, err=True)


@command.command("datasets")
def datasets() -> None:
    """Data sets that come with TokenBench, and raw ones that it reads; any folder of videos or images is one too."""
    from tokenbench.datasets.catalog import available
    from tokenbench.datasets.sources import SOURCES

    for name, path in available().items():
        click.echo(f"{name}  {path}")
    for source in SOURCES.values():
        click.echo(f"{source.name}:FOLDER  {source.title} ({source.home}; {source.license})")


@command.command("clips")
@click.argument("dataset", metavar="NAME|FOLDER|TOML")
@click.option("--probe", is_flag=True, help="Open every clip: its frames, rate, size and rotation.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N clips.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one clip a line.")
def clips(dataset: str, probe: bool, limit: int | None, as_json: bool) -> int:
    """The clips of a data set, raw ones included (bdd100k:FOLDER): every candidate, described."""
    from tokenbench.datasets.catalog import open_dataset
    from tokenbench.datasets.describe import describe

    found = open_dataset(dataset)
    if found.note:
        click.echo(found.note, err=True)
    failed = 0
    if not as_json:
        click.echo("\t".join(["id", "domain", "source", *(("frames", "fps", "size", "rotation") if probe else ())]))
    for clip in found.clips[:limit]:
        description = describe(clip, probe=probe)
        if description.error:
            failed += 1
            click.echo(f"failed: {printable(clip.id)}: {printable(description.error)}", err=True)
        elif as_json:
            click.echo(json.dumps({k: v for k, v in dataclasses.asdict(description).items() if v is not None}))
        else:
            click.echo("\t".join(map(printable, description.row())))
    return 1 if failed else 0


@command.command("metrics")
def metrics() -> None:
    """Everything that can be measured, and the trained networks that it needs."""
    from tokenbench.metrics.catalog import IMPLIED, METRICS

    better = {True: "higher", False: "lower", None: "-"}
    rows = [
        [info.name, info.over, info.media, better[info.higher_is_better], info.network or "-", info.definition]
        for info in METRICS.values()
        if info.name not in IMPLIED
    ]
    header = ["name", "over", "media", "better", "network", "definition"]
    click.echo(table([header, *rows], numeric=[False] * len(header)))


@command.command("protocols")
def protocols() -> None:
    """By whose conventions PSNR and SSIM can be computed, and how benchmarks can be built."""
    from tokenbench.datasets.building.protocol import protocols as build_protocols
    from tokenbench.datasets.building.protocol import read_protocol
    from tokenbench.metrics.conventions import CONVENTIONS

    rows = [[convention.label, convention.tool] for convention in CONVENTIONS.values()]
    click.echo(table([["eval --protocol", "reproduces"], *rows], numeric=[False, False]))
    rows = [[name, read_protocol(name).about] for name in build_protocols()]
    click.echo("\n" + table([["build-dataset --protocol", "builds"], *rows], numeric=[False, False]))


def _advice(found: Sequence[Readiness]) -> list[str]:
    """What to do about those that are not ready, a line for each kind of lack."""
    commands = sorted({now.hint for now in found if now.state == "package missing"})
    lines = [f"package missing: {command}" for command in commands]
    if any(now.state == "weights missing" for now in found):
        lines.append(
            "weights missing: 'tokenbench weights fetch NAME'; where a card names no repository, --json says how"
        )
    return lines


def _row(info: TokenizerInfo) -> list[str]:
    if info.vocabulary:
        token = f"1 of {info.vocabulary}"
    elif info.latent_channels:
        token = f"{info.latent_channels} values"
    else:
        token = "bytes"
    return [
        info.name,
        info.kind,
        info.modality,
        "x".join(map(str, info.compression)),
        token,
        "measured" if info.bits_per_pixel is None else f"{info.bits_per_pixel:.3g}",
        f"{info.parameters / 1e6:.1f} M" if info.parameters else "-",
        info.license,
    ]
