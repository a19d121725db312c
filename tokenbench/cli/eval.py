"""`tokenbench eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tokenbench.cli.options import DTYPES, settings_option, window_option

_STORAGES = ("none", "yuv444p", "yuv420p", "h264")


@click.command("eval")
@click.option("--tokenizer", required=True, metavar="NAME", help="A registered name, or path/to/file.py:ClassName.")
@click.option(
    "--dataset",
    default="mini",
    show_default=True,
    metavar="NAME|FOLDER|TOML",
    help="Clips to score the tokenizer on.",
)
@click.option("--weights", metavar="PATH", help="File or folder of weights; 'random' for an untrained network.")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames of each clip.")
@window_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N clips.")
@click.option(
    "--storage",
    type=click.Choice(_STORAGES),
    default="none",
    show_default=True,
    help="What reconstructions go through before they are scored.",
)
@settings_option
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the network.")
@click.option("--save-reconstructions", is_flag=True, help="Keep every reconstruction, losslessly, in OUT.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the results; by default one under runs/ that is named after the settings.",
)
def command(
    tokenizer: str,
    dataset: str,
    weights: str | None,
    frames: int | None,
    window: int | None,
    limit: int | None,
    storage: str,
    settings: dict[str, Any],
    device: str,
    dtype: str,
    save_reconstructions: bool,
    out: Path | None,
) -> int:
    """Reconstruct a data set with a tokenizer and score it.

    Writes OUT/result.json and OUT/clips.csv. An interrupted run goes on where it stopped when the same command is
    given again.
    """
    import dataclasses

    import torch

    from tokenbench.cli.show import print_result
    from tokenbench.datasets.catalog import open_dataset
    from tokenbench.evaluation.protocol import Protocol
    from tokenbench.evaluation.runner import Evaluation, evaluate, open_device
    from tokenbench.evaluation.windows import Compute
    from tokenbench.registry import load_tokenizer

    clips = open_dataset(dataset)
    clips = dataclasses.replace(clips, clips=clips.clips[:limit])
    compute = Compute(open_device(device), getattr(torch, dtype))
    run = Evaluation(
        tokenizer=load_tokenizer(tokenizer, weights=weights, device=compute.device, dtype=compute.dtype, **settings),
        dataset=clips,
        protocol=Protocol(frames=frames, window=window, storage=storage),
        compute=compute,
        settings=settings,
        save_reconstructions=save_reconstructions,
    )
    out = out or Path("runs", f"{run.tokenizer.info.name}-{clips.name}-{run.fingerprint()[:8]}")
    result = evaluate(run, out)
    print_result(result)
    click.echo(f"written to {out}")
    return 1 if result["failed"] else 0
