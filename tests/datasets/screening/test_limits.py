"""Limits: what they are called, what they refuse, and why."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tokenbench.datasets.screening.limits import PANDA_70M, Limits, judge, read_limits
from tokenbench.datasets.screening.scores import Scores
from tokenbench.errors import TokenBenchError

GOOD = Scores(
    motion=0.03,
    motion_peak=0.1,
    static_share=0.5,
    blur=0.4,
    blockiness=0.05,
    darkness=0.2,
    border_rows=0.0,
    border_columns=0.0,
    cut_times=(),
    height=360,
    width=640,
    fps=30.0,
)


def test_every_limit_is_of_a_score() -> None:
    for field in fields(Limits):
        kind, _, name = field.name.partition("_")
        assert kind in ("min", "max")
        assert isinstance(getattr(GOOD, name), int | float), field.name


def test_a_good_clip_is_taken() -> None:
    assert judge(GOOD, PANDA_70M) == []
    assert judge(GOOD, Limits()) == []


def test_a_score_at_its_limit_is_taken() -> None:
    assert judge(GOOD, Limits(min_motion=0.03, max_blur=0.4, max_cuts=0, min_short_side=360)) == []


def test_every_broken_limit_is_a_reason() -> None:
    scores = replace(GOOD, motion=0.002, blur=0.7071234, cut_times=(1.0, 2.5), height=1280, width=144)
    limits = Limits(min_motion=0.01, max_blur=0.62, max_cuts=1, min_short_side=360, min_fps=20)
    assert judge(scores, limits) == [
        "motion 0.002 is below 0.01",
        "blur 0.7071 is above 0.62",
        "cuts 2 is above 1",
        "short side 144 is below 360",
    ]


def test_a_table_gives_limits() -> None:
    assert read_limits({}) == Limits()
    assert read_limits({"min_motion": 0.01, "max_cuts": 0}) == Limits(min_motion=0.01, max_cuts=0)


def test_the_documentation_states_the_limits_for_panda_70m() -> None:
    text = (Path(__file__).parents[3] / "docs" / "screening.md").read_text()
    table = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])
    assert read_limits(table["sets"]["panda70m"]["screening"]) == PANDA_70M


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"min_blur": 0.1}, "unknown limit 'min_blur': did you mean max_blur"),
        ({"max_motoin": 1}, "unknown limit 'max_motoin': did you mean min_motion"),
        ({"\n'": 1}, r'unknown limit "\\n\'": choose from min_motion, .*, min_fps'),
        ({"max_blur": "0.5"}, "limit max_blur is '0.5': give a number of 0 or more"),
        ({"max_blur": True}, "limit max_blur is True: give a number"),
        ({"max_blur": float("nan")}, "limit max_blur is nan"),
        ({"max_blur": -1}, "limit max_blur is -1"),
        ({"max_blur": None}, "limit max_blur is None"),
    ],
)
def test_what_is_no_limit_is_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(TokenBenchError, match=message):
        read_limits(table)
