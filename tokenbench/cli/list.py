"""`tokenbench list`."""

from __future__ import annotations

import dataclasses
import json

import click

from tokenbench.cli.show import table
from tokenbench.errors import printable
from tokenbench.tokenizer import TokenizerInfo


@click.group("list")
def command() -> None:
    """Show what there is."""


@command.command("tokenizers")
@click.option("--json", "as_json", is_flag=True, help="Every field of every card, as JSON.")
def tokenizers(as_json: bool) -> None:
    """Registered tokenizers, those of installed plug-ins included."""
    from tokenbench.registry import registered

    infos = [card.info for card in registered().values()]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(info) for info in infos], indent=2))
        return
    header = ["name", "kind", "modality", "TxHxW", "token", "bits/pixel", "parameters", "license", "weights"]
    numeric = [False, False, False, False, False, True, True, False, False]
    click.echo(table([header, *map(_row, infos)], numeric=numeric))


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
        info.weights,
    ]
