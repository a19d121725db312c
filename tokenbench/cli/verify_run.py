"""`tokenbench verify-run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenbench.cli.options import network_option, recorded_run_options
from tokenbench.errors import printable

if TYPE_CHECKING:
    from tokenbench.verification.verify import Value, Verification

EXIT_NOT_HELD = 1


@click.command("verify-run")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--clips", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="How many to score again."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random sample of clips.")
@recorded_run_options
@network_option
def command(
    run: Path,
    clips: int,
    seed: int,
    device: str | None,
    tokenizer: str | None,
    weights: str | None,
    dataset: str | None,
    networks: dict[str, str],
) -> int:
    """Score some clips of a RUN again and say whether its values hold.

    RUN is a folder written by 'tokenbench eval', or the path of its result.json. Paths that the run names are relative
    to the folder of its command. Its own files are checked against each other too, and the weights, manifest and
    definitions here against the run's. Exit code 0 where all of it holds, else 1.
    """
    from tokenbench.verification.claim import read_claim
    from tokenbench.verification.verify import verify_run

    claim = read_claim(
        run,
        typed=[tokenizer] if tokenizer else [],
        device=device,
        tokenizer=tokenizer,
        weights=weights,
        dataset=dataset,
        networks=networks,
    )
    verification = verify_run(claim, clips, seed)
    _print(verification)
    return 0 if verification.holds else EXIT_NOT_HELD


def _print(verification: Verification) -> None:
    """The values, then what is different here, then what does not hold."""
    from tokenbench.cli.show import table

    if verification.values:
        rows = [["clip", "metric", "recorded", "measured", "difference", "verdict"]]
        rows += [_cells(value) for value in verification.values]
        click.echo(table(rows, numeric=[False, False, True, True, True, False]))
        click.echo(f"\nasked for: {verification.likeness.words}")
    for difference in verification.likeness.differences:
        click.echo(f"differs: {printable(difference)}")
    if verification.left_out:
        click.echo(
            f"not scored again: {', '.join(verification.left_out)}: of the whole set, which some clips cannot tell"
        )
    for line in verification.wrong:
        click.echo(f"wrong: {printable(line)}", err=True)
    values = verification.values
    held, count = sum(value.holds for value in values), len({value.clip for value in values})
    if not values:
        click.echo("no clip was scored again")
    else:
        of = "" if verification.holds else f" of {len(values)}"
        click.echo(f"{held}{of} values of {count} clips hold")


def _cells(value: Value) -> list[str]:
    recorded, measured = value.recorded, value.measured
    difference = "-" if recorded is None or measured is None else f"{measured - recorded:+.3g}"
    return [
        printable(value.clip),
        value.metric,
        *("-" if number is None else f"{number:.6g}" for number in (recorded, measured)),
        "0" if recorded == measured else difference,
        "holds" if value.holds else "off",
    ]
