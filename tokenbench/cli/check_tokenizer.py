"""`tokenbench check-tokenizer`: does a tokenizer do what the contract says?"""

from __future__ import annotations

from typing import Any

import click

from tokenbench.cli.options import DTYPES, settings_option


@click.command("check-tokenizer")
@click.argument("name", metavar="NAME|file.py:Class")
@click.option("--weights", metavar="PATH", help="File or folder of weights; 'random' for an untrained network.")
@settings_option
@click.option("--device", default="cpu", show_default=True, help="Torch device: cpu, cuda, cuda:1, ...")
@click.option("--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="Of the network.")
@click.option("--json", "as_json", is_flag=True, help="Every finding with its figures, as JSON.")
def command(name: str, weights: str | None, settings: dict[str, Any], device: str, dtype: str, as_json: bool) -> int:
    """Try a tokenizer on a clip and a photograph: shapes, ranges, repetition, batches, streams, precision.

    Exit code 1 where a check failed. What each check means: docs/checking.md.
    """
    import json

    import torch
    from tqdm import tqdm

    from tokenbench.checking import CHECKS, Subject, read_material, report, run_checks, summary
    from tokenbench.cli.show import table
    from tokenbench.datasets.catalog import open_dataset
    from tokenbench.evaluation.device import open_device
    from tokenbench.evaluation.windows import Compute
    from tokenbench.registry import load_tokenizer

    def load(compute: Compute) -> Any:
        return load_tokenizer(name, weights=weights, device=compute.device, dtype=compute.dtype, **settings)

    compute = Compute(open_device(device), getattr(torch, dtype))
    material = read_material(open_dataset("mini").clips)
    subject = Subject(load, compute, material, untrained=weights == "random")
    findings = {}
    with tqdm(total=len(CHECKS), desc=subject.info.name, unit="check", dynamic_ncols=True) as progress:
        for check, finding in run_checks(subject, progress.set_postfix_str):
            findings[check] = finding
            progress.update()
    if as_json:
        click.echo(json.dumps(report(subject, findings), indent=2, allow_nan=False))
    else:
        rows = [["check", "verdict", "finding"]]
        rows += [[check, finding.verdict, finding.text] for check, finding in findings.items()]
        click.echo(table(rows, numeric=[False] * 3))
        click.echo(f"{subject.info.name}: {summary(findings)}")
    return 1 if any(finding.verdict == "failed" for finding in findings.values()) else 0
