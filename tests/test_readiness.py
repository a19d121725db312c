from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tokenbench.readiness import Readiness, readiness
from tokenbench.registry import find_card, registered
from tokenbench.tokenizer import Card, TokenizerInfo
from tokenbench.weights import HubSource

Command = Callable[..., Any]

COMMIT = "ff86a2c" + "0" * 33
CARD = Card(
    info=TokenizerInfo(name="net-8x8", kind="continuous", license="MIT", weights="https://example.org/net.pt"),
    factory="net:load",
)
ON_HUB = replace(CARD, hub=HubSource(repository="owner/net", file_sets=(("vae/config.json", "vae/net.safetensors"),)))


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights are installed, and none are in the hub's cache."""
    from huggingface_hub import constants

    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")


def test_a_tokenizer_without_weights_and_one_that_comes_with_them_are_ready() -> None:
    for name in ("identity", "h264-crf23", "klt-8x8"):
        assert readiness(find_card(name)) == Readiness("ready")


def test_weights_of_the_hub_are_fetched_by_name(tmp_path: Path) -> None:
    assert readiness(ON_HUB) == Readiness("weights missing", "tokenbench weights fetch net-8x8")
    snapshot = tmp_path / "hub" / "models--owner--net" / "snapshots" / COMMIT
    put(snapshot / "vae" / "config.json")
    assert readiness(ON_HUB).state == "weights missing"
    put(snapshot / "vae" / "net.safetensors")
    assert readiness(ON_HUB) == Readiness("ready")


def test_weights_of_the_hub_at_another_commit_do_not_count(tmp_path: Path) -> None:
    snapshot = tmp_path / "hub" / "models--owner--net" / "snapshots" / COMMIT
    put(snapshot / "vae" / "config.json", snapshot / "vae" / "net.safetensors")
    for revision, state in ((COMMIT[:7], "ready"), ("1234567", "weights missing")):
        assert ON_HUB.hub is not None
        assert readiness(replace(ON_HUB, hub=replace(ON_HUB.hub, revision=revision))).state == state


def test_weights_from_elsewhere_are_imported(tmp_path: Path) -> None:
    found = readiness(CARD)
    assert found.state == "weights missing"
    assert found.hint == "get them from https://example.org/net.pt; tokenbench weights import net-8x8 SOURCE"
    put(tmp_path / "weights" / "net-8x8" / "net.pt")
    assert readiness(CARD) == Readiness("ready")


def test_a_missing_package_comes_before_missing_weights() -> None:
    card = replace(ON_HUB, requires={"far_away": "far-away"})
    assert readiness(card) == Readiness("package missing", "pip install 'far-away'")


def test_the_listing_shows_readiness_and_what_to_do(tokenbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {"identity": find_card("identity"), "net-8x8": CARD}
    cards["far"] = replace(ON_HUB, info=replace(CARD.info, name="far"), requires={"far_away": "far-away"})
    monkeypatch.setattr("tokenbench.registry.registered", lambda: cards)
    outcome = tokenbench("list", "tokenizers")
    lines = {line.split()[0]: line for line in outcome.out.splitlines()[2:]}
    assert lines["identity"].endswith(" ready")
    assert lines["net-8x8"].endswith(" weights missing")
    assert lines["far"].endswith(" package missing")
    assert outcome.err.splitlines()[0] == "package missing: pip install 'far-away'"
    assert outcome.err.splitlines()[1].startswith("weights missing: ")
    listed = {card["name"]: card for card in json.loads(tokenbench("list", "tokenizers", "--json").out)}
    assert (listed["far"]["readiness"], listed["far"]["hint"]) == ("package missing", "pip install 'far-away'")
    assert (listed["identity"]["readiness"], listed["identity"]["hint"]) == ("ready", "")
    outcome = tokenbench("list", "tokenizers", "--ready")
    assert [line.split()[0] for line in outcome.out.splitlines()[2:]] == ["identity"]
    assert outcome.err == ""


def test_the_listing_is_narrowed_by_kind_and_modality(tokenbench: Command) -> None:
    options = ("--kind", "codec", "--modality", "image", "--json")
    found = {card["name"] for card in json.loads(tokenbench("list", "tokenizers", *options).out)}
    wanted = {name for name, card in registered().items() if (card.info.kind, card.info.modality) == ("codec", "image")}
    assert found == wanted
    assert "jpeg-q75" in found
