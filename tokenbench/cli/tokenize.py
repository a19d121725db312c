"""`tokenbench tokenize`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tokenbench.cli.options import DTYPES, settings_option, window_option

_FORMATS = ("safetensors", "npz")


@click.command("tokenize")
@click.argument("videos", nargs=-1, required=True, metavar="VIDEO...", type=click.Path(path_type=Path))
@click.option("--tokenizer", required=True, metavar="NAME", help="A registered name, or path/to/file.py:ClassName.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="For the token files."
)
@click.option("--weights", metavar="PATH", help="File or folder of weights; 'random' for an untrained network.")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames of each clip.")
@window_option
@click.option(
    "--format", "file_format", type=click.Choice(_FORMATS), default="safetensors", show_default=True, help="Of files."
)
@settings_option
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the network.")
@click.option("--overwrite", is_flag=True, help="Replace token files that are there.")
def command(
    videos: tuple[Path, ...],
    tokenizer: str,
    out: Path,
    weights: str | None,
    frames: int | None,
    window: int | None,
    file_format: str,
    settings: dict[str, Any],
    device: str,
    dtype: str,
    overwrite: bool,
) -> int:
    """Turn videos and images, or folders of them, into token files.

    Writes DIR/NAME.safetensors for every clip. Files that are there already and were made in the same way stay, so
    that an interrupted run goes on where it stopped when the same command is given again.
    """
    import torch

    from tokenbench.cli.show import print_outcome
    from tokenbench.evaluation.device import open_device
    from tokenbench.registry import load_tokenizer
    from tokenbench.tokens import Compute, Encoding, tokenize_files

    compute = Compute(open_device(device), getattr(torch, dtype))
    encoding = Encoding(
        name=tokenizer,
        tokenizer=load_tokenizer(tokenizer, weights=weights, device=compute.device, dtype=compute.dtype, **settings),
        compute=compute,
        settings=settings,
        frames=frames,
        window=window,
    )
    outcome = tokenize_files(videos, out, encoding, suffix=f".{file_format}", overwrite=overwrite)
    print_outcome(outcome, out)
    return 1 if outcome.failed else 0
