"""Rows that are kept, measured again, or never came back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.throughput import run as module
from tokenbench.throughput.case import Case
from tokenbench.throughput.measure import unmeasured
from tokenbench.throughput.process import ProcessDied
from tokenbench.throughput.run import measure_alone, run_cases

CASES = [Case(tokenizer="haar-8x8"), Case(tokenizer="jpeg-q75"), Case(tokenizer="haar-4x8x8")]


class Bench:
    """Measures nothing, and remembers what it was asked for."""

    def __init__(self, **status: str) -> None:
        self.asked: list[str] = []
        self._status = status

    def __call__(self, case: Case, here: dict[str, Any], say: Any) -> dict[str, Any]:
        self.asked.append(case.tokenizer)
        status = self._status.get(case.tokenizer.partition("-")[0], "measured")
        more = {} if status == "measured" else {"at": "first encode", "error": "why"}
        return unmeasured(case, here) | {"status": status, "turn": len(self.asked)} | more


def test_rows_are_measured_once(tmp_path: Path) -> None:
    first, second = Bench(), Bench()
    run_cases(CASES[:2], tmp_path, measure_case=first)
    rows = run_cases(CASES, tmp_path, measure_case=second)
    assert first.asked == ["haar-8x8", "jpeg-q75"]
    assert second.asked == ["haar-4x8x8"]
    assert [row["turn"] for row in rows] == [1, 2, 1]
    assert json.loads((tmp_path / "throughput.json").read_text())["rows"] == rows
    assert {path.name for path in tmp_path.glob("throughput.*")} == {
        f"throughput.{s}" for s in ("json", "csv", "md", "tex")
    }


def test_failures_are_tried_again_and_out_of_memory_is_kept(tmp_path: Path) -> None:
    run_cases(CASES[:2], tmp_path, measure_case=Bench(haar="out of memory", jpeg="failed"))
    bench = Bench()
    rows = run_cases(CASES[:2], tmp_path, measure_case=bench)
    assert bench.asked == ["jpeg-q75"]
    assert [row["status"] for row in rows] == ["out of memory", "measured"]
    assert len(json.loads((tmp_path / "throughput.json").read_text())["rows"]) == 2


def test_again_replaces_a_row_and_leaves_the_others(tmp_path: Path) -> None:
    run_cases(CASES, tmp_path, measure_case=Bench())
    run_cases(CASES[1:2], tmp_path, again=True, measure_case=Bench())
    kept = json.loads((tmp_path / "throughput.json").read_text())["rows"]
    assert [(row["case"]["tokenizer"], row["turn"]) for row in kept] == [
        ("haar-8x8", 1),
        ("jpeg-q75", 1),
        ("haar-4x8x8", 3),
    ]


def test_other_settings_and_other_machines_are_other_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    run_cases(CASES[:1], tmp_path, measure_case=bench)
    run_cases([replace(CASES[0], batch=4)], tmp_path, measure_case=bench)
    monkeypatch.setattr(module, "machine", lambda device: {"device": "cpu", "name": "Z80", "torch": "2", "threads": 1})
    run_cases(CASES[:1], tmp_path, measure_case=bench)
    assert len(bench.asked) == 3
    assert len(json.loads((tmp_path / "throughput.json").read_text())["rows"]) == 3


def test_rows_that_were_finished_outlive_an_interruption(tmp_path: Path) -> None:
    bench = Bench()

    def interrupted(case: Case, here: dict[str, Any], say: Any) -> dict[str, Any]:
        if bench.asked:
            raise KeyboardInterrupt
        return bench(case, here, say)

    with pytest.raises(KeyboardInterrupt):
        run_cases(CASES, tmp_path, measure_case=interrupted)
    again = Bench()
    run_cases(CASES, tmp_path, measure_case=again)
    assert again.asked == ["jpeg-q75", "haar-4x8x8"]


@pytest.mark.parametrize(("code", "status"), [(-9, "out of memory"), (-11, "failed")])
def test_a_process_that_died_is_a_row(monkeypatch: pytest.MonkeyPatch, code: int, status: str) -> None:
    def dying(function: Any, case: Case, say: Any) -> None:
        say("first encode")
        raise ProcessDied(code)

    monkeypatch.setattr(module, "in_fresh_process", dying)
    record = measure_alone(CASES[0], {"device": "cpu"}, lambda _: None)
    assert (record["status"], record["at"]) == (status, "first encode")
    assert record["error"] == f"its process was ended by signal {-code}"


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": "other/1", "rows": []}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "throughput.json").write_text(content)
    with pytest.raises(TokenBenchError, match=r"throughput\.json: .*choose another --out"):
        run_cases(CASES[:1], tmp_path, measure_case=Bench())
