"""The table `data` of a recipe: what it may say, and how the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tokenbench.datasets.table import read_table
from tokenbench.errors import Problems, TokenBenchError
from tokenbench_cosmos.training.data import DataSettings


def test_a_table_becomes_settings() -> None:
    values = {"sources": ["a", "davis:b"], "short_side": [128, 256], "native": 0, "exclude": ["0123456789abcdef"]}
    settings = read_table(DataSettings, values, "recipe")
    assert settings.sources == ("a", "davis:b")
    assert settings.short_side == (128, 256)
    assert hash(settings) == hash(read_table(DataSettings, values, "recipe"))
    settings.check()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "recipe lacks sources"),
        ({"sources": ["a"], "hight": 3}, "unknown key 'hight': did you mean 'height'?"),
        ({"sources": "a"}, "sources is 'a', expected a list"),
        ({"sources": ["a", 3]}, r"sources is \['a', 3\], expected each to be a string"),
        ({"sources": ["a"], "short_side": [3]}, r"short_side is \[3\], expected a list of 2"),
        ({"sources": ["a"], "short_side": [3, 0.5]}, "expected each to be a whole number"),
        ({"sources": ["a"], "flip": "often"}, "flip is 'often', expected a number"),
    ],
)
def test_what_is_no_settings_is_refused_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(TokenBenchError, match=message):
        read_table(DataSettings, values, "recipe")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sources": ()}, "data.sources is empty"),
        ({"frames": 0}, "data.frames is 0"),
        ({"image_batch": 0}, "data.image_batch is 0"),
        ({"native": 1.5}, "data.native is 1.5, expected a probability"),
        ({"short_side": (9, 8)}, r"data.short_side is \[9, 8\]"),
        ({"image_short_side": (0, 8)}, "data.image_short_side"),
        ({"image_sizes": (64, 0)}, r"data.image_sizes is \[64, 0\], expected sizes of 1 or more"),
        ({"exclude": ("bikes",)}, "data.exclude has 'bikes'"),
        ({"cache": ""}, "data.cache is empty"),
    ],
)
def test_values_that_mean_nothing_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(Problems, match=message):
        DataSettings(**{"sources": ("a",), **values}).check()


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Problems) as caught:
        DataSettings(sources=(), frames=0, flip=2).check()
    assert len(caught.value.lines) == 3
