"""Weights gathered on a machine with a hub, carried as a folder or archive, and installed on one without."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import io
import json
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokenbench import registry
from tokenbench.bundle import install
from tokenbench.bundle.gather import relative_names
from tokenbench.errors import TokenBenchError
from tokenbench.networks import NETWORKS, find_network
from tokenbench.tokenizer import IN_PACKAGE, Card, TokenizerInfo
from tokenbench.weights import HubSource, locate, weights_root
from tokenbench.weights.parts import INDEX_SUFFIX

Command = Callable[..., Any]

ALEX = "lpips-alex"
NETWORK = b"an AlexNet" * 999
INDEX = f"model.safetensors{INDEX_SUFFIX}"
PARTED = (("vae/config.json", f"vae/{INDEX}"), ("config.json", INDEX))
WHOLE = (("whole.jit",), ("encoder.jit", "decoder.jit"))
FILES = {
    "vae/config.json": b"{}",
    f"vae/{INDEX}": json.dumps({"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}).encode(),
    "vae/part-1.safetensors": b"first" * 500,
    "vae/part-2.safetensors": b"second" * 500,
    "encoder.jit": b"encoder" * 300,
    "decoder.jit": b"decoder" * 300,
}
PLACES = [f"weights/parted/{name}" for name in FILES if name.startswith("vae/")]
PLACES += ["weights/halves/encoder.jit", "weights/halves/decoder.jit"]
PLACES += [f"weights/{ALEX}/{NETWORKS[ALEX].file}"]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Any) -> None:
    """Tokenizers whose weights are on the hub, and a network that is published as a file; none are here yet."""
    hub.files[hub.newest] = dict(FILES)
    info = {"kind": "continuous", "license": "Some License"}
    source = HubSource(repository="owner/net", revision=hub.newest)
    made = [
        Card(
            info=TokenizerInfo(name=name, weights="huggingface: owner/net", **info),
            factory="nothing:here",
            hub=dataclasses.replace(source, file_sets=sets),
        )
        for name, sets in (("parted", PARTED), ("halves", WHOLE))
    ]
    made.append(Card(info=TokenizerInfo(name="small", weights=IN_PACKAGE, **info), factory="nothing:here"))
    made.append(Card(info=TokenizerInfo(name="linked", weights="a README", **info), factory="nothing:here"))
    cards = {card.info.name: card for card in made}
    for module in ("registry", "bundle.needs", "bundle.install"):
        monkeypatch.setattr(importlib.import_module(f"tokenbench.{module}"), "registered", lambda: cards)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/alex.pth").write_bytes(NETWORK)
    card = dataclasses.replace(
        NETWORKS[ALEX],
        url=(tmp_path / "site/alex.pth").as_uri(),
        sha256=hashlib.sha256(NETWORK).hexdigest()[:8],
    )
    monkeypatch.setitem(NETWORKS, ALEX, card)
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def gather(tokenbench: Command, out: Path, tokenizers: str = "parted,halves,small") -> Any:
    return tokenbench("bundle", "--tokenizer", tokenizers, "--metrics", "psnr,lpips-alex", "--out", out)


@pytest.fixture(params=["folder", "archive.tar"])
def bundle(request: pytest.FixtureRequest, tokenbench: Command, tmp_path: Path) -> Path:
    """A gathered one, of either kind."""
    out = tmp_path / request.param
    assert gather(tokenbench, out).code == 0
    return out


@pytest.fixture
def archive(tokenbench: Command, tmp_path: Path) -> Path:
    assert gather(tokenbench, tmp_path / "archive.tar").code == 0
    return tmp_path / "archive.tar"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to another machine, without a network; where weights lie there. To be asked for after a bundle."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "other/hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "other/torch"))
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "other/weights"))
    monkeypatch.setattr("urllib.request.urlopen", None)
    return tmp_path / "other/weights"


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def refusal(path: Path, **more: Any) -> str:
    """Why a bundle is not installed; nothing of it is then there."""
    with pytest.raises(TokenBenchError) as error:
        install(path, **more)
    message = str(error.value)
    assert "\n" not in message
    root = weights_root()
    assert not root.exists() or not list(root.iterdir())
    return message


def rewritten(
    archive: Path, change: Callable[[dict[str, Any]], object], move: Callable[[str], str] = lambda place: place
) -> Path:
    """The same archive, whose `bundle.json` says something else; files that move to nowhere are left out."""
    out = archive.with_name("rewritten.tar")
    with tarfile.open(archive) as old, tarfile.open(out, "w") as new:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            content = stream.read()
            if member.name == "bundle.json":
                said = json.loads(content)
                change(said)
                content = json.dumps(said).encode()
                member.size = len(content)
            if name := move(member.name):
                member.name = name
                new.addfile(member, io.BytesIO(content))
    return out


def added(archive: Path, name: str, content: bytes = b"evil", **header: Any) -> Path:
    """The same archive with one member more."""
    out = archive.with_name("added.tar")
    shutil.copy(archive, out)
    member = tarfile.TarInfo(name)
    for key, value in header.items():
        setattr(member, key, value)
    with tarfile.open(out, "a") as tar:
        member.size = len(content) if member.isreg() else 0
        tar.addfile(member, io.BytesIO(content))
    return out


def test_what_is_missing_is_fetched_and_the_licences_are_said_first(tokenbench: Command, tmp_path: Path) -> None:
    outcome = gather(tokenbench, tmp_path / "out")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "small needs no file"
    for line, words in zip(lines[3:6], (("parted", "hf:owner/net"), ("halves", "hf:owner/net"), (ALEX,)), strict=True):
        assert line.startswith(words[0])
        assert "to be downloaded" in line
        assert words[-1] in line
    assert "Some License" in lines[3]
    assert "BSD-3-Clause" in lines[5]
    size = sum(map(len, FILES.values())) + len(NETWORK)
    assert lines[6] == f"7 files, {size / 1e6:.1f} MB, verified, in {tmp_path / 'out'}"
    found = contents(tmp_path / "out")
    assert sorted(found) == sorted(["bundle.json", "README.md", *PLACES])
    assert found["weights/parted/vae/part-2.safetensors"] == FILES["vae/part-2.safetensors"]
    record = json.loads(found["bundle.json"])
    assert record["tokenizers"] == ["parted", "halves", "small"]
    assert record["items"][2] == {
        "name": ALEX,
        "kind": "network",
        "source": NETWORKS[ALEX].url,
        "revision": None,
        "license": "BSD-3-Clause",
        "files": [{"path": NETWORKS[ALEX].file, "sha256": hashlib.sha256(NETWORK).hexdigest(), "bytes": len(NETWORK)}],
    }
    text = found["README.md"].decode()
    assert "tokenbench doctor --tokenizer parted --tokenizer halves --tokenizer small --metrics psnr,lpips-alex" in text
    assert "| parted | tokenizer | 0.0 | Some License | hf:owner/net@" in text


def test_weights_are_found_elsewhere_as_if_they_were_fetched_there(
    bundle: Path, elsewhere: Path, tokenbench: Command, hub: Any
) -> None:
    hub.requests.clear()
    outcome = tokenbench("bundle", "--use", bundle)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [f"{name}  {elsewhere / name}" for name in ("parted", "halves", ALEX)]
    for name, sets in (("parted", PARTED), ("halves", WHOLE)):
        found = locate(name, None, registry.registered()[name].hub, file_sets=sets)
        assert (found.source, found.revision) == ("hf:owner/net", hub.newest)
        assert {path.relative_to(elsewhere / name).as_posix(): path.read_bytes() for path in found.paths} == {
            file: content for file, content in FILES.items() if file.startswith("vae/") == (name == "parted")
        }
        assert found.digests.keys() == {path.name for path in found.paths}
    network = find_network(ALEX, download=False)
    assert (network.path.parent, network.verified) == (elsewhere / ALEX, True)
    assert hub.requests == []
    assert {path.name for path in elsewhere.iterdir()} == {"parted", "halves", ALEX}


def test_installing_twice_changes_nothing_and_other_weights_stay_unless_forced(
    bundle: Path, elsewhere: Path, tokenbench: Command
) -> None:
    install(bundle)
    before = contents(elsewhere)
    times = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")}
    install(bundle)
    assert {path: path.stat().st_mtime_ns for path in elsewhere.rglob("*")} == times
    (elsewhere / "halves/encoder.jit").write_bytes(b"mine")
    (elsewhere / ALEX / "more.txt").write_text("mine")
    outcome = tokenbench("bundle", "--use", bundle)
    assert outcome.code == 2
    lines = [line for line in outcome.err.splitlines() if line.startswith("tokenbench: ")]
    assert [line.split()[1] for line in lines] == [str(elsewhere / "halves"), str(elsewhere / ALEX)]
    assert all("holds other weights; replace the folder with --force" in line for line in lines)
    assert (elsewhere / "halves/encoder.jit").read_bytes() == b"mine"
    assert tokenbench("bundle", "--use", bundle, "--force").code == 0
    assert contents(elsewhere) == before


def test_the_same_command_goes_on_with_a_folder(tokenbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gather(tokenbench, out)
    whole = contents(out)
    kept = out / PLACES[2]
    time = kept.stat().st_mtime_ns
    (out / PLACES[3]).unlink()
    (out / PLACES[4]).write_bytes(b"x" * len(FILES["encoder.jit"]))
    (out / "README.md").unlink()
    assert gather(tokenbench, out).code == 0
    assert contents(out) == whole
    assert kept.stat().st_mtime_ns == time


def test_an_archive_is_the_same_every_time_and_is_left_alone_where_it_is_whole(
    tokenbench: Command, archive: Path, tmp_path: Path
) -> None:
    gather(tokenbench, tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()
    time = archive.stat().st_mtime_ns
    assert gather(tokenbench, archive).code == 0
    assert archive.stat().st_mtime_ns == time


def test_an_interrupted_archive_leaves_nothing(
    tokenbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(tarfile.TarFile, "addfile", stop)
    assert gather(tokenbench, tmp_path / "out/archive.tar").code == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_a_copy_that_goes_wrong_is_found_out(
    tokenbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copyfileobj

    def damage(source: Any, target: Any, length: int = 0) -> None:
        copy(source, target, length)
        target.seek(3)
        target.write(b"?")

    monkeypatch.setattr(shutil, "copyfileobj", damage)
    outcome = gather(tokenbench, tmp_path / "out")
    assert outcome.code == 2
    assert "was not written as it should be" in outcome.message
    monkeypatch.undo()


def test_what_needs_no_file_makes_no_bundle(tokenbench: Command, tmp_path: Path) -> None:
    outcome = tokenbench("bundle", "--tokenizer", "small", "--metrics", "psnr,ssim", "--out", tmp_path / "out")
    assert outcome.out.splitlines() == ["small needs no file", "nothing to gather"]
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_had_is_said_after_all_else_is_fetched(
    tokenbench: Command, tmp_path: Path, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token, hub.granted = "hf_right", False
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    outcome = gather(tokenbench, tmp_path / "out", "parted,linked")
    assert outcome.code == 2
    lines = [line for line in outcome.err.splitlines() if line.startswith("tokenbench: ")]
    assert len(lines) == 2
    assert "parted: the hub refuses owner/net" in lines[0]
    assert "accept its licence on the page of owner/net, and set HF_TOKEN" in lines[0]
    assert "linked: no weights for linked" in lines[1]
    assert "get them from a README" in lines[1]
    assert not (tmp_path / "out").exists()
    assert find_network(ALEX, download=False).verified


def test_other_files_and_other_bundles_are_not_written_over(tokenbench: Command, tmp_path: Path, archive: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/README.md").write_text("mine")
    (tmp_path / "mine.tar").write_text("mine")
    gather(tokenbench, tmp_path / "other", "halves")
    before = contents(tmp_path)
    for name, said in {
        "mine": "holds other files",
        "mine.tar": "is another file",
        "site/alex.pth": "is a file",
        "other": "holds another bundle",
    }.items():
        outcome = gather(tokenbench, tmp_path / name)
        assert outcome.code == 2
        assert f"{tmp_path / name} {said}" in outcome.message
    assert "holds another bundle" in gather(tokenbench, archive, "halves").message
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing-8x8", "unknown tokenizer 'nothing-8x8'"),
        ("net.py:Mine", "net.py:Mine is your own file; copy it"),
    ],
)
def test_names_that_no_bundle_can_hold_are_refused_before_any_download(
    tokenbench: Command, tmp_path: Path, hub: Any, name: str, said: str
) -> None:
    outcome = gather(tokenbench, tmp_path / "out", f"halves,{name}")
    assert outcome.code == 2
    assert said in outcome.message
    assert hub.requests == []


def test_options_that_do_not_go_together_are_refused(tokenbench: Command, tmp_path: Path) -> None:
    for arguments in ((), ("--out", "x"), ("--tokenizer", "small"), ("--use", "x", "--out", "y")):
        outcome = tokenbench("bundle", *arguments)
        assert outcome.code == 2
        assert "--use" in outcome.message
    assert "cannot read" in tokenbench("bundle", "--use", tmp_path / "nowhere.tar").message


def test_a_damaged_file_is_named_and_nothing_is_installed(bundle: Path, elsewhere: Path) -> None:
    content = FILES["vae/part-2.safetensors"]
    damaged = b"S" + content[1:]
    if bundle.is_dir():
        (bundle / PLACES[3]).write_bytes(damaged)
    else:
        bundle.write_bytes(bundle.read_bytes().replace(content, damaged))
    assert f"{PLACES[3]} is damaged: its sha256 is not what bundle.json says" in refusal(bundle)


@pytest.fixture
def folder(tokenbench: Command, tmp_path: Path) -> Path:
    assert gather(tokenbench, tmp_path / "out").code == 0
    return tmp_path / "out"


def test_missing_and_linked_files_of_a_folder_are_named(folder: Path, elsewhere: Path, tmp_path: Path) -> None:
    place = folder / PLACES[4]
    place.rename(tmp_path / "encoder.jit")
    assert f"{folder}: {PLACES[4]} is missing, or a link; copy the bundle again" in refusal(folder)
    place.symlink_to(tmp_path / "encoder.jit")
    assert f"{PLACES[4]} is missing, or a link" in refusal(folder)
    place.unlink()
    place.parent.rename(tmp_path / "halves")
    place.parent.symlink_to(tmp_path / "halves")
    assert "is missing, or a link" in refusal(folder)


def test_an_archive_that_is_cut_anywhere_is_refused(archive: Path, elsewhere: Path) -> None:
    whole = archive.read_bytes()
    # What stands behind the last file is padding and the end of the archive.
    end = whole.rindex(NETWORK) + len(NETWORK)
    cut = archive.with_name("cut.tar")
    for size in [0, 1, 511, 512, 513, *range(700, end, 997), end - 1]:
        cut.write_bytes(whole[:size])
        refusal(cut)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("../evil.pth", {}),
        ("/tmp/evil.pth", {}),
        ("weights/halves/more.jit", {}),
        (PLACES[4], {}),
        ("weights/halves/link", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
        ("weights/halves/hard", {"type": tarfile.LNKTYPE, "linkname": PLACES[4]}),
        ("weights/halves/pipe", {"type": tarfile.FIFOTYPE}),
        ("weights/halves/device", {"type": tarfile.CHRTYPE}),
        ("evil\n\x1b[31m", {}),
    ],
)
def test_an_archive_with_anything_that_it_does_not_list_is_refused(
    archive: Path, elsewhere: Path, name: str, header: dict[str, Any]
) -> None:
    message = refusal(added(archive, name, **header))
    assert "is refused: it holds" in message
    assert message.isprintable()


def test_folders_in_an_archive_are_nothing_to_refuse(archive: Path, elsewhere: Path) -> None:
    install(added(archive, "weights", type=tarfile.DIRTYPE))
    assert (elsewhere / ALEX / NETWORKS[ALEX].file).read_bytes() == NETWORK


def item(said: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = said["items"][1]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.pop("items"),
        lambda said: said.update(items=[*said["items"], item(said)]),
        lambda said: item(said).update(name="../halves"),
        lambda said: item(said).update(name=".."),
        lambda said: item(said).update(name=7),
        lambda said: item(said).update(kind="folder"),
        lambda said: item(said).update(files=[]),
        lambda said: item(said)["files"][0].update(path="../../.bashrc"),
        lambda said: item(said)["files"][0].update(path="/etc/passwd"),
        lambda said: item(said)["files"][0].update(path="a\\..\\b"),
        lambda said: item(said)["files"][0].update(path="provenance.json"),
        lambda said: item(said)["files"][0].update(path=item(said)["files"][1]["path"]),
        lambda said: item(said)["files"][0].update(sha256="0"),
        lambda said: item(said)["files"][0].update(bytes=-1),
        lambda said: item(said)["files"][0].update(bytes=True),
    ],
)
def test_a_record_that_makes_no_sense_or_leads_out_is_damaged(
    archive: Path, elsewhere: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    assert "bundle.json is damaged" in refusal(rewritten(archive, change))


def test_records_of_other_versions_and_sizes_are_refused(archive: Path, elsewhere: Path, tmp_path: Path) -> None:
    later = rewritten(archive, lambda said: said.update(schema="tokenbench.bundle/9"))
    assert "is of the version tokenbench.bundle/9" in refusal(later)
    wrong = rewritten(archive, lambda said: item(said)["files"][0].update(bytes=5))
    assert f"{PLACES[4]} has {len(FILES['encoder.jit'])} bytes, expected 5" in refusal(wrong)
    long = rewritten(archive, lambda said: said.update(tokenizers=["x" * (17 << 20)]))
    assert "expected 16777216 at most" in refusal(long)
    nested = tmp_path / "nested"
    nested.mkdir()
    (nested / "bundle.json").write_text("[" * 100_000)
    assert "bundle.json is damaged" in refusal(nested)
    assert "is no bundle: it holds no bundle.json" in refusal(tmp_path / "site")


def test_a_sparse_file_that_claims_more_than_the_archive_has_is_refused(archive: Path, elsewhere: Path) -> None:
    # GNU's first sparse format: a file of a terabyte in no block at all.
    member = tarfile.TarInfo(PLACES[4])
    member.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"7" * 11 + b"\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    out = archive.with_name("sparse.tar")
    out.write_bytes(bytes(header) + archive.read_bytes())
    refusal(out)


def test_weights_that_nobody_here_asks_for_are_refused(archive: Path, elsewhere: Path) -> None:
    def rename(said: dict[str, Any]) -> None:
        item(said)["name"] = "strange"

    strange = rewritten(archive, rename, lambda place: place.replace("/halves/", "/strange/"))
    assert "weights of the tokenizer strange, which is not known here" in refusal(strange)


def test_a_set_that_is_not_complete_is_refused(archive: Path, elsewhere: Path) -> None:
    half = rewritten(
        archive, lambda said: item(said)["files"].pop(1), lambda place: "" if place == PLACES[5] else place
    )
    assert "does not hold what halves takes (whole.jit, or encoder.jit + decoder.jit)" in refusal(half)


def test_a_network_that_is_not_the_published_one_is_kept_by_force_alone(
    archive: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, ALEX, dataclasses.replace(NETWORKS[ALEX], sha256="01234567"))
    assert "expected 01234567; keep it as somebody's own with --force" in refusal(archive)
    install(archive, force=True)
    assert not find_network(ALEX).verified


def test_weights_that_hold_code_are_told_of(
    archive: Path, elsewhere: Path, tokenbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, ALEX, dataclasses.replace(NETWORKS[ALEX], runs_code=True))
    assert f"{ALEX} holds code that is run" in tokenbench("bundle", "--use", archive).err


def test_a_bundle_that_is_larger_than_the_disk_is_refused_before_it_is_copied(
    archive: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(archive.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert f"needs 0.00 GB in {elsewhere}, where 0.00 GB are free; free some space" in refusal(archive)


def test_a_disk_that_fills_up_leaves_no_half(bundle: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def full(path: Path, mode: str = "r", *more: Any, **others: Any) -> Any:
        if mode == "wb" and path.name == "decoder.jit":
            raise OSError(28, os.strerror(28))
        return real(path, mode, *more, **others)

    monkeypatch.setattr(Path, "open", full)
    assert "No space left on device" in refusal(bundle)


def test_no_flipped_byte_gets_through(archive: Path, elsewhere: Path) -> None:
    whole = archive.read_bytes()
    install(archive)
    right = {name: content for name, content in contents(elsewhere).items() if not name.endswith("provenance.json")}
    shutil.rmtree(elsewhere)
    flipped = archive.with_name("flipped.tar")
    draw = random.Random(0)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        flipped.write_bytes(data)
        try:
            install(flipped)
        except TokenBenchError:
            refused += 1
            assert not elsewhere.exists() or not list(elsewhere.iterdir())
            continue
        found = contents(elsewhere)
        assert {name: found[name] for name in found if not name.endswith("provenance.json")} == right
        shutil.rmtree(elsewhere)
    # Padding, times and the README decide nothing; most bytes are weights.
    assert refused > 75


def test_names_below_the_folder_of_a_set(tmp_path: Path) -> None:
    at = tmp_path / "snapshot"
    nested = [at / "vae/config.json", at / f"vae/{INDEX}", at / "vae/part-1.safetensors"]
    assert relative_names(nested, PARTED) == ["vae/config.json", f"vae/{INDEX}", "vae/part-1.safetensors"]
    flat = [at / "config.json", at / INDEX, at / "part-1.safetensors"]
    assert relative_names(flat, PARTED) == ["config.json", INDEX, "part-1.safetensors"]
    assert relative_names([at / "mine.pt"], ()) == ["mine.pt"]
