"""`tokenbench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.cli.options import (
    engine_options,
    metrics_option,
    network_option,
    protocol_option,
    shard_option,
    skip_option,
    workers_option,
)

if TYPE_CHECKING:
    from tokenbench.engine.shard import Shard


@click.command("compare")
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("reconstruction", type=click.Path(path_type=Path))
@metrics_option
@protocol_option
@network_option
@skip_option
@click.option("--device", default="cpu", show_default=True, help="Torch device of the networks that metrics need.")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames of each pair.")
@click.option(
    "--run",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep what is done in FOLDER, as eval does: an interrupted comparison goes on there.",
)
@workers_option
@engine_options
@shard_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a result.json.")
@click.option("--clips", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a clips.csv.")
def command(
    reference: Path,
    reconstruction: Path,
    metrics: tuple[str, ...],
    protocol: str,
    networks: dict[str, str],
    skip_unavailable: bool,
    device: str,
    frames: int | None,
    run: Path | None,
    workers: int,
    engine: str,
    address: str | None,
    shard: Shard | None,
    out: Path | None,
    clips: Path | None,
) -> int:
    """Score RECONSTRUCTION against REFERENCE: two folders of videos or images, or two files.

    Files are paired by name. PSNR and SSIM are those of the public TokenBench script, unless --protocol names others.
    """
    from tokenbench.cli.show import print_clips, print_result
    from tokenbench.engine import chosen_engine
    from tokenbench.engine.shard import device_of_rank, is_to_merge
    from tokenbench.evaluation.compare import Comparison, compare, compare_shard
    from tokenbench.evaluation.measures import prepare
    from tokenbench.evaluation.result import write_clips, write_result
    from tokenbench.evaluation.shards import merge
    from tokenbench.metrics.conventions import find_convention

    if shard and (out or clips or not run):
        raise click.UsageError(
            "--shard needs --run FOLDER, and neither --out nor --clips: 'tokenbench merge' writes them"
        )
    device = device_of_rank(device)
    convention = find_convention(protocol)
    worked_by = chosen_engine(engine, workers, address=address, device=device)
    here = device if worked_by is None else "cpu"
    comparison = Comparison(
        reference=reference,
        reconstruction=reconstruction,
        frames=frames,
        measures=prepare(metrics, here, given=networks, skip_unavailable=skip_unavailable),
        convention=convention,
        device=device,
    )
    if shard and run:
        state = compare_shard(comparison, run, shard, worked_by)
        click.echo(f"shard {shard} is done, {len(state.failed)} pairs failed; in {run}")
        if is_to_merge(shard):
            print_result(merge([run], run))
        elif shard.launched:
            return 0
        return 1 if state.failed else 0
    result, records = compare(comparison, run, worked_by)
    print_clips(records)
    print_result(result)
    if run:
        click.echo(f"written to {run}")
    if out:
        write_result(out, result)
        click.echo(f"written to {out}")
    if clips:
        write_clips(clips, records)
        click.echo(f"written to {clips}")
    return 1 if result["failed"] else 0
