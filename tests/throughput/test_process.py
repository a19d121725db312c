"""Functions in processes of their own."""

from __future__ import annotations

import pytest
from throughput_support import double, kill_itself, leave, refuse

from tokenbench.errors import TokenBenchError
from tokenbench.throughput.process import ProcessDied, in_fresh_process


def test_the_result_comes_back_and_what_was_said_on_the_way() -> None:
    said: list[str] = []
    assert in_fresh_process(double, 21, say=said.append) == 42
    assert said == ["doubling 21"]


def test_an_error_is_raised_here() -> None:
    with pytest.raises(TokenBenchError, match=r"^not here; go there$"):
        in_fresh_process(refuse)


def test_a_process_that_dies_says_how() -> None:
    with pytest.raises(ProcessDied, match="signal 9") as killed:
        in_fresh_process(kill_itself)
    assert killed.value.was_killed
    with pytest.raises(ProcessDied, match="exited with 7") as left:
        in_fresh_process(leave)
    assert not left.value.was_killed
