"""`tokenbench train`."""

from __future__ import annotations

from pathlib import Path

import click

from tokenbench.cli.options import network_option


@click.command("train")
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of the recipe, such as optimiser.lr=1e-4; repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Of the run; by default one under runs/ that is named after the recipe.",
)
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run, and refuse to begin a new one.")
@network_option
def command(
    recipes: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path | None,
    device: str,
    resume: bool,
    networks: dict[str, str],
) -> int:
    """Train a tokenizer by a recipe: a TOML file, or the name of one that comes with TokenBench.

    \b
      tokenbench train tiny --set 'data.sources=["FOLDER"]'
      tokenbench train cv-4x8x8 stage1 --device cuda
      torchrun --nproc-per-node 8 -m tokenbench train cv-4x8x8 stage1 --device cuda

    Of several recipes, later ones are laid over earlier ones. Ctrl-C writes a checkpoint; the same command again goes
    on where the last checkpoint was. The weights are written to FOLDER at the end. Exit code 1: the training diverged
    and was stopped.
    """  # noqa: D301 (click wants the character, not a backslash)
    from tokenbench.trainers import find_trainer, trainer_of

    train = find_trainer(trainer_of(recipes))
    stopped = train(
        recipes, overrides=overrides, out=out, device=device, resume=resume, networks=networks, say=click.echo
    )
    if stopped:
        click.echo(f"tokenbench: stopped at {stopped}", err=True)
    return 1 if stopped else 0
