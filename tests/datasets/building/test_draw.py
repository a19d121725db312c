from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tokenbench.datasets.building.draw import ranked
from tokenbench.datasets.sources.source import Scene
from tokenbench.media.clip import Clip


def scenes(count: int) -> list[Scene]:
    return [(Clip(id=f"clip {i}", domain="d", path=Path(f"{i}.mp4"), kind="video"),) for i in range(count)]


def ids(order: list[Scene]) -> list[str]:
    return [clip.id for scene in order for clip in scene]


@given(st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_a_draw_does_not_depend_on_the_order_in_which_clips_are_found(seed: int, shuffler: random.Random) -> None:
    found = scenes(30)
    shuffled = found.copy()
    shuffler.shuffle(shuffled)
    assert ids(ranked(shuffled, seed=seed, name="set")) == ids(ranked(found, seed=seed, name="set"))


def test_a_missing_clip_moves_no_other() -> None:
    found = scenes(30)
    order = ids(ranked(found, seed=0, name="set"))
    without = ids(ranked(found[:7] + found[8:], seed=0, name="set"))
    assert without == [id_ for id_ in order if id_ != "clip 7"]


def test_seeds_and_sets_are_drawn_differently_and_always_the_same() -> None:
    found = scenes(30)
    orders = {tuple(ids(ranked(found, seed=seed, name=name))) for seed in range(5) for name in ("a", "b")}
    assert len(orders) == 10
    # The draw of a protocol must never change: these are SHA-256 of "0\na\nclip <i>".
    assert ids(ranked(scenes(5), seed=0, name="a")) == ["clip 3", "clip 4", "clip 1", "clip 2", "clip 0"]


def test_every_clip_is_drawn_as_often_as_any_other() -> None:
    counts = dict.fromkeys(ids(scenes(20)), 0)
    for seed in range(2000):
        for id_ in ids(ranked(scenes(20), seed=seed, name="set"))[:5]:
            counts[id_] += 1
    # 500 expected; 4.5 standard deviations of the binomial are 87.
    assert all(abs(count - 500) < 87 for count in counts.values()), counts
