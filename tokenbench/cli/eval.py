"""`tokenbench eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenbench.cli.options import (
    DTYPES,
    engine_options,
    metrics_option,
    network_option,
    open_store,
    protocol_option,
    settings_option,
    shard_option,
    skip_option,
    store_limit_option,
    store_option,
    window_option,
    workers_option,
)
from tokenbench.cli.several import run_all
from tokenbench.cli.sweep import Sweep, sweep_option

if TYPE_CHECKING:
    from tokenbench.engine.shard import Shard

_STORAGES = ("none", "yuv444p", "yuv420p", "h264", "h264-qp28")


@click.command("eval")
@click.option(
    "--tokenizer",
    default="cosmos-cv-4x8x8-mini",
    show_default=True,
    metavar="NAME,...",
    help="Registered names, or path/to/file.py:ClassName; several are scored in one pass over the clips.",
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
@workers_option
@engine_options
@shard_option
@store_option
@store_limit_option
@click.option("--save-reconstructions", is_flag=True, help="Keep every reconstruction, losslessly, in OUT.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the results, or of one folder a tokenizer; by default under runs/, named after the settings.",
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
    workers: int,
    engine: str,
    address: str | None,
    shard: Shard | None,
    store: Path | None,
    store_limit: int | None,
    save_reconstructions: bool,
    out: Path | None,
) -> int:
    """Reconstruct a data set with a tokenizer and score it.

    Writes OUT/result.json, OUT/clips.csv and OUT/frames.csv. An interrupted run goes on where it stopped when the same
    command is given again. Several tokenizers, or the points of --sweep, have a run and a folder each.
    """
    import dataclasses
    from collections import Counter

    import torch

    from tokenbench.datasets.catalog import open_dataset
    from tokenbench.engine import chosen_engine
    from tokenbench.engine.shard import device_of_rank
    from tokenbench.evaluation.device import open_device
    from tokenbench.evaluation.measures import prepare
    from tokenbench.evaluation.protocol import Protocol
    from tokenbench.evaluation.runner import Evaluation
    from tokenbench.evaluation.windows import Compute
    from tokenbench.metrics.conventions import find_convention
    from tokenbench.registry import load_tokenizer, split_names

    names = sweep.points(tokenizer) if sweep else list(dict.fromkeys(split_names(tokenizer)))
    convention = find_convention(protocol)
    clips = open_dataset(dataset)
    if clips.note:
        click.echo(clips.note, err=True)
    clips = dataclasses.replace(clips, clips=clips.clips[:limit])
    device = device_of_rank(device)
    worked_by = chosen_engine(engine, workers, address=address, device=device)
    # On a cluster, this machine may lack what its nodes have.
    compute = Compute(torch.device(device) if engine == "ray" else open_device(device), getattr(torch, dtype))
    # Where others work, this process only describes what they load.
    here = compute.device if worked_by is None else torch.device("cpu")
    measures = prepare(
        metrics,
        here,
        given=networks,
        clips=Counter(clip.kind for clip in clips.clips),
        skip_unavailable=skip_unavailable,
    )

    kept = open_store(store, store_limit)
    if kept and convention.quantisation == "none":
        click.echo(f"the protocol {protocol} scores frames that are not 8-bit, which no store keeps", err=True)

    def open_run(name: str) -> Evaluation:
        return Evaluation(
            tokenizer=load_tokenizer(name, weights=weights, device=here, dtype=compute.dtype, **settings),
            dataset=clips,
            protocol=Protocol.of(convention, measures, frames=frames, window=window, storage=storage),
            compute=compute,
            settings=settings,
            measures=measures,
            tokens=tokens,
            save_reconstructions=save_reconstructions,
            store=kept,
            inputs={
                "tokenizer": name,
                "weights": weights,
                "dataset": dataset,
                "networks": networks,
                "tokens": tokens,
            },
        )

    return run_all(names, open_run, out, engine=worked_by, shard=shard, is_family=sweep is not None)
