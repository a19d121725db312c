"""`tokenbench verify`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tokenbench.errors import printable


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1, metavar="[SET:FOLDER]...")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; by default one a core.")
def command(folder: Path, sources: tuple[str, ...], workers: int | None) -> int:
    """Check a built FOLDER against its manifests: digests, and frames, size and rate as decoded.

    With raw data sets behind it, as build-dataset takes them, the digests of the source files are checked too.
    """
    from tqdm import tqdm

    from tokenbench.datasets.building.plan import parse_set
    from tokenbench.datasets.manifest import read_entries
    from tokenbench.datasets.verify import manifests_of, verify
    from tokenbench.parallel import cores

    given = {source.name: (source, root) for source, root in map(parse_set, sources)}
    total = sum(len(read_entries(manifest)[1]) for manifest in manifests_of(folder))
    wrong = 0
    with tqdm(total=total, desc="verify", unit="clip", dynamic_ncols=True) as progress:

        def on_clip(name: str, problems: list[str]) -> None:
            nonlocal wrong
            wrong += bool(problems)
            progress.update()
            for problem in problems:
                progress.write(f"wrong: {printable(name)}: {printable(problem)}", file=sys.stderr)

        verify(folder, given, workers or cores(), on_clip)
    click.echo(
        f"{total} clips checked, {wrong} wrong" if wrong else f"{total} clips checked, all as their manifests say"
    )
    return 1 if wrong else 0
