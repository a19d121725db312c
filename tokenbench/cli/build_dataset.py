"""`tokenbench build-dataset`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenbench.cli.options import engine_options, shard_option
from tokenbench.errors import printable

if TYPE_CHECKING:
    from tqdm import tqdm

    from tokenbench.datasets.building.plan import SetPlan
    from tokenbench.datasets.building.protocol import BuildProtocol
    from tokenbench.engine import Engine
    from tokenbench.engine.shard import Shard
    from tokenbench.media.clip import Clip


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
@engine_options
@shard_option
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
    engine: str,
    address: str | None,
    shard: Shard | None,
    dry_run: bool,
    out: Path | None,
) -> int:
    """Build benchmark clips from raw data sets on disk.

    SET is one of bdd100k, egoexo4d, bridge, panda70m, davis, coco, imagenet or folder. Writes OUT/SET.toml, which eval
    takes as --dataset, and the clips beside it. The same command again does only what is missing or changed: after
    those with --shard, the same without it writes the manifests.
    """
    from tokenbench.cli.show import table
    from tokenbench.datasets.building.estimate import estimate
    from tokenbench.datasets.building.plan import parse_set, plan_set, refuse_equal_names
    from tokenbench.datasets.building.protocol import read_protocol
    from tokenbench.datasets.official_list import read_official_list
    from tokenbench.datasets.review.decisions import read_decisions
    from tokenbench.engine import InProcess, chosen_engine
    from tokenbench.engine.shard import is_to_merge
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
        with _progress(sum(plan.wanted_clips for plan in plans)) as progress:
            progress.set_description("look")
            estimates = [estimate(plan, choices, progress.update) for plan in plans]
        header = ["set", "clips", "missing", "unreadable", "frames", "sizes", "about"]
        click.echo(
            table([header, *(each.row() for each in estimates)], numeric=[False, True, True, True, True, False, True])
        )
        return 0

    worked_by = chosen_engine(engine, workers or cores(), address=address) or InProcess()
    if shard:
        _build_shard(plans, choices, out, worked_by, shard)
        if not is_to_merge(shard):
            return 0
    return _build(plans, choices, out, worked_by)


def _build_shard(plans: Sequence[SetPlan], protocol: BuildProtocol, out: Path, engine: Engine, shard: Shard) -> None:
    from tokenbench.datasets.building.build import build_shard, locked_build, scenes_of

    total = sum(len(scene) for plan in plans for scene in scenes_of(plan, shard))
    left_out = 0
    with locked_build(out, shard), _progress(total) as progress:
        for plan in plans:
            progress.set_description(f"{plan.name} {shard}")
            left_out += build_shard(plan, protocol, out, engine, shard, _saying(progress))
    click.echo(f"shard {shard} is done, {left_out} clips left out; the same command without --shard ends the build")


def _build(plans: Sequence[SetPlan], protocol: BuildProtocol, out: Path, engine: Engine) -> int:
    from tokenbench.datasets.building.build import build_set, locked_build

    outcomes = []
    with locked_build(out), _progress(sum(plan.wanted_clips for plan in plans)) as progress:
        for plan in plans:
            progress.set_description(plan.name)
            outcomes.append(build_set(plan, protocol, out, engine, _saying(progress)))
    for plan, outcome in zip(plans, outcomes, strict=True):
        click.echo(f"{plan.name}: {outcome.summary()}")
        for entry in outcome.missing:
            click.echo(f"missing: {printable(entry)}", err=True)
    if any(outcome.built for outcome in outcomes):
        click.echo(f"written to {out}; score it with 'tokenbench eval --dataset {out} --tokenizer NAME'")
    return 0 if all(outcome.complete for outcome in outcomes) else 1


def _progress(clips: int) -> tqdm[Any]:
    from tqdm import tqdm

    return tqdm(total=clips, unit="clip", dynamic_ncols=True)


def _saying(progress: tqdm[Any]) -> Callable[[Clip, str], None]:
    """Shows a clip that is done, and what went wrong with it."""

    def on_clip(clip: Clip, trouble: str) -> None:
        progress.set_postfix_str(printable(clip.id))
        progress.update()
        if trouble:
            progress.write(f"left out: {printable(clip.id)}: {printable(trouble)}", file=sys.stderr)

    return on_clip
