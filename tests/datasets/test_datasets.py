from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tokenbench.datasets.catalog import available, open_dataset
from tokenbench.datasets.folder import read_folder
from tokenbench.datasets.manifest import read_manifest
from tokenbench.errors import TokenBenchError


def test_the_embedded_clips_are_what_their_manifest_says() -> None:
    dataset = open_dataset("mini")
    assert {"bigbuckbunny", "bikes", "carphone", "astronaut", "motorcycle_left"} <= {clip.id for clip in dataset.clips}
    for clip in dataset.clips:
        assert clip.probed() == clip
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


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("596aa1", "696aa1", "has sha256 596aa1e7cb875eb7..., expected 696aa1"),
        ("chelsea.png", "elsewhere.png", "is missing; reinstall the package 'scikit-image'"),
        ('"scikit-image"', '"no-such-package"', "type 'pip install no-such-package'"),
        ("credit =", "colour =", "unknown keys ['colour']"),
        ("height = 300\n", "", "missing 1 required keyword-only argument: 'height'"),
        ("manifest/1", "manifest/9", "schema is 'tokenbench.manifest/9'"),
        ("[[clips]]", "[[clips", "not a readable manifest"),
        ("[[clips]]", "[[others]]", "names no clips"),
    ],
)
def test_a_faulty_manifest_is_one_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST.replace(old, new))
    with pytest.raises(TokenBenchError) as error:
        read_manifest(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_two_clips_of_one_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MANIFEST + MANIFEST[MANIFEST.index("[[clips]]") :])
    with pytest.raises(TokenBenchError, match="two clips have the same id"):
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
