"""Weights in parts: an index names them, and they belong to the set wherever it is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.weights import HubSource, locate
from tokenbench.weights.install import usual_names
from tokenbench.weights.stored import stored_weights

INDEX = "model.safetensors.index.json"
SETS = (("config.json", INDEX),)
PARTS = {"vq.weight": "model-1.safetensors", "text.weight": "model-2.safetensors", "vq.bias": "model-3.safetensors"}
NEEDED = ["config.json", INDEX, "model-1.safetensors", "model-3.safetensors"]


def files() -> dict[str, bytes]:
    """A model in three parts, of which the second holds nothing of the tokenizer's."""
    index = json.dumps({"weight_map": PARTS}).encode()
    return {"config.json": b"{}", INDEX: index, **{name: name.encode() for name in PARTS.values()}}


def write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in files().items():
        (folder / name).write_bytes(content)
    return folder


def names(paths: Any) -> list[str]:
    return [path.name for path in paths]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_of_a_folder_all_parts_are_taken_or_those_that_are_needed(tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    assert names(locate("net", folder, file_sets=SETS).paths) == ["config.json", INDEX, *sorted(PARTS.values())]
    source = HubSource(repository="owner/net", inside=r"vq\.")
    assert names(locate("net", folder, source, file_sets=SETS).paths) == NEEDED
    elsewhere = HubSource(repository="owner/net", inside=r"other\.")
    assert len(locate("net", folder, elsewhere, file_sets=SETS).paths) == 5


def test_a_part_that_is_missing_is_named_and_the_weights_are_not_ready(root: Path) -> None:
    folder = write(root / "net")
    assert stored_weights("net", None, SETS).state == "installed"
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(TokenBenchError, match=r"model-2\.safetensors is missing, which an index beside it names"):
        locate("net", None, file_sets=SETS)
    assert stored_weights("net", None, SETS).state == "missing"
    assert stored_weights("net", HubSource(repository="owner/net", inside="vq"), SETS).state == "installed"


def test_of_the_hub_only_the_needed_parts_are_fetched(hub: Any, root: Path) -> None:
    hub.files[hub.newest] = {f"vae/{name}": content for name, content in files().items()}
    sets = (("vae/config.json", f"vae/{INDEX}"),)
    source = HubSource(repository="owner/net", revision=hub.newest, file_sets=sets, inside=r"vq\.")
    assert stored_weights("net", source, sets).state == "missing"
    found = locate("net", None, source, file_sets=sets)
    assert names(found.paths) == NEEDED
    assert found.paths[2].read_bytes() == b"model-1.safetensors"
    assert found.digests.keys() == set(NEEDED)
    assert not [request for request in hub.requests if "model-2" in request]
    stored = stored_weights("net", source, sets)
    assert (stored.state, names(stored.paths)) == ("cached", NEEDED)
    found.paths[3].unlink()
    assert stored_weights("net", source, sets).state == "missing"


def test_parts_keep_their_names_when_they_are_imported(tmp_path: Path) -> None:
    paths = locate("net", write(tmp_path / "model"), file_sets=SETS).paths
    assert usual_names("net", paths, SETS) == names(paths)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": {"a": 1}}', "[" * 9999])
def test_a_damaged_index_is_refused_and_counts_as_missing(content: str, root: Path) -> None:
    folder = write(root / "net")
    (folder / INDEX).write_text(content)
    with pytest.raises(TokenBenchError, match="download it again"):
        locate("net", folder, file_sets=SETS)
    assert stored_weights("net", None, SETS).state == "missing"


@pytest.mark.parametrize("name", ["../model-1.safetensors", "model-1.pkl", "/etc/passwd.bin"])
def test_an_index_names_only_weight_files_beside_it(name: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "model")
    (folder / INDEX).write_text(json.dumps({"weight_map": {"vq.weight": name}}))
    with pytest.raises(TokenBenchError, match="no weight file beside it"):
        locate("net", folder, file_sets=SETS)
