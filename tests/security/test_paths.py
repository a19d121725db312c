"""Names out of files lead to no place outside the folders that the user gave."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from fuzz_support.corpus import frames, write_run

from tokenbench.datasets.building.names import file_stem
from tokenbench.datasets.manifest import read_manifest
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.files import safe_name
from tokenbench.media import tar
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png
from tokenbench.reporting.runs import load_run

Call = Callable[..., Any]


def manifest(folder: Path, path: Path, **changed: Any) -> Path:
    """Of one photograph."""
    data = path.read_bytes()
    clip = {"id": "a", "domain": "d", "kind": "image", "file": path.name, "sha256": hashlib.sha256(data).hexdigest()}
    clip |= {"bytes": len(data), "height": 48, "width": 64, "license": "l", "credit": "c"} | changed
    made = folder / "set.toml"
    made.write_text(tomli_w.dumps({"schema": "tokenbench.manifest/1", "name": "set", "clips": [clip]}))
    return made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_png(tmp_path / "build/a.png", frames()[0])
    write_png(tmp_path / "secret.png", frames()[1])
    return tmp_path / "build/a.png"


@pytest.mark.parametrize("id_", ["../a", "/etc/a", "a/../../b", "..", "a\0b", ""])
def test_a_clip_is_called_nothing_that_leads_elsewhere(id_: str) -> None:
    with pytest.raises(ClipError, match="leads out of its folder"):
        Clip(id=id_, domain="d", path=Path("a.png"), kind="image")


def test_a_clip_may_be_called_anything_else() -> None:
    for id_ in ("a..b", "...", "a/b", "<script>", "a b'\"", "\N{SNOWMAN}"):
        assert Clip(id=id_, domain="d", path=Path("a.png"), kind="image").id == id_


def test_reconstructions_stay_in_the_folder_of_the_run(photo: Path, tmp_path: Path, tokenbench: Call) -> None:
    made = manifest(photo.parent, photo, id="../../../outside")
    out = tmp_path / "runs/one"
    outcome = tokenbench("eval", "--tokenizer", "haar-8x8", "--dataset", made, "--out", out, "--save-reconstructions")
    assert (outcome.code, "leads out of its folder" in outcome.message) == (2, True)
    assert not list(tmp_path.rglob("outside*"))


@pytest.mark.parametrize("file", ["../secret.png", "/etc/passwd", "sub/../../secret.png"])
def test_a_manifest_names_files_below_itself(file: str, photo: Path) -> None:
    with pytest.raises(TokenBenchError, match="expected a path below the manifest"):
        read_manifest(manifest(photo.parent, photo, file=file))


def test_a_manifest_reads_no_file_through_a_link(photo: Path, tmp_path: Path) -> None:
    link = photo.with_name("link.png")
    link.symlink_to(tmp_path / "secret.png")
    with pytest.raises(TokenBenchError, match="is a link out of the manifest's folder"):
        read_manifest(manifest(photo.parent, link))
    inside = photo.with_name("inside.png")
    inside.symlink_to(photo)
    assert [clip.id for clip in read_manifest(manifest(photo.parent, inside)).clips] == ["a"]


@pytest.mark.parametrize("reference", ["../secret.png", "/etc/passwd", "samples/link.png"])
def test_a_page_takes_up_no_picture_from_elsewhere(
    reference: str, photo: Path, tmp_path: Path, tokenbench: Call
) -> None:
    run = write_run(tmp_path / "run", "haar-4x8x8")
    (run / "samples/link.png").symlink_to(tmp_path / "secret.png")
    result = json.loads((run / "result.json").read_text())
    result["samples"][0]["reference"] = reference
    (run / "result.json").write_text(json.dumps(result))
    with pytest.raises(TokenBenchError, match="expected a p"):
        load_run(run)
    assert tokenbench("report", run, "--out", tmp_path / "report").code == 2


def test_members_of_archives_are_read_in_place(photo: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    link = tarfile.TarInfo("link.png")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.png")
    with tarfile.open(archive, "w") as made:
        made.add(photo, "../../outside.png")
        made.addfile(link)
    before = sorted(tmp_path.rglob("*"))
    assert tar.members(archive) == ["../../outside.png"]
    assert tar.read_member(archive, "../../outside.png") == photo.read_bytes()
    with pytest.raises(ClipError, match="holds no file"):
        tar.read_member(archive, "link.png")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "", "a/b", "a\0b", "~/x", "-rf", "x" * 500, "c:\\x"])
def test_names_of_files_are_made_safe(name: str) -> None:
    for made in (safe_name(name), file_stem(name or "x")):
        assert "/" not in made
        assert "\0" not in made
        assert made not in ("", ".", "..")
        assert not made.startswith("-")
        assert len(made) <= 255
