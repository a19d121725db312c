"""`tokenbench drift`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.cli.show import table

if TYPE_CHECKING:
    from tokenbench.evaluation.drift import DriftRow

_HEADER = ["convention", "what it reproduces", "PSNR", "- paper", "SSIM", "- paper", "note"]
_NUMERIC = [False, False, True, True, True, True, False]


@click.command("drift")
@click.argument("reference", type=click.Path(path_type=Path))
@click.argument("reconstruction", type=click.Path(path_type=Path))
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Only the first N frames.")
@click.option("--psnr", metavar="NUMBER", help="A PSNR as it is printed somewhere: sort by closeness to it.")
@click.option("--ssim", metavar="NUMBER", help="The same for an SSIM; both may be given.")
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the table.")
def command(
    reference: Path, reconstruction: Path, frames: int | None, psnr: str | None, ssim: str | None, out: Path | None
) -> None:
    """Score one RECONSTRUCTION of a REFERENCE under every convention that public code follows.

    Both are videos or images. RECONSTRUCTION may also be a .npy file, T x H x W x 3 or H x W x 3: float32 or float16
    in [0, 1] as the network gave them, or uint8.
    """
    import json

    from tokenbench.evaluation.drift import drift
    from tokenbench.evaluation.printed import Printed, ranked
    from tokenbench.files import write_text

    printed = {name: Printed.parse(text) for name, text in (("psnr", psnr), ("ssim", ssim)) if text is not None}
    found = drift(reference, reconstruction, frames=frames)
    click.echo(f"{reconstruction.name}: {found.frames} frames of {found.width}x{found.height}")
    rows = ranked(found.rows, printed) if printed else [(row, math.inf) for row in found.rows]
    cells = [[*_cells(row), row.note or _mark(distance, rows[0][1])] for row, distance in rows]
    click.echo(table([_HEADER, *cells], numeric=_NUMERIC))
    if out:
        write_text(out, json.dumps(found.as_dict(), indent=2) + "\n")
        click.echo(f"written to {out}")


def _cells(row: DriftRow) -> list[str]:
    numbers = ["-"] * 4
    if row.values:
        numbers = [
            f"{row.values['psnr']:.3f}",
            f"{row.difference['psnr']:+.3f}",
            f"{row.values['ssim']:.5f}",
            f"{row.difference['ssim']:+.5f}",
        ]
    return [row.convention.label, row.convention.tool, *numbers]


def _mark(distance: float, least: float) -> str:
    """Of a row: whether it would be printed like the numbers asked for, or comes closest to them."""
    if distance <= 1:
        return "prints the same"
    return "closest" if distance == least and distance < math.inf else ""
