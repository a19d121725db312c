"""`tokenbench compare`."""

from __future__ import annotations

from pathlib import Path

import click

from tokenbench.cli.options import metrics_option, network_option, protocol_option, skip_option


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
    out: Path | None,
    clips: Path | None,
) -> int:
    """Score RECONSTRUCTION against REFERENCE: two folders of videos or images, or two files.

    Files are paired by name. PSNR and SSIM are those of the public TokenBench script, unless --protocol names others.
    """
    from tokenbench.cli.show import print_clips, print_result
    from tokenbench.evaluation.compare import compare
    from tokenbench.evaluation.measures import prepare
    from tokenbench.evaluation.result import write_clips, write_result
    from tokenbench.metrics.conventions import find_convention

    convention = find_convention(protocol)
    measures = prepare(metrics, device, given=networks, skip_unavailable=skip_unavailable)
    comparison = compare(
        reference, reconstruction, frames=frames, measures=measures, convention=convention, run=run, device=device
    )
    print_clips(comparison.records)
    print_result(comparison.result)
    if run:
        click.echo(f"written to {run}")
    if out:
        write_result(out, comparison.result)
        click.echo(f"written to {out}")
    if clips:
        write_clips(clips, comparison.records)
        click.echo(f"written to {clips}")
    return 1 if comparison.result["failed"] else 0
