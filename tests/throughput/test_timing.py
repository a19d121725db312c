"""Times by a clock that is known, and what is made of them."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from tokenbench.throughput.timing import Times, clock_stopwatch, repeat, spread


def test_a_spread_is_median_quartiles_and_mean() -> None:
    assert astuple(spread([4.0, 1.0, 3.0, 2.0])) == (2.5, 1.75, 3.25, 2.5)
    assert astuple(spread([1.0, 2.0, 4.0, 8.0, 16.0])) == (4.0, 2.0, 8.0, 6.2)
    assert astuple(spread([7.0])) == (7.0, 7.0, 7.0, 7.0)


def test_a_call_is_timed_in_milliseconds() -> None:
    times = iter([10.0, 10.25])
    assert clock_stopwatch(lambda: next(times))(lambda: "tokens") == ("tokens", 250.0)


def test_encode_and_decode_are_timed_apart_and_in_turn() -> None:
    # Encode takes 0.5 s, 1 s and 2 s; decode 0.25 s each time; 0.125 s pass in between, unseen.
    moments = iter([0.0, 0.5, 0.625, 0.875, 1.0, 2.0, 2.125, 2.375, 2.5, 4.5, 4.625, 4.875])
    calls: list[str] = []
    said: list[str] = []

    def encode(video: str) -> int:
        calls.append(f"encode {video}")
        return len(calls)

    times = repeat(
        encode,
        lambda tokens: calls.append(f"decode {tokens}"),
        "video",
        timed=clock_stopwatch(lambda: next(moments)),
        repeats=3,
        say=said.append,
    )
    assert times == Times(encode=(500.0, 1000.0, 2000.0), decode=(250.0, 250.0, 250.0))
    assert calls == ["encode video", "decode 1", "encode video", "decode 3", "encode video", "decode 5"]
    assert said == ["encode 1/3", "decode 1/3", "encode 2/3", "decode 2/3", "encode 3/3", "decode 3/3"]


def test_the_total_is_of_the_same_repeat_and_of_one_frame() -> None:
    spreads = Times(encode=(10.0, 30.0, 20.0), decode=(50.0, 10.0, 30.0)).spreads(items=10)
    assert astuple(spreads["encode"]) == pytest.approx((2.0, 1.5, 2.5, 2.0))
    assert astuple(spreads["decode"]) == pytest.approx((3.0, 2.0, 4.0, 3.0))
    # Sums are 60, 40 and 50: their median is not that of the parts' worst or best.
    assert astuple(spreads["total"]) == pytest.approx((5.0, 4.5, 5.5, 5.0))
