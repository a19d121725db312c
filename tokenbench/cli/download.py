"""`tokenbench download`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("download")
def command() -> None:
    """Fetch raw data sets that their publishers give as lists of links."""


@command.command("panda70m")
@click.option(
    "--list",
    "list_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The list of the benchmark's authors, or one of Panda-70M's csv files.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="FOLDER", help="For the videos."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N videos of the list.")
@click.option(
    "--height",
    type=click.IntRange(min=1),
    default=360,
    show_default=True,
    metavar="N",
    help="The smallest stream of at least N lines is taken, or the largest that there is.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, metavar="N", help="Downloads at a time."
)
def panda70m(list_file: Path, out: Path, limit: int | None, height: int, workers: int) -> int:
    """Download the videos of Panda-70M that a list names, each once and whole, with yt-dlp.

    'panda70m:FOLDER' is the data set then: clips are cut out of the videos when they are read. The same command again
    goes on where it stopped. What cannot be had is listed at the end, and in FOLDER/failed.csv (exit code 1).
    """
    from tqdm import tqdm

    from tokenbench.datasets.download import FAILED, NOTICE, download, read_list

    clips = read_list(list_file, limit)
    click.echo(NOTICE, err=True)
    videos = len({clip.video for clip in clips})
    with tqdm(total=videos, desc="download", unit="video", dynamic_ncols=True) as progress:

        def on_video(video: str, trouble: str) -> None:
            progress.set_postfix_str(video)
            progress.update()

        failures = download(clips, out, height=height, workers=workers, on_video=on_video)
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    click.echo(
        f"{len(clips) - len(failures)} of {len(clips)} clips are there; read them as panda70m:{out}"
        + (f"; the others are listed in {out / FAILED}" if failures else "")
    )
    return 1 if failures else 0
