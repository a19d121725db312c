"""`tokenbench compare`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("compare")
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("reconstruction", type=click.Path(path_type=Path))
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames of each pair.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a result.json.")
@click.option("--clips", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a clips.csv.")
def command(reference: Path, reconstruction: Path, frames: int | None, out: Path | None, clips: Path | None) -> int:
    """Score RECONSTRUCTION against REFERENCE: two folders of videos or images, or two files.

    Files are paired by name. PSNR and SSIM are those of the public TokenBench script.
    """
    from tokenbench.cli.show import print_clips, print_result
    from tokenbench.evaluation.compare import compare
    from tokenbench.evaluation.result import write_clips, write_result

    comparison = compare(reference, reconstruction, frames=frames)
    print_clips(comparison.records)
    print_result(comparison.result)
    if out:
        write_result(out, comparison.result)
        click.echo(f"written to {out}")
    if clips:
        write_clips(clips, comparison.records)
        click.echo(f"written to {clips}")
    return 1 if comparison.result["failed"] else 0
