"""`tokenbench rescore`."""

from __future__ import annotations

from pathlib import Path

import click

from tokenbench.cli.options import (
    network_option,
    open_store,
    optional_names,
    recorded_run_options,
    store_limit_option,
    store_option,
    workers_option,
)


@click.command("rescore")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--metrics",
    required=True,
    metavar="NAME,...",
    callback=optional_names,
    help="What to add; 'tokenbench list metrics' shows all there is.",
)
@recorded_run_options
@network_option
@store_option
@store_limit_option
@workers_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the new run; by default RUN with the metrics behind its name.",
)
def command(
    run: Path,
    metrics: tuple[str, ...],
    device: str | None,
    tokenizer: str | None,
    weights: str | None,
    dataset: str | None,
    networks: dict[str, str],
    store: Path | None,
    store_limit: int | None,
    workers: int,
    out: Path | None,
) -> int:
    """Give a RUN further metrics, in a folder of its own.

    The values that RUN has are taken over. What is missing comes from the store, or is measured of the reconstructions
    that RUN or the store has kept, or of such that are made again; how many is said. Refused where clips, weights,
    networks or definitions are not the run's any more.
    """
    from tokenbench.cli.show import print_result
    from tokenbench.engine import local_engine
    from tokenbench.verification.claim import read_claim
    from tokenbench.verification.rescore import rescore

    claim = read_claim(
        run,
        typed=[tokenizer] if tokenizer else [],
        device=device,
        tokenizer=tokenizer,
        weights=weights,
        dataset=dataset,
        networks=networks,
    )
    folder = claim.run.folder
    out = out or folder.with_name("+".join([folder.resolve().name, *metrics]))
    engine = local_engine(workers) if workers > 1 else None
    result = rescore(claim, metrics, out, store=open_store(store, store_limit), engine=engine)
    print_result(result)
    click.echo(f"written to {out}")
    return 1 if result["failed"] else 0
