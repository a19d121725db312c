"""`tokenbench view`: originals and reconstructions side by side, on a page."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("view")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    default=Path("view"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for index.html and media/.",
)
@click.option("--clip", "clips", multiple=True, metavar="ID", help="Show this clip; may be given several times.")
@click.option(
    "--worst",
    type=click.IntRange(min=0),
    metavar="N",
    help="So many clips of lowest PSNR of each run, videos and photographs apart.  "
    "[default: 1, with --clip or --hardest 0]",
)
@click.option(
    "--disagreements",
    type=click.IntRange(min=0),
    metavar="N",
    help="So many clips whose PSNR differs most between two runs.  [default: 1, with --clip or --hardest 0]",
)
@click.option(
    "--hardest",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="So many clips of lowest PSNR in the mean over the runs, likewise.",
)
@click.option(
    "--stills",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Frames of a video, besides its worst.",
)
@click.option(
    "--loop",
    type=click.IntRange(min=0),
    default=48,
    show_default=True,
    metavar="N",
    help="Frames of the loop around the worst frame; 0 for none.",
)
@click.option(
    "--dataset", metavar="NAME|FOLDER|TOML", help="That the runs were made on, where it lies elsewhere by now."
)
@click.option(
    "--tokenizer",
    "tokenizers",
    multiple=True,
    metavar="NAME",
    help="A file.py:ClassName or jit: name of the runs, whose code may be run; may be given several times.",
)
@click.option("--device", help="Where reconstructions that no run saved are made anew; by default where the run was.")
def command(
    runs: tuple[Path, ...],
    out: Path,
    clips: tuple[str, ...],
    worst: int | None,
    disagreements: int | None,
    hardest: int,
    stills: int,
    loop: int,
    dataset: str | None,
    tokenizers: tuple[str, ...],
    device: str | None,
) -> int:
    """See the difference: a page with a few clips, their reconstructions and the errors.

    RUN is a folder written by 'tokenbench eval', or the path of its result.json. Reconstructions are those that
    'eval --save-reconstructions' kept, or else made anew for the clips shown. The same command again does only what is
    missing.
    """
    from tokenbench.viewing.recorded import find_dataset
    from tokenbench.viewing.subjects import load_subjects
    from tokenbench.viewing.view import Viewing, write_view

    found = 0 if clips or hardest else 1
    subjects = load_subjects(runs, tokenizers)
    page, failed = write_view(
        Viewing(
            subjects=subjects,
            dataset=find_dataset(subjects[0], dataset),
            clips=clips,
            worst=found if worst is None else worst,
            disagreements=found if disagreements is None else disagreements,
            hardest=hardest,
            stills=stills,
            loop=loop,
            device=device,
        ),
        out,
    )
    for line in failed:
        click.echo(f"not shown: {line}", err=True)
    click.echo(page)
    return 1 if failed else 0
