"""A clip that memory does not hold is listed, with what to do; the others go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults_support import scoring
from numpy.typing import NDArray
from tests_support import Outcome, write_video

from tokenbench.errors import OUT_OF_MEMORY
from tokenbench.media.clip import Clip

Command = Callable[..., Outcome]


@pytest.fixture
def sizes(tmp_path: Path, carphone: NDArray[np.uint8]) -> Path:
    """Clips that a tokenizer tells apart by their lines."""
    for lines in (32, 40, 48, 56):
        write_video(tmp_path / "sizes" / f"{lines}.mkv", carphone[:3, :lines, :48])
    return tmp_path / "sizes"


def failures(out: Path) -> dict[str, str]:
    result = json.loads((out / "result.json").read_text())
    return {each["clip"]: each["error"] for each in result["failed"]}


def test_workers_that_run_out_of_memory_or_are_killed_for_it(
    tokenbench: Command, sizes: Path, own: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = ("eval", "--tokenizer", f"{own}:Hungry", "--dataset", sizes, "--out", out)
    assert tokenbench(*command, "--workers", 2).code == 1
    assert failures(out) == {
        "32.mkv": f"Hungry.encode: {OUT_OF_MEMORY}",
        "40.mkv": f"Hungry.encode: {OUT_OF_MEMORY}",
        "48.mkv": "its worker process died 2 times, for lack of memory perhaps; run fewer --workers",
    }


def test_this_process_runs_out_of_memory(
    tokenbench: Command, sizes: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sizes / "48.mkv").unlink()
    chunks = Clip.chunks

    def hungry(self: Clip, *given: Any, **more: Any) -> Iterator[NDArray[np.uint8]]:
        if self.id == "56.mkv":
            raise MemoryError
        return chunks(self, *given, **more)

    monkeypatch.setattr(Clip, "chunks", hungry)
    out = tmp_path / "run"
    assert tokenbench("eval", "--tokenizer", f"{own}:Hungry", "--dataset", sizes, "--out", out).code == 1
    assert failures(out) == {
        "32.mkv": f"Hungry.encode: {OUT_OF_MEMORY}",
        "40.mkv": f"Hungry.encode: {OUT_OF_MEMORY}",
        "56.mkv": OUT_OF_MEMORY,
    }
    monkeypatch.undo()
    assert tokenbench(*scoring(sizes, tmp_path / "with room")).code == 0


def test_a_comparison_lists_the_pair(
    tokenbench: Command, sizes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(self: Clip, *_: Any, **__: Any) -> Iterator[NDArray[np.uint8]]:
        raise MemoryError

    monkeypatch.setattr(Clip, "chunks", hungry)
    assert tokenbench("compare", sizes, sizes, "--run", tmp_path / "run").code == 1
    assert set(failures(tmp_path / "run").values()) == {OUT_OF_MEMORY}
