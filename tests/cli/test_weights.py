"""`tokenbench weights`, with a small tokenizer whose network is one linear layer in two halves, and with AlexNet."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from networks_support import alex_trunk_file
from safetensors.torch import load_file, save_file

from tokenbench import registry
from tokenbench.networks import NETWORKS, find_network
from tokenbench.tokenizer import Card, TokenizerInfo
from tokenbench.weights import HubSource, sha256_of

Command = Callable[..., Any]

STATE = {"encoder.weight": torch.arange(6.0).reshape(2, 3), "decoder.weight": torch.ones(3, 2)}
SETS = (("net.safetensors",), ("model.pt",))

PLUGIN = """
from pathlib import Path

from safetensors.torch import save_file

from tokenbench.errors import TokenBenchError
from tokenbench.weights import locate, read_tensors

SHAPES = {"encoder.weight": (2, 3), "decoder.weight": (3, 2)}

class Linear:
    def __init__(self, info, *, weights, device, dtype, hub=None):
        self.info = info
        files = locate(info.name, weights, hub, file_sets=hub.file_sets)
        self.state = {key: value.to(dtype) for path in files.paths for key, value in read_tensors(path).items()}
        if {key: tuple(value.shape) for key, value in self.state.items()} != SHAPES:
            raise TokenBenchError(f"{files.paths[0]} does not fit {info.name}; take its own weights")

    def encode(self, video):
        return video

    def decode(self, tokens):
        return tokens

class Exported(Linear):
    def export(self, format, folder):
        folder.mkdir(parents=True)
        save_file(self.state, folder / f"net.{format}")
        return [folder / f"net.{format}"]
"""


@pytest.fixture(autouse=True)
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/linear_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(__import__("sys").modules, "linear_plugin", raising=False)
    hub = HubSource(repository="owner/linear", revision="ff86a2c", file_sets=SETS)
    info = {"kind": "continuous", "weights": "huggingface: owner/linear", "license": "MIT"}
    made = [
        Card(info=TokenizerInfo(name="linear", **info), factory="linear_plugin:Linear", hub=hub),
        Card(info=TokenizerInfo(name="exported", **info), factory="linear_plugin:Exported", hub=hub),
        Card(info=TokenizerInfo(name="bare", kind="codec"), factory="linear_plugin:None"),
    ]
    monkeypatch.setattr(registry, "registered", lambda: {card.info.name: card for card in made})
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "root"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def given(tmp_path: Path) -> Path:
    save_file(STATE, tmp_path / "download.bin")
    return tmp_path / "download.bin"


def listed(tokenbench: Command) -> list[dict[str, Any]]:
    return json.loads(tokenbench("weights", "list", "--json").out)


def test_list_shows_state_size_revision_and_licence(tokenbench: Command, given: Path) -> None:
    before = [entry for entry in listed(tokenbench) if entry["kind"] == "tokenizer"]
    assert [entry["name"] for entry in before] == ["linear", "exported"]
    assert before[0] == {
        "name": "linear",
        "kind": "tokenizer",
        "files": [["net.safetensors"], ["model.pt"]],
        "state": "missing",
        "paths": [],
        "bytes": 0,
        "revision": "ff86a2c",
        "license": "MIT",
        "from": "hf:owner/linear",
    }
    assert tokenbench("weights", "import", "linear", given).code == 0
    after = listed(tokenbench)[0]
    assert (after["state"], after["bytes"]) == ("installed", given.stat().st_size)
    line = tokenbench("weights", "list").out.splitlines()[2]
    for part in (
        "linear",
        "tokenizer",
        "net.safetensors or model.pt",
        "installed",
        "MB",
        "ff86a2c",
        "MIT",
        "hf:owner/linear",
    ):
        assert part in line


def test_import_then_verify(tokenbench: Command, given: Path, tmp_path: Path) -> None:
    outcome = tokenbench("weights", "import", "linear", given)
    assert outcome.code == 0
    assert str(tmp_path / "root/linear") in outcome.out
    outcome = tokenbench("weights", "verify", "linear")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [f"net.safetensors  {given.stat().st_size}  {sha256_of(given)}", "ok"]


def test_verify_finds_a_file_that_has_changed_since_its_import(
    tokenbench: Command, given: Path, tmp_path: Path
) -> None:
    tokenbench("weights", "import", "linear", given)
    save_file({key: value + 1 for key, value in STATE.items()}, tmp_path / "root/linear/net.safetensors")
    outcome = tokenbench("weights", "verify", "linear")
    assert outcome.code == 2
    assert "not the file that was imported" in outcome.message
    assert "ok" not in outcome.out


def test_verify_takes_files_that_are_not_imported(tokenbench: Command, given: Path) -> None:
    assert tokenbench("weights", "verify", "linear", "--weights", given).out.endswith("ok\n")
    given.write_bytes(given.read_bytes()[:-4])
    outcome = tokenbench("weights", "verify", "linear", "--weights", given)
    assert outcome.code == 2
    assert "truncated" in outcome.message


def test_weights_of_another_network_are_not_imported(tokenbench: Command, tmp_path: Path) -> None:
    save_file({"encoder.weight": torch.ones(1)}, tmp_path / "other.safetensors")
    outcome = tokenbench("weights", "import", "linear", tmp_path / "other.safetensors")
    assert outcome.code == 2
    assert f"{tmp_path / 'other.safetensors'} does not fit linear" in outcome.message
    assert not list((tmp_path / "root").iterdir())


def test_other_weights_are_replaced_only_by_force(tokenbench: Command, given: Path, tmp_path: Path) -> None:
    tokenbench("weights", "import", "linear", given)
    torch.save({"model": STATE, "iteration": 3}, tmp_path / "checkpoint")
    outcome = tokenbench("weights", "import", "linear", tmp_path / "checkpoint")
    assert outcome.code == 2
    assert "--force" in outcome.message
    assert tokenbench("weights", "import", "linear", tmp_path / "checkpoint", "--force").code == 0
    assert {path.name for path in (tmp_path / "root/linear").iterdir()} == {"model.pt", "provenance.json"}
    assert tokenbench("weights", "verify", "linear").code == 0


def test_export_writes_what_the_tokenizer_can(tokenbench: Command, given: Path, tmp_path: Path) -> None:
    arguments = ("--weights", given, "--format", "safetensors", "--out", tmp_path / "out")
    outcome = tokenbench("weights", "export", "exported", *arguments, "--dtype", "bfloat16")
    path = tmp_path / "out/net.safetensors"
    assert outcome.out == f"{path}  {path.stat().st_size}\n"
    assert load_file(path)["encoder.weight"].dtype == torch.bfloat16
    outcome = tokenbench("weights", "export", "linear", *arguments)
    assert outcome.code == 2
    assert "linear cannot be exported" in outcome.message


@pytest.mark.parametrize("action", [["verify"], ["import", "x.pt"]])
def test_tokenizers_without_weights_and_unknown_ones_are_refused(tokenbench: Command, action: list[str]) -> None:
    outcome = tokenbench("weights", action[0], "bare", *action[1:])
    assert outcome.code == 2
    assert "bare has no weights" in outcome.message
    assert "did you mean linear?" in tokenbench("weights", action[0], "linea", *action[1:]).message


def test_missing_sources_are_named(tokenbench: Command, tmp_path: Path) -> None:
    outcome = tokenbench("weights", "import", "linear", tmp_path / "nowhere.pt")
    assert outcome.code == 2
    assert "nowhere.pt" in outcome.message


def test_fetch_leaves_alone_what_is_there_and_says_what_it_cannot_get(
    tokenbench: Command, given: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    outcome = tokenbench("weights", "fetch", "linear")
    assert outcome.code == 2
    assert "owner/linear@ff86a2c" in outcome.message
    tokenbench("weights", "import", "linear", given)
    outcome = tokenbench("weights", "fetch", "linear")
    assert outcome.out == f"net.safetensors  {given.stat().st_size}  {sha256_of(given)}\n"


ALEX = "lpips-alex"


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return alex_trunk_file(tmp_path_factory.mktemp("trunk"))


@pytest.fixture
def published(trunk: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let that file be the published one; its line."""
    card = dataclasses.replace(NETWORKS[ALEX], url=trunk.as_uri(), sha256=sha256_of(trunk)[:8])
    monkeypatch.setitem(NETWORKS, ALEX, card)
    return f"{trunk.name}  {trunk.stat().st_size}  {sha256_of(trunk)}"


def test_list_shows_the_networks_of_metrics(tokenbench: Command, trunk: Path, tmp_path: Path, published: str) -> None:
    def entry() -> dict[str, Any]:
        return next(entry for entry in listed(tokenbench) if entry["name"] == ALEX)

    assert {entry["name"] for entry in listed(tokenbench) if entry["kind"] == "network"} == set(NETWORKS)
    assert entry() == {
        "name": ALEX,
        "kind": "network",
        "files": [[trunk.name]],
        "state": "missing",
        "paths": [],
        "bytes": 0,
        "revision": None,
        "license": NETWORKS[ALEX].license,
        "from": trunk.as_uri(),
    }
    tokenbench("weights", "fetch", ALEX)
    there = tmp_path / "torch/hub/checkpoints" / trunk.name
    assert (entry()["state"], entry()["paths"], entry()["bytes"]) == ("cached", [str(there)], trunk.stat().st_size)
    tokenbench("weights", "import", ALEX, trunk)
    assert (entry()["state"], entry()["paths"]) == ("installed", [str(tmp_path / "root" / ALEX / trunk.name)])


def test_a_network_is_fetched_once_and_verified(
    tokenbench: Command, trunk: Path, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tokenbench("weights", "fetch", ALEX).out.splitlines() == [published]
    monkeypatch.setattr("urllib.request.urlopen", None)
    assert tokenbench("weights", "fetch", ALEX).out.splitlines() == [published]
    assert tokenbench("weights", "verify", ALEX).out.splitlines() == [published, "ok"]


def test_a_network_is_imported_under_its_usual_name(
    tokenbench: Command, trunk: Path, published: str, tmp_path: Path
) -> None:
    download = tmp_path / "download"
    download.write_bytes(trunk.read_bytes())
    outcome = tokenbench("weights", "import", ALEX, download)
    assert outcome.out == f"imported into {tmp_path / 'root' / ALEX}\n"
    assert tokenbench("weights", "verify", ALEX).out.splitlines() == [published, "ok"]
    assert find_network(ALEX).verified


def test_weights_that_are_not_the_published_ones_are_imported_by_force_and_never_verified(
    tokenbench: Command, trunk: Path, tmp_path: Path
) -> None:
    outcome = tokenbench("weights", "import", ALEX, trunk)
    assert outcome.code == 2
    assert f"expected {NETWORKS[ALEX].sha256}; keep it as somebody's own with --force" in outcome.message
    assert not (tmp_path / "root").exists()
    assert tokenbench("weights", "import", ALEX, trunk, "--force").code == 0
    found = find_network(ALEX)
    assert (found.verified, found.source) == (False, trunk.name)
    for arguments in ((), ("--weights", trunk)):
        outcome = tokenbench("weights", "verify", ALEX, *arguments)
        assert outcome.code == 2
        assert f"is not the published file of {ALEX}" in outcome.message


def test_another_networks_file_is_imported_by_no_force(tokenbench: Command, trunk: Path, tmp_path: Path) -> None:
    outcome = tokenbench("weights", "import", "lpips-vgg", trunk, "--force")
    assert outcome.code == 2
    assert "does not fit its network" in outcome.message
    assert not (tmp_path / "root").exists()


def test_another_file_of_a_network_is_replaced_only_by_force(
    tokenbench: Command, trunk: Path, tmp_path: Path, published: str
) -> None:
    there = tmp_path / "root" / ALEX / trunk.name
    there.parent.mkdir(parents=True)
    there.write_bytes(b"other")
    outcome = tokenbench("weights", "import", ALEX, trunk)
    assert outcome.code == 2
    assert f"{there} is another file; replace it with --force" in outcome.message
    assert there.read_bytes() == b"other"
    assert tokenbench("weights", "import", ALEX, trunk, "--force").code == 0
    assert there.read_bytes() == trunk.read_bytes()


def test_a_network_without_a_known_digest_is_verified_as_far_as_that_goes(
    tokenbench: Command, trunk: Path, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, ALEX, dataclasses.replace(NETWORKS[ALEX], sha256=None))
    outcome = tokenbench("weights", "verify", ALEX, "--weights", trunk)
    assert outcome.out.splitlines() == [published, "ok, but its publisher states no digest to compare this one with"]


def test_networks_are_one_file_and_have_names_of_their_own(tokenbench: Command, trunk: Path) -> None:
    assert f"{ALEX} is one file, got 2" in tokenbench("weights", "import", ALEX, trunk, trunk).message
    assert "did you mean lpips-alex?" in tokenbench("weights", "verify", "lpips-alx").message
    assert "nothing.pth: cannot be read: No such file" in tokenbench("weights", "import", ALEX, "nothing.pth").message
