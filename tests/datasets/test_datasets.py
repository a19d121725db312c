from __future__ import annotations

import hashlib
import os
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tokenbench.datasets.catalog import available, open_dataset
from tokenbench.datasets.folder import VIDEO_SUFFIXES, read_folder
from tokenbench.datasets.manifest import read_manifest
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.media.clip import Clip
from tokenbench.media.image import IMAGE_SUFFIXES


def test_the_embedded_clips_are_what_their_manifest_says() -> None:
    dataset = open_dataset("mini")
    assert {"bigbuckbunny", "bikes", "carphone", "astronaut", "motorcycle_left"} <= {clip.id for clip in dataset.clips}
    for clip in dataset.clips:
        assert clip.probed() == clip
        if clip.kind == "video":
            assert sum(len(chunk) for chunk in clip.chunks(16)) == clip.frames
    stated = tomllib.loads(available()["mini"].read_text())["clips"]
    assert [clip.path.stat().st_size for clip in dataset.clips] == [entry["bytes"] for entry in stated]
    assert [clip.id for clip in dataset.clips] == [entry["id"] for entry in stated]
    assert len(dataset.manifest_sha256) == 64


MANIFEST = """
schema = "tokenbench.manifest/1"
name = "mine"
[[clips]]
id = "cat"
domain = "animals"
kind = "image"
package = "scikit-image"
file = "skimage/data/chelsea.png"
sha256 = "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"
bytes = 240512
height = 300
width = 451
license = "CC0 1.0"
credit = "Stefan van der Walt"
"""


def test_ones_own_manifest_is_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST)
    dataset = open_dataset(str(path))
    assert dataset.name == "mine"
    assert next(dataset.clips[0].chunks(1)).shape == (1, 300, 451, 3)


def test_a_manifest_may_say_which_clips_share_a_source(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    second = MANIFEST[MANIFEST.index("[[clips]]") :].replace('"cat"', '"other"')
    path.write_text(MANIFEST.replace('id = "cat"', 'id = "cat"\nsource = "film 7"') + second)
    assert [clip.source for clip in open_dataset(str(path)).clips] == ["film 7", ""]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bytes = 240512", "bytes = 240511", "has 240512 bytes, expected 240511; install the version"),
        ("chelsea.png", "elsewhere.png", "is missing; reinstall the package 'scikit-image'"),
        ('"scikit-image"', '"no-such-package"', "type 'pip install no-such-package'"),
        ("credit =", "colour =", "has the unknown key 'colour'"),
        ("height = 300\n", "", "clip 1 lacks height"),
        ("manifest/1", "manifest/9", "schema is 'tokenbench.manifest/9'"),
        ("[[clips]]", "[[clips", "not a readable manifest"),
        ("[[clips]]", "[[others]]", "names no clips"),
        ("[[clips]]", "[clips]", "names no clips"),
        ('[[clips]]\nid = "cat"', 'clips = ["cat"]\n[other]', "clip 1 is 'cat', expected a table"),
        ('"cat"', "7", "clip 1: id is 7, expected a string"),
        ('"image"', '"movie"', "clip 1: kind is 'movie', expected 'video' or 'image'"),
        ("height = 300", 'height = "300"', "clip 1: height is '300', expected a whole number of 0 or more"),
        ("height = 300", "height = 0", "clip 1: height is 0, expected a whole number above 0"),
        ("height = 300", "height = 300\nfps = nan", "clip 1: fps is nan, expected a number of 0 or more"),
        ("skimage/data/chelsea.png", "../../chelsea.png", "expected a path below the manifest"),
        ("skimage/data/chelsea.png", "/data/chelsea.png", "expected a path below the manifest"),
    ],
)
def test_a_faulty_manifest_is_one_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST.replace(old, new))
    with pytest.raises(TokenBenchError) as error:
        read_manifest(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_beside_the_manifest_is_found_and_a_missing_one_named(tmp_path: Path, mini: dict[str, Clip]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST.replace("skimage/data/", "").replace('package = "scikit-image"\n', ""))
    with pytest.raises(TokenBenchError, match=r"clip 'cat': .*chelsea\.png is missing; put the file there"):
        read_manifest(path)
    (tmp_path / "chelsea.png").write_bytes(mini["chelsea"].path.read_bytes())
    assert read_manifest(path).clips[0].path == tmp_path / "chelsea.png"


def test_a_clip_that_is_another_than_its_manifest_says_fails_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST.replace("596aa1", "696aa1"))
    (clip,) = read_manifest(path).clips
    with pytest.raises(ClipError, match=r"has sha256 596aa1e7cb875eb7\.\.\., its manifest says 696aa1"):
        clip.probed()


def test_a_manifests_digest_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST)
    before = read_manifest(path).manifest_sha256
    assert before == hashlib.sha256(MANIFEST.encode()).hexdigest()
    path.write_text(MANIFEST + "# a remark\n")
    assert read_manifest(path).manifest_sha256 != before


def test_two_clips_of_one_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST + MANIFEST[MANIFEST.index("[[clips]]") :])
    with pytest.raises(TokenBenchError, match="two clips have the same id 'cat'; rename one"):
        read_manifest(path)


def test_a_folder_is_read_in_the_order_of_names_whatever_lies_deeper(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "even.mkv").rename(folder / "deep" / "B.MKV")
    (folder / ".hidden.mp4").touch()
    (folder / "notes.txt").write_text("no clip")
    dataset = read_folder(folder)
    assert [(clip.id, clip.domain, clip.kind) for clip in dataset.clips] == [
        ("deep/B.MKV", "deep", "video"),
        ("odd.mkv", "clips", "video"),
        ("photo.png", "clips", "image"),
    ]
    assert dataset.clips[0].probed().height == 64
    assert np.concatenate(list(dataset.clips[0].chunks(5))).shape == (14, 64, 80, 3)


def test_a_folders_digest_follows_its_files(folder: Path) -> None:
    before = read_folder(folder).manifest_sha256
    assert read_folder(folder).manifest_sha256 == before
    with (folder / "photo.png").open("ab") as file:
        file.write(b"x")
    assert read_folder(folder).manifest_sha256 != before


def test_files_of_a_folder_are_opened_when_their_turn_comes(folder: Path) -> None:
    (folder / "damaged.mp4").write_text("no video")
    (folder / "gone.png").symlink_to("nowhere")
    clips = {clip.id: clip for clip in read_folder(folder).clips}
    assert set(clips) == {"damaged.mp4", "even.mkv", "gone.png", "odd.mkv", "photo.png"}
    assert {clip.frames for clip in clips.values()} == {0}
    for name in ("damaged.mp4", "gone.png"):
        with pytest.raises(ClipError, match=name):
            clips[name].probed()
    assert clips["photo.png"].probed().width == 102


def test_links_are_followed_but_not_in_circles(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "photo.png").rename(folder / "deep" / "photo.png")
    (folder / "again").symlink_to(folder / "deep")
    names = [clip.id for clip in read_folder(folder).clips]
    assert names == ["again/photo.png", "deep/photo.png", "even.mkv", "odd.mkv"]
    (folder / "again").unlink()
    (folder / "deep" / "up").symlink_to(folder)
    assert [clip.id for clip in read_folder(folder).clips] == names[1:]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes only here")
def test_a_name_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.png")).touch()
    with pytest.raises(TokenBenchError, match=r"the file name 'caf\\udce9\.png' is not UTF-8; rename the file"):
        read_folder(folder)


@pytest.mark.parametrize("suffix", sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
def test_every_suffix_is_known_in_either_case(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a{suffix}").touch()
    (tmp_path / f"B{suffix.upper()}").touch()
    clips = read_folder(tmp_path).clips
    assert [clip.id for clip in clips] == [f"B{suffix.upper()}", f"a{suffix}"]
    assert {clip.kind for clip in clips} == {"image" if suffix in IMAGE_SUFFIXES else "video"}


def test_a_place_without_clips_is_named(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.touch()
    for name, message in (
        (str(tmp_path / "nowhere"), "no data set or folder"),
        ("mini2", "did you mean mini?"),
        (str(file), "is a file; give a folder"),
    ):
        with pytest.raises(TokenBenchError) as error:
            open_dataset(name)
        assert message in str(error.value)
    file.unlink()
    with pytest.raises(TokenBenchError, match="holds no videos or images"):
        open_dataset(str(tmp_path))


def test_manifests_that_come_along_are_found_by_name() -> None:
    assert available()["mini"].name == "mini.toml"
