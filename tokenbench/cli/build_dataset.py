"""`tokenbench build-dataset`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tokenbench.errors import printable


@click.command("build-dataset")
@click.argument("sets", nargs=-1, required=True, metavar="SET:FOLDER...")
@click.option(
    "--protocol",
    default="script",
    show_default=True,
    metavar="NAME|TOML",
    help="Which clips are taken and what is done to them: script, text, native, or a file of one's own.",
)
@click.option(
    "--official-list",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The list of the benchmark's clips, from its authors' repository; takes the place of a draw.",
)
@click.option(
    "--storage", metavar="NAME", help="lossless, h264, h264-qp28, h264-crf17, ...; by default the protocol's."
)
@click.option("--seed", type=click.IntRange(min=0), help="Of draws; by default the protocol's.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; by default one a core.")
@click.option("--dry-run", is_flag=True, help="Show what would be built and how much disk it takes, and stop.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the build; by default datasets/tokenbench-PROTOCOL.",
)
def command(
    sets: tuple[str, ...],
    protocol: str,
    official_list: Path | None,
    storage: str | None,
    seed: int | None,
    workers: int | None,
    dry_run: bool,
    out: Path | None,
) -> int:
    """Build benchmark clips from raw data sets on disk.

    SET is one of bdd100k, egoexo4d, bridge, panda70m, davis, coco, imagenet or folder. Writes OUT/SET.toml, which eval
    takes as --dataset, and the clips beside it. The same command again does only what is missing or changed.
    """
    from tqdm import tqdm

    from tokenbench.cli.show import table
    from tokenbench.datasets.building.build import STATE, build_set
    from tokenbench.datasets.building.estimate import estimate
    from tokenbench.datasets.building.plan import parse_set, plan_set, refuse_equal_names
    from tokenbench.datasets.building.protocol import read_protocol
    from tokenbench.datasets.official_list import read_official_list
    from tokenbench.datasets.review.decisions import read_decisions
    from tokenbench.files import locked
    from tokenbench.media.clip import Clip
    from tokenbench.parallel import cores

    choices = read_protocol(protocol).changed(storage=storage, seed=seed)
    official = read_official_list(official_list) if official_list else None
    out = out or Path("datasets", f"tokenbench-{choices.name}")
    decisions = read_decisions(out)
    plans = [plan_set(source, root, choices, official, decisions) for source, root in map(parse_set, sets)]
    refuse_equal_names(plans)
    for plan in plans:
        for line in plan.remarks():
            click.echo(line, err=True)
    if dry_run:
        with tqdm(
            total=sum(plan.wanted_clips for plan in plans), desc="look", unit="clip", dynamic_ncols=True
        ) as progress:
            estimates = [estimate(plan, choices, progress.update) for plan in plans]
        header = ["set", "clips", "missing", "unreadable", "frames", "sizes", "about"]
        click.echo(
            table([header, *(each.row() for each in estimates)], numeric=[False, True, True, True, True, False, True])
        )
        return 0

    complete = True
    busy = f"{out}: another build is writing there; wait for it or choose another --out"
    total = sum(plan.wanted_clips for plan in plans)
    with locked(out / STATE / "lock", busy), tqdm(total=total, unit="clip", dynamic_ncols=True) as progress:

        def on_clip(clip: Clip, trouble: str) -> None:
            progress.set_postfix_str(printable(clip.id))
            progress.update()
            if trouble:
                progress.write(f"left out: {printable(clip.id)}: {printable(trouble)}", file=sys.stderr)

        outcomes = []
        for plan in plans:
            progress.set_description(plan.name)
            outcomes.append(build_set(plan, choices, out, workers or cores(), on_clip))
    for plan, outcome in zip(plans, outcomes, strict=True):
        complete = complete and outcome.complete
        click.echo(f"{plan.name}: {outcome.summary()}")
        for entry in outcome.missing:
            click.echo(f"missing: {printable(entry)}", err=True)
    if any(outcome.built for outcome in outcomes):
        click.echo(f"written to {out}; score it with 'tokenbench eval --dataset {out} --tokenizer NAME'")
    return 0 if complete else 1
