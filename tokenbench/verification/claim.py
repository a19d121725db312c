"""What a run says of itself: everything that scoring its clips again needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.token_meter import TokenWork
from tokenbench.reporting.records import WRITE_AGAIN
from tokenbench.reporting.runs import Run, load_run

_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A run, and by which names its parts are found again.

    Args:
        run: as it lies on the disk.
        tokenizer: name, or `path/to/file.py:ClassName`.
        weights: file or folder; None looks in the usual places.
        dataset: as `tokenbench.datasets.catalog.open_dataset` takes it.
        typed: names of tokenizers that the user gave, whose code may be run.
        networks: files of the networks of metrics that the user named.
        tokens: whether they are seen: tokenizers that stream may then take another way. What is made of them decides
            no value.
        device, dtype: of the tokenizer.
    """

    run: Run
    tokenizer: str
    weights: str | None
    dataset: str
    networks: Mapping[str, str]
    typed: tuple[str, ...]
    tokens: TokenWork
    device: str
    dtype: str


def read_claim(path: Path, *, typed: Sequence[str] = (), **moved: Any) -> Claim:
    """Read a run that can be scored again.

    Args:
        path: of its folder or result.json.
        typed: names of tokenizers that the user gave.
        moved: fields of the claim that are elsewhere now; None leaves a field as the run has it.

    Raises:
        TokenBenchError: the run cannot be read, has no clips, or was not made by a tokenizer.
    """
    run = load_run(path)
    command = run.environment.get("command")
    if run.tokenizer.name == "compare" and run.tokenizer.kind is None:
        again = f"; type it again: {command}" if command else ""
        raise TokenBenchError(f"{run.folder} was written by 'tokenbench compare', which runs no tokenizer{again}")
    if not run.clips:
        raise TokenBenchError(f"{run.folder / 'clips.csv'} names no clips to score again; {WRITE_AGAIN}")
    # Results of older versions do not say what was named: then the names in the result are tried.
    inputs = _object(run, "inputs")
    claim = Claim(
        run=run,
        tokenizer=str(inputs.get("tokenizer") or run.tokenizer.name),
        weights=_optional(inputs.get("weights")),
        dataset=str(inputs.get("dataset") or run.dataset.name),
        networks=_paths(run, inputs.get("networks") or {}),
        typed=tuple(typed),
        tokens="off" if inputs.get("tokens") == "off" else "count",
        device=str(run.environment.get("device") or "cpu"),
        dtype=_one_of(run, "dtype", run.environment.get("dtype") or "float32", _DTYPES),
    )
    return replace(claim, **{name: value for name, value in moved.items() if value})


def _object(run: Run, name: str) -> Mapping[str, Any]:
    value = run.environment.get(name) or {}
    if not isinstance(value, Mapping):
        raise TokenBenchError(f"{run.folder}: environment.{name} in result.json is no object; {WRITE_AGAIN}")
    return value


def _optional(value: Any) -> str | None:
    return None if value is None else str(value)


def _paths(run: Run, networks: Any) -> Mapping[str, str]:
    if not isinstance(networks, Mapping) or not all(isinstance(path, str) for path in networks.values()):
        raise TokenBenchError(
            f"{run.folder}: environment.inputs.networks in result.json holds no paths by name; {WRITE_AGAIN}"
        )
    return networks


def _one_of(run: Run, name: str, value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise TokenBenchError(
            f"{run.folder}: {name} in result.json is {value!r}, expected one of {', '.join(known)}; {WRITE_AGAIN}"
        )
    return value
