"""`tokenbench eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenbench.cli.options import (
    DTYPES,
    metrics_option,
    network_option,
    protocol_option,
    settings_option,
    skip_option,
    window_option,
)
from tokenbench.cli.sweep import Sweep, run_points, sweep_option

if TYPE_CHECKING:
    from tokenbench.evaluation.result import Result

_STORAGES = ("none", "yuv444p", "yuv420p", "h264", "h264-qp28")


@click.command("eval")
@click.option(
    "--tokenizer",
    default="cosmos-cv-4x8x8-mini",
    show_default=True,
    metavar="NAME",
    help="A registered name, or path/to/file.py:ClassName.",
)
@click.option(
    "--dataset",
    default="mini",
    show_default=True,
    metavar="NAME|FOLDER|TOML",
    help="Clips to score the tokenizer on; also davis:FOLDER and other raw sets ('tokenbench list datasets').",
)
@sweep_option
@metrics_option
@protocol_option
@network_option
@skip_option
@click.option("--weights", metavar="PATH", help="File or folder of weights; 'random' for an untrained network.")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames of each clip.")
@window_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N clips.")
@click.option(
    "--storage",
    type=click.Choice(_STORAGES),
    default="none",
    show_default=True,
    help="What reconstructions go through before they are scored; h264-qp28 takes references there too.",
)
@settings_option
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the network.")
@click.option(
    "--tokens",
    type=click.Choice(("off", "count", "code")),
    default="count",
    show_default=True,
    help="Count how the tokens are used, and also write them with an entropy coder (slow) for their real rate.",
)
@click.option("--save-reconstructions", is_flag=True, help="Keep every reconstruction, losslessly, in OUT.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the results, with --sweep of one for each point; by default under runs/, named after the settings.",
)
def command(
    tokenizer: str,
    dataset: str,
    sweep: Sweep | None,
    metrics: tuple[str, ...],
    protocol: str,
    networks: dict[str, str],
    skip_unavailable: bool,
    weights: str | None,
    frames: int | None,
    window: int | None,
    limit: int | None,
    storage: str,
    settings: dict[str, Any],
    device: str,
    dtype: str,
    tokens: Any,
    save_reconstructions: bool,
    out: Path | None,
) -> int:
    """Reconstruct a data set with a tokenizer and score it.

    Writes OUT/result.json, OUT/clips.csv and OUT/frames.csv. An interrupted run goes on where it stopped when the same
    command is given again. With --sweep, every point has a run and a folder of its own.
    """
    import dataclasses
    from collections import Counter

    import torch

    from tokenbench.cli.show import print_result
    from tokenbench.datasets.catalog import open_dataset
    from tokenbench.evaluation.device import open_device
    from tokenbench.evaluation.measures import prepare
    from tokenbench.evaluation.protocol import Protocol
    from tokenbench.evaluation.runner import Evaluation, evaluate
    from tokenbench.evaluation.windows import Compute
    from tokenbench.files import safe_name
    from tokenbench.metrics.conventions import find_convention
    from tokenbench.registry import load_tokenizer

    points = sweep.points(tokenizer) if sweep else [tokenizer]
    convention = find_convention(protocol)
    clips = open_dataset(dataset)
    if clips.note:
        click.echo(clips.note, err=True)
    clips = dataclasses.replace(clips, clips=clips.clips[:limit])
    compute = Compute(open_device(device), getattr(torch, dtype))
    measures = prepare(
        metrics,
        compute.device,
        given=networks,
        clips=Counter(clip.kind for clip in clips.clips),
        skip_unavailable=skip_unavailable,
    )

    def evaluate_one(name: str) -> Result:
        run = Evaluation(
            tokenizer=load_tokenizer(name, weights=weights, device=compute.device, dtype=compute.dtype, **settings),
            dataset=clips,
            protocol=Protocol.of(convention, measures, frames=frames, window=window, storage=storage),
            compute=compute,
            settings=settings,
            measures=measures,
            tokens=tokens,
            save_reconstructions=save_reconstructions,
            inputs={
                "tokenizer": name,
                "weights": weights,
                "dataset": dataset,
                "networks": networks,
                "tokens": tokens,
            },
        )
        if out:
            folder = out / safe_name(name) if sweep else out
        else:
            title = safe_name(f"{run.tokenizer.info.name}-{clips.name}")
            folder = Path("runs", f"{title}-{run.fingerprint()[:8]}")
        result = evaluate(run, folder)
        print_result(result)
        click.echo(f"written to {folder}")
        return result

    return run_points(points, evaluate_one) if sweep else (1 if evaluate_one(tokenizer)["failed"] else 0)
