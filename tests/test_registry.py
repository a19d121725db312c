from __future__ import annotations

import importlib.metadata
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from tokenbench import registry
from tokenbench.errors import TokenBenchError
from tokenbench.registry import find_card, load_tokenizer
from tokenbench.tokenizer import Card, TokenizerInfo

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put plug-ins beside the installed ones: each offers an object as a maker of cards."""
    installed = importlib.metadata.entry_points

    def put(**makers: Any) -> None:
        for name, maker in makers.items():
            module = types.ModuleType(f"stranger_{name}")
            module.card = maker  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)
        entries = [
            importlib.metadata.EntryPoint(name, f"stranger_{name}:card", registry.PATTERN_GROUP) for name in makers
        ]
        monkeypatch.setattr(
            registry,
            "entry_points",
            lambda group: [*installed(group=group), *(entries if group == registry.PATTERN_GROUP else [])],
        )

    return put


class Scaled:
    """Multiplies by a factor."""

    def __init__(self, info: TokenizerInfo, *, factor: float, **_: Any) -> None:
        self.info, self.factor = info, factor

    def encode(self, video: Any) -> Any:
        return video * self.factor

    def decode(self, tokens: Any) -> Any:
        return tokens / self.factor


def scaled(name: str) -> Card | None:
    if not name.startswith("scaled:"):
        return None
    try:
        factor = float(name.partition(":")[2])
    except ValueError as error:
        raise TokenBenchError(f"{name}: the factor is no number; write scaled:2") from error
    info = TokenizerInfo(name=name, kind="continuous")
    return Card(info=info, factory=f"{__name__}:Scaled", options={"factor": factor})


def test_a_plug_in_makes_cards_for_names_that_it_knows(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(scaled=scaled)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Scaled.__module__])
    assert find_card("scaled:2.5").info.name == "scaled:2.5"
    assert load_tokenizer("scaled:2.5").encode(2) == 5
    assert find_card("identity").info.name == "identity"


def test_a_name_that_a_plug_in_refuses_has_the_plug_ins_line(install: Install) -> None:
    install(scaled=scaled)
    with pytest.raises(TokenBenchError, match=r"^scaled:much: the factor is no number; write scaled:2$"):
        find_card("scaled:much")


def test_a_name_that_no_plug_in_knows_has_near_names(install: Install) -> None:
    install(scaled=scaled)
    with pytest.raises(TokenBenchError, match="unknown tokenizer 'harr-8x8': did you mean haar-8x8"):
        find_card("harr-8x8")


def test_registered_names_are_not_put_to_makers(install: Install) -> None:
    install(greedy=lambda name: pytest.fail(f"asked for {name}"))
    assert find_card("haar-8x8").info.name == "haar-8x8"


def test_two_plug_ins_with_different_cards_for_a_name_are_refused(install: Install) -> None:
    def other(name: str) -> Card | None:
        return Card(info=TokenizerInfo(name=name, kind="continuous"), factory="other:Other")

    install(one=scaled, same=scaled)
    assert find_card("scaled:2").options == {"factor": 2.0}
    install(one=scaled, two=other)
    with pytest.raises(TokenBenchError, match=r"'scaled:2' is offered by stranger_one:card and by stranger_two:card"):
        find_card("scaled:2")


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (3, r"plug-in 'broken' \(stranger_broken:card\) offers a int, expected a function card\(name\)"),
        (
            lambda name: [],
            r"plug-in 'broken' \(stranger_broken:card\) gave a list for 'nothing', expected a card or None",
        ),
    ],
)
def test_a_broken_maker_is_named(maker: Any, message: str, install: Install) -> None:
    install(broken=maker)
    with pytest.raises(TokenBenchError, match=message):
        find_card("nothing")


def test_weights_for_a_tokenizer_that_has_none_are_refused() -> None:
    with pytest.raises(TokenBenchError, match="haar-8x8 has no weights, by its card; leave out --weights"):
        load_tokenizer("haar-8x8", weights="random")


def test_a_card_whose_package_is_missing_says_what_to_install() -> None:
    info = TokenizerInfo(name="far", kind="continuous")
    card = Card(info=info, factory="far_away:load", requires={"far_away": "far-away[all]>=2", "torch": "torch"})
    assert card.to_install == "pip install 'far-away[all]>=2'"
    with pytest.raises(TokenBenchError, match=r"^far needs a package that is not installed: pip install 'far-away"):
        card.load()
    assert Card(info=info, factory="far_away:load", requires={"torch": "torch"}).to_install == ""
