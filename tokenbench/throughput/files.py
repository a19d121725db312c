"""What a folder of rows holds: `throughput.json` for this command, a CSV file for programs, tables for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenbench.files import write_text
from tokenbench.throughput.record import Record
from tokenbench.throughput.tables import latex, markdown, published


def write_tables(out: Path, records: Sequence[Record]) -> None:
    """Write `throughput.csv`, `.md` and `.tex`, each whole or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_text(out / "throughput.csv", csv_text(records))
    write_text(out / "throughput.md", markdown(records))
    write_text(out / "throughput.tex", latex(records))


def csv_text(records: Sequence[Record]) -> str:
    """One line a row, in full precision; empty cells where there is nothing."""
    lines = [_line(record) for record in records]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _line(record: Record) -> dict[str, Any]:
    case, machine = record["case"], record["machine"]
    tokenizer, given = record.get("tokenizer", {}), record.get("input", {})
    height, width = given.get("size", (None, None))
    times, counted = record.get("milliseconds", {}), record.get("flops", {})
    return {
        "tokenizer": tokenizer.get("name", case["tokenizer"]),
        **{key: tokenizer.get(key) for key in ("kind", "modality", "parameters", "weights")},
        "compression": "x".join(map(str, tokenizer.get("compression", ()))),
        "height": height,
        "width": width,
        "frames": given.get("frames"),
        "batch": case["batch"],
        "dtype": case["dtype"],
        "compiled": record.get("compiled"),
        **{
            f"{what}_ms_{name}": times.get(what, {}).get(name)
            for what in ("encode", "decode", "total")
            for name in ("median", "low", "high", "mean")
        },
        "published_ms": published(record),
        "per_second": record.get("per_second"),
        "peak_bytes": record.get("memory", {}).get("peak_bytes"),
        "encode_flops": counted.get("encode"),
        "decode_flops": counted.get("decode"),
        "device": machine["device"],
        "device_name": machine["name"],
        "threads": machine["threads"],
        "torch": machine["torch"],
        "status": record["status"],
        "at": record.get("at"),
        "error": record.get("error"),
    }
