"""Row after row, each in a process of its own; rows that are there already are not measured again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tokenbench.files import locked
from tokenbench.throughput import memory
from tokenbench.throughput.case import Case
from tokenbench.throughput.files import write_tables
from tokenbench.throughput.machine import machine
from tokenbench.throughput.measure import FAILED, OUT_OF_MEMORY, Say, measure, unmeasured
from tokenbench.throughput.process import ProcessDied, in_fresh_process
from tokenbench.throughput.record import Record, read_records, same_row, write_records

# Gives the record of a case on a machine.
Measure = Callable[[Case, dict[str, Any], Say], Record]


def measure_alone(case: Case, here: dict[str, Any], say: Say) -> Record:
    """The record of a case, measured in a fresh process; a process that dies is a row too.

    Args:
        case: what to measure.
        here: `machine` of its device.
        say: hears what is being done.
    """
    last = ""

    def remember(text: str) -> None:
        nonlocal last
        last = text
        say(text)

    try:
        return in_fresh_process(_measure_within_memory, case, say=remember)
    except ProcessDied as died:
        # Where memory runs out for the whole machine, the system kills whoever holds most of it.
        status = OUT_OF_MEMORY if died.was_killed else FAILED
        return unmeasured(case, here) | {"status": status, "at": last, "error": str(died)}


def run_cases(
    cases: Sequence[Case], out: Path, *, again: bool = False, measure_case: Measure = measure_alone
) -> list[Record]:
    """Measure what is missing in `out`, and write all its rows there: `throughput.json`, `.csv`, `.md` and `.tex`.

    Rows that failed are tried again; those that were out of memory are results.

    Args:
        cases: all on one device.
        out: made where it is missing; rows of other cases and other machines stay.
        again: measure those that are there, too.
        measure_case: how.

    Returns:
        The rows of these cases, in their order.

    Raises:
        TokenBenchError: there is no such device; the folder is in use, cannot be written, or holds something else.
    """
    device = cases[0].device
    # A process that has used a GPU holds some of its memory, so this one never does.
    here = machine(device) if device == "cpu" else in_fresh_process(machine, device)
    rows = []
    with (
        locked(out / ".lock", f"{out}: another process is measuring there; wait for it or choose another --out"),
        tqdm(cases, desc="throughput", unit="row", dynamic_ncols=True) as progress,
    ):
        records = read_records(out)
        for case in progress:
            wanted = unmeasured(case, here)
            place = next((i for i, row in enumerate(records) if same_row(row, wanted)), len(records))
            if again or place == len(records) or records[place]["status"] == FAILED:
                progress.set_description(case.tokenizer)
                records[place : place + 1] = [measure_case(case, here, progress.set_postfix_str)]
                write_records(out, records)
            rows.append(records[place])
        write_tables(out, records)
    return rows


def _measure_within_memory(case: Case, say: Say) -> Record:
    if case.device == "cpu":
        memory.limit_to_available()
    return measure(case, say)
