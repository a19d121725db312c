"""Which data a table is measured on, and what tells them from the paper's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tomli_w
from numpy.typing import NDArray
from tests_support import write_video

from tokenbench.errors import TokenBenchError
from tokenbench.files import sha256_of_file
from tokenbench.media.image import write_png
from tokenbench.reproduction.plan import load_tables
from tokenbench.reproduction.sections import open_sections


@pytest.fixture
def davis(tmp_path: Path, carphone: NDArray[np.uint8]) -> Path:
    """One of its fifty sequences, in the reduced size."""
    for number, frame in enumerate(carphone[:2]):
        write_png(tmp_path / "DAVIS" / "JPEGImages" / "480p" / "bear" / f"{number:05d}.png", frame)
    return tmp_path / "DAVIS"


def built(folder: Path, frames: NDArray[np.uint8], protocol: str) -> Path:
    """A folder as `tokenbench build-dataset` leaves it, with one clip."""
    path = write_video(folder / "clip.mkv", frames)
    clip = {
        "id": "clip",
        "domain": "driving",
        "kind": "video",
        "file": "clip.mkv",
        "sha256": sha256_of_file(path),
        "bytes": path.stat().st_size,
        "frames": len(frames),
        "fps": 25.0,
        "height": frames.shape[1],
        "width": frames.shape[2],
        "license": "of the test",
        "credit": "the test",
    }
    table = {
        "schema": "tokenbench.manifest/1",
        "name": f"bdd100k-{protocol}",
        "build": {"protocol": protocol},
        "clips": [clip],
    }
    (folder / "bdd100k.toml").write_text(tomli_w.dumps(table))
    return folder


def test_davis_of_another_size_and_number_is_other_data(davis: Path) -> None:
    first, second = open_sections(load_tables()[5], {"davis": str(davis)})
    assert first.dataset is not None
    assert [clip.id for clip in first.dataset.clips] == ["bear"]
    assert first.storage == "h264-qp28"
    assert first.deviations == (
        "the folder given holds davis-480p, and the paper's DAVIS is davis-1080p",
        "clips: 1 in the folder given, 50 in the paper's DAVIS",
    )
    assert second.dataset is None
    assert second.lacking.startswith("data set missing: TokenBench (made by 'tokenbench build-dataset")
    assert second.lacking.endswith("--data tokenbench=FOLDER")


@pytest.mark.parametrize(
    ("protocol", "complaints"),
    [("script", 0), ("native", 1)],
)
def test_a_built_set_must_come_from_the_authors_script(
    tmp_path: Path, carphone: NDArray[np.uint8], protocol: str, complaints: int
) -> None:
    folder = built(tmp_path / "built", carphone[:3], protocol)
    section = open_sections(load_tables()[6], {"tokenbench": str(folder)})[1]
    # Its clips were stored as H.264 when they were built: only reconstructions are stored again.
    assert section.storage == "h264"
    wrong = [reason for reason in section.deviations if "was built by native, and the paper's" in reason]
    assert len(wrong) == complaints
    assert section.deviations[-1] == "clips: 1 in the folder given, 500 in the paper's TokenBench"


def test_mini_stands_in_with_the_tables_kind_of_clips() -> None:
    for number, kind, count in ((5, "video", 3), (7, "image", 9)):
        *paper, mini = open_sections(load_tables()[number], {})
        assert [section.dataset for section in paper] == [None, None]
        assert mini.is_stand_in
        assert mini.dataset is not None
        assert {clip.kind for clip in mini.dataset.clips} == {kind}
        assert len(mini.dataset.clips) == count


def test_a_folder_that_is_no_davis_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenBenchError, match="looks like no DAVIS"):
        open_sections(load_tables()[5], {"davis": str(tmp_path)})
