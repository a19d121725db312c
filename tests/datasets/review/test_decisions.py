"""The file of decisions, and what there is to decide on."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tokenbench.datasets.review.decisions import Decision, Decisions, decide, read_decisions
from tokenbench.datasets.review.items import read_items
from tokenbench.errors import OutputError, TokenBenchError

DROP = Decision(choice="drop", sha256="ab" * 32, reason="hardly moves")
KEEP = Decision(choice="keep", sha256="cd" * 32)


def test_decisions_come_back_as_they_were_written(tmp_path: Path) -> None:
    written = Decisions().with_decision("panda70m", "-a 'b'\n\N{SNOWMAN}", DROP).with_decision("panda70m", "c", KEEP)
    written.write(tmp_path)
    assert read_decisions(tmp_path) == written
    assert read_decisions(tmp_path).dropped("panda70m") == {"-a 'b'\n\N{SNOWMAN}": "hardly moves"}
    assert read_decisions(tmp_path).dropped("another") == {}


def test_the_file_has_the_form_that_it_says(tmp_path: Path) -> None:
    decide(tmp_path, "panda70m", "one", DROP)
    assert json.loads((tmp_path / "decisions.json").read_text()) == {
        "schema": "tokenbench.decisions/1",
        "decisions": {"panda70m": {"one": {"choice": "drop", "reason": "hardly moves", "sha256": "ab" * 32}}},
    }


def test_without_a_file_nothing_is_decided(tmp_path: Path) -> None:
    assert read_decisions(tmp_path).of("panda70m", "one") is None


def test_a_decision_can_be_changed_and_taken_back(tmp_path: Path) -> None:
    for decision in (DROP, KEEP, None):
        decide(tmp_path, "panda70m", "one", decision)
        assert read_decisions(tmp_path).of("panda70m", "one") == decision


def test_decisions_of_several_reviewers_at_once_all_stay(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(decide, tmp_path, f"set{n % 2}", f"clip{n}", DROP) for n in range(40)]:
            done.result()
    read = read_decisions(tmp_path)
    assert sorted([*read.dropped("set0"), *read.dropped("set1")]) == sorted(f"clip{n}" for n in range(40))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable file of decisions"),
        (b"\xff\xfe", "not a readable file of decisions"),
        (b"[" * 100_000, "not a readable file of decisions"),
        (b'{"schema": "tokenbench.decisions/1", "decisions": {"\\ud800": {}}}', "not a readable file of decisions"),
        (b"[]", "is not a table"),
        (b'{"schema": "tokenbench.decisions/2", "decisions": {}}', "expected 'tokenbench.decisions/1'"),
        (b'{"schema": "tokenbench.decisions/1"}', "decisions is not a table"),
        (b'{"schema": "tokenbench.decisions/1", "decisions": {"s": []}}', "set 's' is not a table"),
        (
            b'{"schema": "tokenbench.decisions/1", "decisions": {"s": {"a": {"choice": "burn", "sha256": ""}}}}',
            "choice is 'burn', expected 'keep' or 'drop'",
        ),
        (b'{"schema": "tokenbench.decisions/1", "decisions": {"s": {"a": {"choice": "keep"}}}}', "lacks sha256"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_and_stays(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    path.write_bytes(content)
    with pytest.raises(TokenBenchError) as raised:
        decide(tmp_path, "s", "a", DROP)
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        Decisions().write(tmp_path / "file" / "below")


def test_clips_come_with_what_screening_says(build: Path) -> None:
    items = read_items(build)
    assert [(item.set_name, item.clip.frames) for item in items] == [
        ("images", 1),
        ("panda70m", 24),
        ("panda70m", 20),
        ("panda70m", 5),
    ]
    assert items[1].screened.scores == {"motion": 0.3, "cuts": [1.5, 2.0]}
    assert items[2].screened.reasons == ("motion 0.002 is below 0.01 <b>",)
    assert items[3].screened.scores == {}
    assert read_items(build, "images") == items[:1]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"one": 3}', b'{"one": {"scores": {"a": "x"}, "reasons": []}}'])
def test_damaged_scores_are_one_line(content: bytes, build: Path) -> None:
    (build / "screening/panda70m.json").write_bytes(content)
    with pytest.raises(TokenBenchError, match=r"panda70m\.json: not a readable file of scores .*build the set again"):
        read_items(build)


def test_what_cannot_be_reviewed_is_one_line(tokenbench: Callable[..., Any], build: Path, tmp_path: Path) -> None:
    assert "does not exist" in tokenbench("review", tmp_path / "nowhere").message
    assert "holds no manifest <set>.toml" in tokenbench("review", build / "images").message
    assert "no set 'panda': did you mean 'panda70m'?" in tokenbench("review", build, "--set", "panda").message
    (build / "decisions.json").write_text("{}")
    assert "schema is None" in tokenbench("review", build).message
