"""Times of `tokenbench throughput`, for the rows of a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.records import Record, read_record

_SCHEMA = "tokenbench.throughput/1"

# Milliseconds an image or a frame, by name of the tokenizer.
Times = Mapping[str, float]


def read_speeds(path: Path) -> Mapping[str, Times]:
    """What was timed, by the setting that it was timed in: machine, size, batch and dtype.

    Args:
        path: throughput.json, or the folder that it lies in.

    Returns:
        The median time of encoding and decoding, in milliseconds an image or a frame; of several with other numbers of
        frames the shortest.

    Raises:
        TokenBenchError: it is not such a file, or times nothing.
    """
    file = path / "throughput.json" if path.is_dir() else path
    record = read_record(file)
    if record.data.get("schema") != _SCHEMA:
        raise TokenBenchError(f"{file} has schema {record.data.get('schema')!r}, expected {_SCHEMA!r}")
    speeds: dict[str, dict[str, float]] = {}
    for row in record.children("rows"):
        total = row.child("milliseconds").child("total").number("median")
        if total is None or total <= 0:
            continue
        times = speeds.setdefault(_setting(row), {})
        name = row.child("case", required=True).text("tokenizer")
        times[name] = min(total, times.get(name, total))
    if not speeds:
        raise TokenBenchError(f"{file} has no row that was measured: run 'tokenbench throughput' to its end")
    return speeds


def _setting(row: Record) -> str:
    case, machine = row.child("case", required=True), row.child("machine", required=True)
    height, width = row.child("input").numbers("size", 2) or (None, None)
    size = "" if height is None or width is None else f"{height:.0f} x {width:.0f}"
    batch = case.whole("batch")
    compiled = "compiled" if case.data.get("compile") else ""
    parts = (machine.text("name"), size, f"batch {batch}" if batch else "", case.optional_text("dtype"), compiled)
    return ", ".join(filter(None, parts))
