"""Weights from a folder, from where they are installed, and from a hub that behaves well or badly."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.weights import HubSource, WeightFiles, locate, sha256_of_files, weights_root
from tokenbench.weights.hub import cached
from tokenbench.weights.provenance import PROVENANCE, Provenance, write_provenance
from tokenbench.weights.stored import stored_weights

REPOSITORY = "owner/net"
OLD = "ff86a2c" + "0" * 33
NEW = "abcdef1" + "1" * 33
SETS = (("whole.jit",), ("encoder.jit", "decoder.jit"))
PINNED = HubSource(repository=REPOSITORY, revision="ff86a2c", file_sets=SETS)
UNPINNED = HubSource(repository=REPOSITORY, file_sets=SETS)


def find(given: str | Path | None = None, hub: HubSource | None = PINNED) -> WeightFiles:
    return locate("net", given, hub, file_sets=SETS, hint="get them from the moon")


def refusal(given: str | Path | None = None, hub: HubSource | None = PINNED) -> str:
    with pytest.raises(TokenBenchError) as error:
        find(given, hub)
    message = str(error.value)
    assert "\n" not in message
    return message


def put(folder: Path, **contents: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.jit").write_bytes(content)


def test_a_pinned_abbreviated_commit_is_fetched(hub: Any, capfd: pytest.CaptureFixture[str]) -> None:
    files = find()
    assert [path.read_bytes() for path in files.paths] == [b"old encoder", b"old decoder"]
    assert (files.source, files.revision) == (f"hf:{REPOSITORY}", OLD)
    assert files.sha256 == sha256_of_files(files.paths)
    assert json.loads(json.dumps(files.as_dict())) == {
        "source": f"hf:{REPOSITORY}",
        "revision": OLD,
        "sha256": files.sha256,
        "files": {
            "encoder.jit": hashlib.sha256(b"old encoder").hexdigest(),
            "decoder.jit": hashlib.sha256(b"old decoder").hexdigest(),
        },
    }
    assert "pinned" not in capfd.readouterr().err


def test_only_the_files_of_one_set_are_fetched_and_only_once(hub: Any) -> None:
    hub.files[OLD]["readme.md"] = b"not asked for"
    find()
    assert {request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /owner")} == {
        "encoder.jit",
        "decoder.jit",
    }
    hub.requests.clear()
    assert find().revision == OLD
    assert hub.requests == []


def test_the_best_set_that_the_repository_has_is_taken(hub: Any) -> None:
    hub.files[OLD]["whole.jit"] = b"whole"
    assert [path.name for path in find().paths] == ["whole.jit"]


@pytest.mark.parametrize("given", [f"hf:{REPOSITORY}@{OLD}", f"hf:{REPOSITORY}@ff86a2c00", f"hf:{REPOSITORY}"])
def test_a_repository_can_be_named(hub: Any, given: str) -> None:
    assert find(given).revision == OLD


def test_without_a_pin_the_newest_is_taken_and_said(hub: Any, capfd: pytest.CaptureFixture[str]) -> None:
    files = find(hub=UNPINNED)
    assert files.revision == NEW
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("tokenbench:")]
    assert "not pinned" in line
    assert f"hf:{REPOSITORY}@{NEW}" in line


def test_installed_weights_come_before_the_hubs(hub: Any) -> None:
    put(weights_root() / "net", whole=b"mine")
    files = find()
    assert files.paths == (weights_root() / "net/whole.jit",)
    assert (files.source, files.revision) == (str(weights_root() / "net"), None)
    assert hub.requests == []


def test_a_given_place_is_recorded_as_given(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "here", whole=b"mine")
    monkeypatch.chdir(tmp_path)
    assert find("here").source == "here"
    assert find(Path("here/whole.jit")).source == "here/whole.jit"
    assert "nowhere" in refusal("nowhere")
    assert hub.requests == []


def test_imported_weights_say_where_they_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    put(tmp_path / "net", whole=b"theirs")
    digest = hashlib.sha256(b"theirs").hexdigest()
    provenance = Provenance(source="hf:owner/net", revision=OLD, files={"whole.jit": digest})
    write_provenance(tmp_path / "net", provenance)
    assert find(hub=None).as_dict() == {
        "source": "hf:owner/net",
        "revision": OLD,
        "sha256": digest,
        "files": {"whole.jit": digest},
    }
    put(tmp_path / "net", whole=b"changed")
    with pytest.raises(TokenBenchError, match="not the file that was imported"):
        find(hub=None).as_dict()
    (tmp_path / "net" / PROVENANCE).write_text("{")
    assert "damaged" in refusal(hub=None)


def test_without_a_hub_the_hint_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path))
    assert "get them from the moon" in refusal(hub=None)


@pytest.mark.parametrize("given", ["hf:net", "hf:", "hf:a/b/c", "hf:owner/net@", "hf:a/b@x y"])
def test_a_misspelt_repository_is_refused(given: str) -> None:
    assert "hf:owner/name@commit" in refusal(given)


def test_a_token_is_asked_for_and_used(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "hf_right"
    message = refusal()
    assert "401" in message
    for part in (REPOSITORY, "HF_TOKEN", "licence", "--weights PATH", "encoder.jit + decoder.jit"):
        assert part in message
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "401" in refusal()
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert find().revision == OLD


def test_a_licence_that_is_not_accepted_is_said(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token, hub.granted = "hf_right", False
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    message = refusal()
    assert "403" in message
    assert f"accept its licence on the page of {REPOSITORY}" in message


@pytest.mark.parametrize(
    ("status", "said"), [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "no repository owner/net"), (410, "410")]
)
def test_other_refusals_are_said(hub: Any, status: int, said: str) -> None:
    hub.status = status
    assert said in refusal()
    assert said in refusal(hub=UNPINNED)


def test_what_the_hub_lacks_is_named(hub: Any) -> None:
    assert "someone/else" in refusal("hf:someone/else@ff86a2c")
    assert "owner/net on the hub has no commit that begins with 1234567" in refusal(f"hf:{REPOSITORY}@1234567")
    assert "no revision v9" in refusal(f"hf:{REPOSITORY}@v9")
    assert f"no revision {'1' * 40}" in refusal(f"hf:{REPOSITORY}@{'1' * 40}")
    hub.files[OLD] = {"encoder.jit": b"half"}
    message = refusal()
    assert "does not hold whole.jit, or encoder.jit + decoder.jit" in message


def test_an_ambiguous_commit_is_refused(hub: Any) -> None:
    hub.files = {OLD: hub.files[OLD], OLD[:-1] + "1": hub.files[OLD]}
    assert "2 commits that begin with" in refusal()


def test_a_body_that_breaks_off_leaves_nothing_behind(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    hub.cut = True
    message = refusal()
    assert "broke off" in message
    assert cached(REPOSITORY, OLD, SETS) is None
    hub.cut = False
    assert find().revision == OLD


def test_offline_the_cache_is_enough_and_else_it_is_said(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for source in (PINNED, UNPINNED):
        message = refusal(hub=source)
        assert "offline mode" in message
        assert "HF_HUB_OFFLINE" in message
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    find()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find().revision == OLD
    # The one commit in the cache is what there is of a repository that is not pinned.
    assert find(hub=UNPINNED).revision == OLD


def test_a_hub_that_is_not_there_is_given_up_quickly(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    start = time.monotonic()
    for given in (None, f"hf:{REPOSITORY}@{OLD}", f"hf:{REPOSITORY}@v1"):
        message = refusal(given)
        assert "cannot be reached" in message
        assert str(weights_root() / "net") in message
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said(hub: Any, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    import huggingface_hub

    def full(*_: object, **__: object) -> str:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    with pytest.raises(OutputError, match="free some space"):
        find()


def test_the_state_of_a_tokenizers_weights(hub: Any) -> None:
    assert stored_weights("net", PINNED, SETS).state == "missing"
    find()
    stored = stored_weights("net", PINNED, SETS)
    assert (stored.state, stored.bytes) == ("cached", 22)
    put(weights_root() / "net", whole=b"mine")
    assert (stored_weights("net", PINNED, SETS).state, stored_weights("net", PINNED, SETS).bytes) == ("installed", 4)


def test_the_environment_that_the_client_reads_holds_here_too(hub: Any, tmp_path: Path) -> None:
    from huggingface_hub import constants

    code = (
        "from tokenbench.weights import HubSource, locate\n"
        f"hub = HubSource(repository={REPOSITORY!r}, revision='ff86a2c')\n"
        f"print(locate('net', None, hub, file_sets={SETS!r}).revision)"
    )
    hub.token = "hf_right"
    environment = {
        **os.environ,
        "HF_ENDPOINT": constants.ENDPOINT,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": "hf_right",
        "HF_HUB_OFFLINE": "0",
        "TOKENBENCH_WEIGHTS": str(tmp_path / "none"),
    }
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == OLD
    environment |= {"HF_HUB_OFFLINE": "1", "HF_TOKEN": ""}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == OLD
