"""`tokenbench detokenize`."""

from __future__ import annotations

from pathlib import Path

import click

from tokenbench.cli.options import DTYPES

_FORMATS = ("mkv", "mp4")


@click.command("detokenize")
@click.argument("tokens", nargs=-1, required=True, metavar="TOKENS...", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="For the clips."
)
@click.option(
    "--tokenizer",
    metavar="NAME",
    help="In place of the one that the files name; file.py:ClassName and jit: names are run only if they stand here.",
)
@click.option("--weights", metavar="PATH", help="File or folder of weights; 'random' for an untrained network.")
@click.option("--any-weights", is_flag=True, help="Accept other weights than those that the tokens were made with.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(_FORMATS),
    default="mkv",
    show_default=True,
    help="Of videos: mkv is FFV1, lossless; mp4 is H.264, to look at.",
)
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(DTYPES), help="Of the network; by default that which made the tokens.")
@click.option("--overwrite", is_flag=True, help="Replace clips that are there.")
def command(
    tokens: tuple[Path, ...],
    out: Path,
    tokenizer: str | None,
    weights: str | None,
    any_weights: bool,
    file_format: str,
    device: str,
    dtype: str | None,
    overwrite: bool,
) -> int:
    """Turn token files, or folders of them, back into clips.

    Writes DIR/NAME.mkv for every video and DIR/NAME.png for every image, with the tokenizer and settings that the
    files name. Clips that are there already and were made from the same tokens stay.
    """
    import torch

    from tokenbench.cli.show import print_outcome
    from tokenbench.evaluation.device import open_device
    from tokenbench.tokens import Decoding, detokenize_files

    decoding = Decoding(
        device=open_device(device),
        dtype=getattr(torch, dtype) if dtype else None,
        tokenizer=tokenizer,
        weights=weights,
        any_weights=any_weights,
        suffix=f".{file_format}",
        overwrite=overwrite,
    )
    outcome = detokenize_files(tokens, out, decoding)
    print_outcome(outcome, out)
    return 1 if outcome.failed else 0
