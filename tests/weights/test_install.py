"""Weights copied to where they are found by name: whole or not at all, and never over others."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.weights import locate, sha256_of, weights_root
from tokenbench.weights.install import install, sources, usual_names
from tokenbench.weights.provenance import PROVENANCE

SETS = (("encoder.pt", "decoder.pt"), ("model.pt",), ("net.safetensors",))
ENCODER = {"encoder.weight": torch.ones(2), "quant.weight": torch.ones(1)}
DECODER = {"decoder.weight": torch.zeros(2)}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def halves(tmp_path: Path) -> tuple[Path, Path]:
    torch.save(ENCODER, tmp_path / "first.bin")
    torch.save(DECODER, tmp_path / "second.bin")
    return tmp_path / "first.bin", tmp_path / "second.bin"


def bring(*given: Path, check: Callable[[Path], object] = lambda _: None, force: bool = False) -> Path:
    files = sources("net", [str(path) for path in given], None, SETS)
    return install("net", files, SETS, check=check, force=force)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_files_get_their_usual_names_whatever_they_were_called(root: Path, halves: tuple[Path, Path]) -> None:
    encoder, decoder = halves
    for given in (halves, halves[::-1]):
        folder = bring(*given)
        assert folder == root / "net"
        assert set(contents(folder)) == {"encoder.pt", "decoder.pt", PROVENANCE}
        assert (folder / "encoder.pt").read_bytes() == encoder.read_bytes()
        assert (folder / "decoder.pt").read_bytes() == decoder.read_bytes()


def test_one_file_is_named_by_its_format(root: Path, tmp_path: Path) -> None:
    save_file(ENCODER, tmp_path / "some.thing")
    torch.save(ENCODER, tmp_path / "other.thing")
    assert usual_names("net", [tmp_path / "some.thing"], SETS) == ["net.safetensors"]
    assert usual_names("net", [tmp_path / "other.thing"], SETS) == ["model.pt"]
    assert usual_names("net", [tmp_path / "other.thing"], ()) == ["other.thing"]
    with pytest.raises(TokenBenchError, match=r"net takes whole\.jit; other\.thing is none of these \(pickle\)"):
        usual_names("net", [tmp_path / "other.thing"], [["whole.jit"]])


def test_halves_that_cannot_be_told_apart_are_refused(root: Path, halves: tuple[Path, Path]) -> None:
    shutil.copy(halves[0], halves[1])
    with pytest.raises(TokenBenchError, match=r"is which; name them encoder\.pt and decoder\.pt"):
        bring(*halves)
    assert not root.exists()


def test_provenance_goes_into_later_results(root: Path, tmp_path: Path) -> None:
    torch.save(ENCODER, tmp_path / "mine.pt")
    folder = bring(tmp_path / "mine.pt")
    digest = sha256_of(tmp_path / "mine.pt")
    recorded = {"source": str(tmp_path / "mine.pt"), "revision": None, "files": {"model.pt": digest}}
    assert json.loads((folder / PROVENANCE).read_text()) == recorded
    assert locate("net", None, file_sets=SETS).as_dict() == {**recorded, "sha256": digest}


def test_files_of_the_hub_keep_their_commit(hub: Any) -> None:
    name = f"hf:owner/net@{hub.newest[:9]}"
    sets = (("whole.jit",),)
    folder = install("net", sources("net", [name], None, sets), sets, check=lambda _: None)
    assert folder == weights_root() / "net"
    assert not (folder / "whole.jit").is_symlink()
    found = locate("net", None, file_sets=sets)
    assert (found.source, found.revision) == ("hf:owner/net", hub.newest)


def test_wrong_weights_change_nothing_and_are_named_as_given(root: Path, tmp_path: Path) -> None:
    torch.save(ENCODER, tmp_path / "mine.bin")
    bring(tmp_path / "mine.bin")
    before = contents(root / "net")
    torch.save(DECODER, tmp_path / "other.bin")

    def check(folder: Path) -> None:
        raise TokenBenchError(f"{folder / 'model.pt'} lacks encoder.weight")

    with pytest.raises(TokenBenchError) as error:
        bring(tmp_path / "other.bin", check=check, force=True)
    assert str(error.value) == f"{tmp_path / 'other.bin'} lacks encoder.weight"
    assert contents(root / "net") == before
    assert [path.name for path in root.iterdir()] == ["net"]


def test_other_weights_are_not_replaced_without_force(root: Path, tmp_path: Path) -> None:
    torch.save(ENCODER, tmp_path / "mine.pt")
    torch.save(DECODER, tmp_path / "other.pt")
    bring(tmp_path / "mine.pt")
    bring(tmp_path / "mine.pt")
    with pytest.raises(TokenBenchError, match="holds other weights; replace the folder with --force"):
        bring(tmp_path / "other.pt")
    assert (root / "net/model.pt").read_bytes() == (tmp_path / "mine.pt").read_bytes()
    bring(tmp_path / "other.pt", force=True)
    assert (root / "net/model.pt").read_bytes() == (tmp_path / "other.pt").read_bytes()


@pytest.mark.parametrize("step", ["copy", "swap"])
def test_a_failed_copy_leaves_what_was_there(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    torch.save(ENCODER, tmp_path / "mine.pt")
    torch.save(DECODER, tmp_path / "other.pt")
    bring(tmp_path / "mine.pt")
    before = contents(root / "net")
    rename = Path.rename

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail_once(path: Path, target: Path) -> Path:
        if target == root / "net":
            monkeypatch.setattr(Path, "rename", rename)
            full()
        return rename(path, target)

    if step == "copy":
        monkeypatch.setattr(shutil, "copyfile", full)
    else:
        monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OutputError, match="No space left"):
        bring(tmp_path / "other.pt", force=True)
    assert contents(root / "net") == before
    assert [path.name for path in root.iterdir()] == ["net"]


def test_several_sources_must_be_files(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match=r"is no file; name files, or one folder"):
        sources("net", [str(tmp_path), "hf:owner/net"], None, SETS)
    folders = (tmp_path / "a", tmp_path / "b")
    for folder in folders:
        folder.mkdir()
        torch.save(ENCODER, folder / "x.pt")
    with pytest.raises(TokenBenchError, match="two files are called alike"):
        usual_names("net", [folder / "x.pt" for folder in folders], ())
