"""`tokenbench check-tokenizer`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from tests_support import Outcome

from tokenbench.checking import CHECKS

Command = Callable[..., Outcome]

BROKEN = Path(__file__).parent / "broken.py"
NAMES = [check.name for check in CHECKS]


def test_a_table_with_a_line_for_every_check(tokenbench: Command) -> None:
    outcome = tokenbench("check-tokenizer", "jpeg-q75")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert [line.split()[0] for line in lines[2:-1]] == NAMES
    assert lines[-1] == "jpeg-q75: 10 passed, 0 failed, 3 measured, 9 do not apply"


def test_json_holds_every_figure(tokenbench: Command) -> None:
    outcome = tokenbench("check-tokenizer", "klt-8x8", "--json", "--dtype", "bfloat16")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert (found["schema"], found["tokenizer"], found["dtype"]) == ("tokenbench.check/1", "klt-8x8", "bfloat16")
    assert [check["name"] for check in found["checks"]] == NAMES
    assert found["failed"] == []
    figures = {check["name"]: check["figures"] for check in found["checks"]}
    assert figures["bits"]["bits_per_pixel"] == 4


def test_a_strangers_fault_is_exit_code_1_and_the_other_checks_go_on(tokenbench: Command) -> None:
    outcome = tokenbench("check-tokenizer", f"{BROKEN}:NeedsTwoFrames")
    assert outcome.code == 1
    rows = {line.split()[0]: line for line in outcome.out.splitlines()}
    assert "failed          good.encode raised ValueError: at least two frames are needed" in rows["one-frame"]
    assert " passed " in rows["determinism"]
    assert "good: 13 passed, 1 failed" in outcome.out


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise OSError('no such model')", "cannot be made: OSError: no such model"),
        ("self.info = {'compression': 8}", "info: compression is 8, expected a list"),
    ],
)
def test_one_that_cannot_be_made_is_one_line(body: str, said: str, tmp_path: Path, tokenbench: Command) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        textwrap.dedent(f"""
        class Mine:
            def __init__(self): {body}
            def encode(self, video): return video
            def decode(self, tokens): return tokens
        """)
    )
    outcome = tokenbench("check-tokenizer", f"{path}:Mine")
    assert outcome.code == 2
    assert said in outcome.message


def test_usage_is_explained(tokenbench: Command) -> None:
    assert "unknown tokenizer 'jpg-q75'" in tokenbench("check-tokenizer", "jpg-q75").message
    assert "has no setting 'quality'" in tokenbench("check-tokenizer", "jpeg-q75", "--set", "quality=3").message
    assert "device 'cuda:77' cannot be used" in tokenbench("check-tokenizer", "identity", "--device", "cuda:77").message
